import re
from pathlib import Path

import pytest


@pytest.mark.behaviour("READ-01", "READ-04")
def test_the_example_of_the_readme_runs():
    text = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], {})  # noqa: S102
