"""Integer products against NumPy, and large columns spread before they are rounded."""

import numpy as np


def test_rows_of_an_integer_product_by_hand():
    """One row a hundred times the other: with one scale for both, the small one would be lost."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    from tracets.encoders.quantise import quantise

    rng = np.random.default_rng(0)
    weights, bias = rng.normal(size=(32, 24)).astype(np.float32), rng.normal(size=24).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="layer/Gemm", transB=1)], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 24])],
        [numpy_helper.from_array(weights.T.copy(), "w"), numpy_helper.from_array(bias, "b")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    assert quantise(model, layers=("other",)) == 0 and quantise(model, layers=("layer",)) == 1
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    x = rng.normal(size=(2, 32)).astype(np.float32) * np.array([[1.0], [100.0]], np.float32)
    scales = np.abs(weights).max(0) / 63, np.abs(x).max(1, keepdims=True) / 127
    expected = np.rint(x / scales[1]) * scales[1] @ (np.rint(weights / scales[0]) * scales[0]) + bias
    (found,) = session.run(None, {"x": x})
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert np.array_equal(session.run(None, {"x": x[:1]})[0], found[:1])
    assert np.abs((found - bias) / (x @ weights) - 1)[np.abs(x @ weights) > np.abs(x).max(1, keepdims=True)].max() < 0.1


def test_examples_spread_a_large_column_over_activations_and_weights():
    """A column a thousand times the others drowns them in an integer product, unless the weights take half of it."""
    from onnx import TensorProto, helper, numpy_helper
    from onnxruntime import InferenceSession

    from tracets.encoders.quantise import quantise

    rng = np.random.default_rng(0)
    weights = rng.normal(size=(32, 24)).astype(np.float32)
    x = rng.normal(size=(50, 32)).astype(np.float32)
    x[:, 3] *= 1000
    weights[3] /= 1000
    errors = []
    for examples in ([], [{"x": x[:20]}, {"x": x[20:40]}]):
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["y"], name="layer")], "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 32])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 24])],
            [numpy_helper.from_array(weights, "w")],
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        quantise(model, layers=("",), examples=examples)
        session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        errors.append(np.abs(session.run(None, {"x": x[40:]})[0] - x[40:] @ weights).mean())
    assert errors[1] < errors[0] / 10
