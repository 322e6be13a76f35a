"""Turns the header bytes of GGUF and safetensors files into columns, without doing I/O."""

from emel_model_format._parse import parse
from emel_model_format.dtypes import DTYPES, DType
from emel_model_format.header import Header, Tensors
from emel_model_format.metadata import Metadata, PackedArrays, PackedStrings
from emel_model_format.outcomes import NeedMore, Refusal

__all__ = [
    "DTYPES",
    "DType",
    "Header",
    "Metadata",
    "NeedMore",
    "PackedArrays",
    "PackedStrings",
    "Refusal",
    "Tensors",
    "parse",
]
