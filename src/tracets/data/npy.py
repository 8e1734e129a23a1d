"""Arrays as the bytes of an .npy file, from outside: no pickle, and no more memory than the bytes themselves."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

LONGEST_HEADER = 10_000
"""Bytes; headers are read as Python literals, which may nest."""


def read_npy(data: bytes) -> NDArray[Any]:
    """The array that the bytes of an .npy file hold; it shares their memory and is read-only.

    Raises
    ------
    ValueError
        No .npy, an array of objects (a pickle), or a shape that needs other bytes than those that follow.

    Examples
    --------
    >>> buffer = io.BytesIO()
    >>> np.save(buffer, np.arange(6.0).reshape(2, 3))
    >>> read_npy(buffer.getvalue()).shape
    (2, 3)
    """
    if not isinstance(data, bytes):
        raise ValueError(f"bytes are wanted, got {type(data).__name__}")
    file = io.BytesIO(data)
    version = npy.read_magic(file)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"version {version} of .npy is not read")
    try:
        shape, in_columns, dtype = read(file, max_header_size=LONGEST_HEADER)
    except Exception as error:  # of the tokenizer, the parser or dtypes: NumPy passes on what they raise
        raise ValueError(f"its header cannot be read ({type(error).__name__})") from error
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are not read")
    given = len(data) - file.tell()
    wanted = math.prod(shape) * dtype.itemsize
    if wanted != given or min(shape, default=0) < 0:
        raise ValueError(f"its shape {shape} of {dtype} needs {wanted} bytes, {given} follow")
    array = np.frombuffer(data, dtype, offset=file.tell())
    return array.reshape(shape, order="F" if in_columns else "C")
