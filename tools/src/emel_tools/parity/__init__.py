"""What the lane `parity` compares: every tensor, through every way, with independent readers.

Checkpoints are written by gguf-py and safetensors; what neither writes (alignments that are odd,
types of less than a byte) is written field by field, and still read by them. Nothing expected comes
from emel.
"""
