"""Sums of lagged products by a Fourier transform, in torch and as an ONNX graph."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def lagged_products(x: Tensor) -> Tensor:
    """The sum of x[i] * x[i + lag] for every lag from 0 to t - 1: (n, c, t) -> (n, c, t).

    Examples
    --------
    >>> lagged_products(torch.tensor([[[1.0, 2.0, 3.0]]])).round().tolist()
    [[[14.0, 8.0, 3.0]]]
    """
    if torch.onnx.is_in_onnx_export():
        return _InGraph.apply(x)
    t = x.shape[-1]
    spectrum = torch.fft.rfft(x, 2 * t)
    return torch.fft.irfft(spectrum * spectrum.conj(), 2 * t)[..., :t]


class _InGraph(torch.autograd.Function):
    """The same in operators of ONNX, which has no complex numbers: real and imaginary parts lie in a last axis."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.zeros_like(x)  # the tracer asks for the shape only

    @staticmethod
    def symbolic(g: Any, x: Any) -> Any:
        def const(value: Any, dtype: torch.dtype = torch.int64) -> Any:
            return g.op("Constant", value_t=torch.tensor(value, dtype=dtype))

        steps = g.op("Slice", g.op("Shape", x), const([2]), const([3]))
        # a power of two, at least 2 t: the transform is fast there, and nothing wraps around
        exponent = g.op("Div", g.op("Log", g.op("Cast", steps, to_i=11)), g.op("Log", const(2.0, torch.float64)))
        whole = g.op("Add", g.op("Ceil", exponent), const(1.0, torch.float64))
        length = g.op("Cast", g.op("Pow", const(2.0, torch.float64), whole), to_i=7)
        behind = g.op("Concat", const([0, 0, 0, 0, 0]), g.op("Sub", length, steps), axis_i=0)
        padded = g.op("Reshape", g.op("Pad", x, behind), g.op("Concat", const([-1]), length, const([1]), axis_i=0))
        spectrum = g.op("DFT", padded, axis_i=1)
        power = g.op("ReduceSum", g.op("Mul", spectrum, spectrum), const([-1]), keepdims_i=1)
        sums = g.op("Slice", g.op("DFT", power, axis_i=1, inverse_i=1), const([0]), const([1]), const([2]))
        sums = g.op("Slice", g.op("Squeeze", sums, const([2])), const([0]), steps, const([1]))
        out = g.op("Reshape", sums, g.op("Shape", x))
        out.setType(x.type())
        return out
