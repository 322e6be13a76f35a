import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.behaviour("DOC-01")
@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_readme_run(example):
    exec(compile(example, str(README), "exec"), {"__name__": "readme"})  # noqa: S102 - our own text


@pytest.mark.behaviour("DOC-01")
def test_there_are_examples():
    assert EXAMPLES
