"""The documents: what is generated of them, what they show, and what they refer to.

`table.py` says which file comes from which function; `examples.py` runs what they show, and
`references.py` looks up what they mention.
"""
