import re
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_example_runs_as_it_is():
    examples = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)

    assert len(examples) == 1
    exec(compile(examples[0], str(README), "exec"), {})  # noqa: S102 - our own file
