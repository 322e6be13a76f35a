"""What the lane `determinism` compares: one transcript, written by processes that differ.

`saying` is the transcript: everything that emel says of a few checkpoints. `variants` are the
processes, each different in what must not matter. What differs between two transcripts is a finding
with both texts.
"""
