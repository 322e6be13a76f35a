"""Each package by itself: tested where nothing is installed but what its pyproject.toml declares.

`environments` makes and keeps those environments, `probe` runs inside one of them, and
`python -m emel_tools.boundaries.isolation` reports what was missing.
"""
