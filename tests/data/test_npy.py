"""Arrays from bytes: what NumPy writes, and headers that lie."""

import io
import pickle

import numpy as np
import pytest

from tracets.data.npy import read_npy


def written(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["<f4", ">f8", "<i2", "|b1", "<c8", "<U3"])
@pytest.mark.parametrize("shape", [(7, 3), (0, 4), (5,), ()])
def test_equals_numpy(kind, shape):
    array = np.arange(np.prod(shape, dtype=int)).astype(kind).reshape(shape)
    if not array.size:
        np.testing.assert_array_equal(np.load(io.BytesIO(written(array))), array)
    for given in (array, np.asfortranarray(array)):
        found = read_npy(written(given))
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


def headed(header, data=b"\0" * 84):
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (written(np.array([{}], object), allow_pickle=True), "Python objects"),
        (pickle.dumps([1]), "magic"),
        (b"", "magic"),
        (
            headed("{'descr': '<f4', 'fortran_order': False, 'shape': (7, 1000000000000)}"),
            "needs 28000000000000 bytes, 84",
        ),
        (headed("{'descr': '<f4', 'fortran_order': False, 'shape': (-7, -3)}"), "needs 84 bytes, 84 follow"),
        (headed("{'descr': '<f4', 'fortran_order': False, 'shape': (7, 3)}", b"\0" * 83), "needs 84 bytes, 83 follow"),
        (headed("{'descr': '|V1000000000', 'fortran_order': False, 'shape': (1,)}"), "needs 1000000000 bytes"),
        (headed("(" * 9000), "header cannot be read"),
        (headed("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"), "Python objects"),
        (b"\x93NUMPY\x03\x00\x00\x00\x00\x00", "version"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "header cannot be read"),
    ],
)
def test_what_lies_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        read_npy(data)


def test_not_bytes():
    with pytest.raises(ValueError, match="bytes are wanted, got NoneType"):
        read_npy(None)
