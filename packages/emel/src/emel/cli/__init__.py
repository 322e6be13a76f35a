"""The `emel` command: what it says on a terminal, and what it says to machines."""

from __future__ import annotations

import sys
from functools import cache, partial

import typer
from typer.main import get_command

from emel.cli import render
from emel.cli._platform import hang_up
from emel.cli.digest import digest
from emel.cli.inspect import inspect
from emel.cli.load import load
from emel.cli.verify import verify
from emel.errors import EmelError

app = typer.Typer(
    name="emel",
    help="Look into model weights (GGUF, safetensors), load them, digest and compare them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(inspect)
app.command()(load)
app.command()(digest)
app.command()(verify)
command = cache(partial(get_command, app))
"""Makes the command of its description, once in a process."""


def main() -> None:
    """Run the command; an `EmelError` is one line on stderr and exit code 1."""
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] - started with it closed
        sys.exit("emel: there is no standard output to write to")
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")  # a terminal that isn't UTF-8 gets escapes
    try:
        try:
            command()()
        except SystemExit:
            sys.stdout.flush()  # here, where a failure is heard: at exit it would be code 120
            raise
    except EmelError as error:
        _flush()
        sys.exit(_line(error))
    except BrokenPipeError:
        hang_up()
        sys.exit(1)
    except MemoryError:
        sys.exit("emel: there is not enough memory")
    except OSError as error:  # of writing: everything else is an EmelError
        hang_up()
        sys.exit(_line(error))


def _line(error: Exception) -> str:
    """Say an error on one line: it may name what the file names, of any characters."""
    return render.text(f"emel: {' '.join(str(error).splitlines())}")


def _flush() -> None:
    """Say what was said until an error came; if nobody listens, the error is what matters."""
    try:
        sys.stdout.flush()
    except OSError:
        hang_up()
