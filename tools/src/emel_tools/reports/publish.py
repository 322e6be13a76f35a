"""Write every form of a run."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from emel_tools.reports.history import history
from emel_tools.reports.junit import junit_of
from emel_tools.reports.markdown import LIMIT, annotations_of, markdown_of
from emel_tools.reports.page import Surroundings, page_of
from emel_tools.reports.picture import house_of
from emel_tools.reports.sarif import sarif_of
from emel_tools.running import record
from emel_tools.running.console import say
from emel_tools.running.run import Run


def publish(
    root: Path, run: Run, folder: Path, environment: Mapping[str, str] = os.environ
) -> list[str]:
    """Write `gate.json`, `junit.xml`, `gate.sarif`, `summary.md` and `index.html`.

    Under GitHub Actions the summary is appended to the step's too, and the first ten findings are
    printed as annotations.

    Parameters
    ----------
    root
        Of the repository, whose history and house the page shows.
    run
        What is written.
    folder
        Where; made if it isn't there.
    environment
        Where GitHub says what it wants.

    Returns
    -------
    list
        What couldn't be written, and why. One form that can't be written hides no other.
    """
    forms: Mapping[str, Callable[[], str]] = {
        "gate.json": lambda: record.text_of(run),
        "junit.xml": lambda: junit_of(run),
        "gate.sarif": lambda: sarif_of(run),
        "summary.md": lambda: markdown_of(run),
        "index.html": lambda: page_of(run, Surroundings(history(root), house_of(root))),
    }
    trouble = [line for name, form in forms.items() for line in _write(folder / name, form)]
    if step := environment.get("GITHUB_STEP_SUMMARY"):
        trouble += _append(Path(step), run)
    if environment.get("GITHUB_ACTIONS") == "true":
        for line in annotations_of(run):
            say(line)
    return trouble


def _write(path: Path, form: Callable[[], str]) -> Iterator[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(form(), encoding="utf-8", newline="\n")
    except Exception:
        yield f"{path.name} couldn't be written:\n{traceback.format_exc()}"


def _append(path: Path, run: Run) -> Iterator[str]:
    """Append to the summary of the step, as far as there is room left in it."""
    try:
        room = LIMIT - (path.stat().st_size if path.exists() else 0)
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(markdown_of(run, max(room, 0)) + "\n")
    except Exception:
        yield f"the summary of the step couldn't be written:\n{traceback.format_exc()}"
