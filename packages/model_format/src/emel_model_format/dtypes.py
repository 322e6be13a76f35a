"""The types that tensors can have: one table for GGUF and safetensors.

Sources: GGUF's type ids and block sizes are those of ggml (`ggml.h`, `enum ggml_type`, and the
block structures of `ggml-common.h`), which gguf-py repeats as `GGML_QUANT_SIZES`; a test compares.
safetensors' names and widths are those of the enum `Dtype` in its `tensor.rs`. Where both formats
have a name, it means the same numbers, so it is one row.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

ByteOrder: TypeAlias = Literal["little", "big"]

UNKNOWN: Final = 255
"""The code of a type that the table lacks; no header that was accepted contains it."""


@dataclass(frozen=True, slots=True)
class DType:
    """One type of tensor elements.

    Elements come in blocks of `block` elements that take `block_nbytes` bytes together. For plain
    types a block is one element, and `numpy` has a type for it. The others are `raw`: their arrays
    are the uint8 bytes of the blocks.
    """

    name: str
    """The format's own name in upper case: "F32", "Q4_K", "F8_E4M3"."""
    block: int
    """Elements in a block."""
    block_nbytes: int
    """Bytes of a block."""
    scalar: str = ""
    """Name of the scalar type in numpy or ml_dtypes; empty for raw types."""
    by_row: bool = True
    """True: each row (last axis) is whole blocks, as in GGUF. False: only the whole tensor is."""

    @property
    def raw(self) -> bool:
        """True if arrays of this type are the uint8 bytes of its blocks."""
        return not self.scalar

    def numpy(self, byteorder: ByteOrder = "little") -> np.dtype[np.generic]:
        """Return the numpy type of arrays that are stored in this byte order.

        uint8 for raw types. ml_dtypes has no byte-swapped bfloat16, so "BF16" in a big-endian file
        is big-endian uint16: the bits, to be swapped and viewed as bfloat16 by the caller.
        """
        dtype = _scalar_dtype(self.scalar or "uint8")
        if byteorder == "little" or dtype.itemsize == 1:
            return dtype.newbyteorder("<") if dtype.isbuiltin == 1 else dtype
        return dtype.newbyteorder(">") if dtype.isbuiltin == 1 else np.dtype(">u2")


@cache
def _scalar_dtype(name: str) -> np.dtype[np.generic]:
    try:
        return np.dtype(name)
    except TypeError:  # not one of numpy's own
        import ml_dtypes  # noqa: PLC0415 - its import costs more than parsing most headers

        return np.dtype(getattr(ml_dtypes, name))


# name, elements in a block, bytes of a block, GGUF type id
_GGUF_BLOCKS: Final = (
    ("Q4_0", 32, 18, 2),
    ("Q4_1", 32, 20, 3),
    ("Q5_0", 32, 22, 6),
    ("Q5_1", 32, 24, 7),
    ("Q8_0", 32, 34, 8),
    ("Q8_1", 32, 40, 9),
    ("Q2_K", 256, 84, 10),
    ("Q3_K", 256, 110, 11),
    ("Q4_K", 256, 144, 12),
    ("Q5_K", 256, 176, 13),
    ("Q6_K", 256, 210, 14),
    ("Q8_K", 256, 292, 15),
    ("IQ2_XXS", 256, 66, 16),
    ("IQ2_XS", 256, 74, 17),
    ("IQ3_XXS", 256, 98, 18),
    ("IQ1_S", 256, 50, 19),
    ("IQ4_NL", 32, 18, 20),
    ("IQ3_S", 256, 110, 21),
    ("IQ2_S", 256, 82, 22),
    ("IQ4_XS", 256, 136, 23),
    ("IQ1_M", 256, 56, 29),
    ("TQ1_0", 256, 54, 34),
    ("TQ2_0", 256, 66, 35),
    ("MXFP4", 32, 17, 39),
    ("NVFP4", 64, 36, 40),
    ("Q1_0", 128, 18, 41),
)

# name, bytes of an element, scalar type, GGUF type id (None: safetensors alone has it),
# True if safetensors has it
_PLAIN: Final = (
    ("F32", 4, "float32", 0, True),
    ("F16", 2, "float16", 1, True),
    ("I8", 1, "int8", 24, True),
    ("I16", 2, "int16", 25, True),
    ("I32", 4, "int32", 26, True),
    ("I64", 8, "int64", 27, True),
    ("F64", 8, "float64", 28, True),
    ("BF16", 2, "bfloat16", 30, True),
    ("BOOL", 1, "bool", None, True),
    ("U8", 1, "uint8", None, True),
    ("U16", 2, "uint16", None, True),
    ("U32", 4, "uint32", None, True),
    ("U64", 8, "uint64", None, True),
    ("C64", 8, "complex64", None, True),
    ("F8_E4M3", 1, "float8_e4m3fn", None, True),
    ("F8_E5M2", 1, "float8_e5m2", None, True),
    ("F8_E8M0", 1, "float8_e8m0fnu", None, True),
    ("F8_E4M3FNUZ", 1, "float8_e4m3fnuz", None, True),
    ("F8_E5M2FNUZ", 1, "float8_e5m2fnuz", None, True),
)

# safetensors' types of less than a byte: name, elements, bytes that they fill exactly
_SUB_BYTE: Final = (("F4", 2, 1), ("F6_E2M3", 4, 3), ("F6_E3M2", 4, 3))

DTYPES: Final[tuple[DType, ...]] = (
    *(DType(name, 1, nbytes, scalar) for name, nbytes, scalar, _, _ in _PLAIN),
    *(DType(name, block, nbytes) for name, block, nbytes, _ in _GGUF_BLOCKS),
    *(DType(name, block, nbytes, by_row=False) for name, block, nbytes in _SUB_BYTE),
)
"""Every known type; `Tensors.dtype` holds indices into this tuple."""

_CODES: Final = {dtype.name: code for code, dtype in enumerate(DTYPES)}

SAFETENSORS_CODES: Final[dict[str, int]] = {
    name: _CODES[name] for name in [*(row[0] for row in _PLAIN), *(row[0] for row in _SUB_BYTE)]
}
"""Name in a safetensors header -> index into DTYPES."""


def _gguf_codes() -> NDArray[np.uint8]:
    codes = np.full(256, UNKNOWN, np.uint8)
    for name, _, _, number, _ in _PLAIN:
        if number is not None:
            codes[number] = _CODES[name]
    for name, _, _, number in _GGUF_BLOCKS:
        codes[number] = _CODES[name]
    codes.setflags(write=False)
    return codes


GGUF_CODES: Final[NDArray[np.uint8]] = _gguf_codes()
"""(256,) uint8: GGUF type id -> index into DTYPES, or UNKNOWN."""

BLOCK: Final = np.array([dtype.block for dtype in DTYPES] + [1] * (256 - len(DTYPES)), np.int64)
BLOCK_NBYTES: Final = np.array(
    [dtype.block_nbytes for dtype in DTYPES] + [1] * (256 - len(DTYPES)), np.int64
)
BY_ROW: Final = np.array([dtype.by_row for dtype in DTYPES] + [True] * (256 - len(DTYPES)))
"""(256,) each: the table as columns, so that whole headers are measured at once."""
