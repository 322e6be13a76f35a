"""FMT-01, FMT-02: the table of types against independent ones."""

import gguf
import ml_dtypes
import numpy as np
import pytest

from emel_model_format import DTYPES
from emel_model_format.dtypes import GGUF_CODES, SAFETENSORS_CODES, UNKNOWN

BY_NAME = {dtype.name: dtype for dtype in DTYPES}


@pytest.mark.behaviour("FMT-01")
def test_gguf_types_are_those_of_the_independent_table():
    found = {
        number: (DTYPES[code].name, DTYPES[code].block, DTYPES[code].block_nbytes)
        for number, code in enumerate(GGUF_CODES.tolist())
        if code != UNKNOWN
    }
    assert found == {
        int(kind): (kind.name, *sizes) for kind, sizes in gguf.GGML_QUANT_SIZES.items()
    }


@pytest.mark.behaviour("FMT-01", "FMT-02")
def test_names_are_unique_and_sizes_are_those_of_numpy():
    assert len(BY_NAME) == len(DTYPES) < UNKNOWN
    for dtype in DTYPES:
        assert dtype.raw == (dtype.numpy() == np.uint8 and dtype.name != "U8")
        if not dtype.raw:
            assert (dtype.block, dtype.block_nbytes) == (1, dtype.numpy().itemsize)


@pytest.mark.behaviour("FMT-02")
def test_safetensors_has_its_22_types():
    assert len(SAFETENSORS_CODES) == 22
    assert all(DTYPES[code].name == name for name, code in SAFETENSORS_CODES.items())


@pytest.mark.behaviour("FMT-01")
def test_byte_orders():
    assert BY_NAME["F32"].numpy("big") == np.dtype(">f4")
    assert BY_NAME["F32"].numpy() == np.dtype("<f4")
    assert BY_NAME["BOOL"].numpy("big") == np.bool_
    assert BY_NAME["F8_E4M3"].numpy("big") == ml_dtypes.float8_e4m3fn
    assert BY_NAME["BF16"].numpy() == ml_dtypes.bfloat16
    assert BY_NAME["BF16"].numpy("big") == np.dtype(">u2")  # ml_dtypes can't swap
    assert BY_NAME["Q4_K"].numpy("big") == np.uint8
