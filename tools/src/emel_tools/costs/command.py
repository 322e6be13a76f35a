"""What is asked of the command line: `emel` with its words, in this process."""

from __future__ import annotations

import contextlib
import io
import sys
import unittest.mock
from collections.abc import Callable
from importlib.metadata import entry_points

import emel
from emel_tools.costs.site import Site
from emel_tools.costs.workload import Action, RefusedError


def command(*words: str) -> Action:
    """Run `emel` with these words."""
    (installed,) = entry_points(group="console_scripts", name="emel")
    main: Callable[[], None] = installed.load()

    def act() -> None:
        out = io.StringIO()
        given = unittest.mock.patch.object(sys, "argv", ["emel", *words])
        with given, contextlib.redirect_stdout(out):
            try:
                main()
            except SystemExit as end:
                if end.code:
                    raise RefusedError(f"emel {' '.join(words)}: {end.code}") from None

    return act


def inspected(site: Site, items: int = 16) -> Action:
    """Run `emel inspect` on a file."""
    return command("inspect", "--json", site.gguf(items, 64))


def added_up(site: Site) -> Action:
    """Run `emel digest` on a file."""
    return command("digest", "--strategy=read", site.gguf(16, 64))


def inspected_tokens(site: Site, items: int) -> Action:
    """Run `emel inspect` on a file with a vocabulary."""
    return command("inspect", "--json", site.gguf(4, 64, tokens=items))


def listed(site: Site, items: int) -> Action:
    """Run `emel inspect` on a file with a vocabulary, and have all listed: tensors and metadata."""
    return command("inspect", "--tensors", "--metadata", site.gguf(items, 64, tokens=4096))


def moved(site: Site) -> Action:
    """Run `emel load` on a file."""
    return command("load", "--json", "--strategy=read", "--threads=1", site.gguf(40, 64))


def compared(site: Site) -> Action:
    """Run `emel verify` on two files."""
    return command("verify", "--strategy=mmap", site.gguf(16, 64), site.safetensors(16, 64))


def recorded(site: Site) -> Action:
    """Run `emel verify` on a file and what was recorded of it."""
    path = site.gguf(16, 64)
    with emel.open(path, "read") as model:
        digest = model.digest()
    lines = [f"{value}  {name}" for name, value in digest.tensors.items()]
    record = site.text("record.txt", "\n".join([*lines, f"{digest.model}  (model)", ""]))
    return command("verify", "--strategy=mmap", path, record)
