"""What ruff and basedpyright find, counted by file, scope and rule; suppressions count as well.

`gates.lint` and `gates.types` hand out the counts, and `emel_tools.snapshots` holds them in both
directions. docs/design/ratchets.md says what is counted, and why.
"""
