"""The kind of machine that a ratio to a control was measured on."""

from __future__ import annotations

import platform
import re
import sys
from pathlib import Path
from typing import Final

KEY: Final = "of the kind of machine"
"""The line of a snapshot that says it; sorted among the cases."""


def kind() -> str:
    """Name architecture, model of processor and version of Python; nothing tells the host."""
    path = Path("/proc/cpuinfo")
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    numbers = re.findall(r"^(?:cpu family|model)\s*: (\d+)$", text, re.MULTILINE)
    model = ".".join(numbers[:2]) or "unknown"
    python = "{}.{}".format(*sys.version_info)
    return f"{platform.machine()} {model}, Python {python}"
