"""A tool that can't do its work."""

from __future__ import annotations

from emel_tools.findings import Finding


class BrokenToolError(Exception):
    """A tool ended without an answer that can be read."""

    def __init__(self, tool: str, exit_code: int, said: str) -> None:
        super().__init__(f"{tool} ended with exit code {exit_code}: {said or 'without a word'}")
        self.tool = tool

    def finding(self) -> Finding:
        """Say it as a finding of every shard that waited for the answer."""
        fix = f"mend what it complains of, in [tool.{self.tool}] if it is the configuration"
        return Finding("pyproject.toml", 0, 0, "broken-tool", str(self), fix)
