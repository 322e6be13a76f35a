"""What gates say, in the forms that people, scripts, code scanning and CI read.

`forms` has those of a single gate (`--json`, `--sarif`, `--github`). `publish` writes those of a
whole run: `gate.json`, `junit.xml`, `gate.sarif`, `summary.md` and `index.html`, a module a form.
All of them are the same for the same run, and for the same history in git.
"""

from emel_tools.reports.forms import FORMS, as_github, as_json, as_sarif, report, verdict

__all__ = ["FORMS", "as_github", "as_json", "as_sarif", "report", "verdict"]
