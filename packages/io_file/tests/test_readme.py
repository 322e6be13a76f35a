import re
from pathlib import Path

import pytest


@pytest.mark.behaviour("MAP-01", "MAP-07")
def test_the_example_of_the_readme_runs():
    text = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], {})  # noqa: S102
