"""`python -m emel` is the `emel` command."""

from emel.cli import main

main()
