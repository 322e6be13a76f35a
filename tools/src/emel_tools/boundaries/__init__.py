"""The boundaries of the house: one table, `.importlinter`, and what holds the sources to it.

import-linter sees imports between modules, and is green about a package that is missing from its
roots, a folder without `__init__.py`, a misspelt name, a second configuration, and everything that
is reached without an import statement. `rules` look at the first; our own types of contract
(`capability`, `interface`, `vocabulary`), which import-linter runs itself, at the last.
"""
