"""What a lane's process finds in its environment: the same on every machine and in every terminal.

What a person has set for other purposes (colours, widths, options of pytest) doesn't reach it, and
neither does what GitHub sets, so that what a test prints is no annotation. Strings are hashed
by the run's seed: another run finds other orders of sets, and the same seed the same again.
Nothing here multiplies matrices, so that numpy needn't start threads for it: a process that imports
it has a third less to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

MARK: Final = "EMEL_GATE_RUNS"
"""The variable by which a run recognises all that it started; a run within a run adds to it."""
_FOREIGN: Final = re.compile(
    r"COLUMNS|LINES|TERM|COLORTERM|NO_COLOR|FORCE_COLOR|PY_COLORS|CLICOLOR(_FORCE)?|TTY_.*"
    r"|LANG|LANGUAGE|LC_.*|TZ|SHELL|EDITOR|VISUAL|PAGER|VIRTUAL_ENV"
    r"|(GITHUB|HYPOTHESIS|NOX|PYTEST|RUFF)_.*|PYTHON(?!PATH$|PYCACHEPREFIX$).*"
)


def environment(given: Mapping[str, str], seed: int, token: str) -> dict[str, str]:
    """Make the environment of a lane's process.

    Parameters
    ----------
    given
        The environment of the gate.
    seed
        Of the run.
    token
        What the run recognises its processes by.
    """
    kept = {name: text for name, text in given.items() if not _FOREIGN.fullmatch(name)}
    return {
        **kept,
        "LC_ALL": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONHASHSEED": str(seed % 2**32),
        "PYTHONUTF8": "1",
        "TERM": "dumb",
        "TZ": "UTC",
        MARK: f"{given.get(MARK, '')} {token}".strip(),
    }
