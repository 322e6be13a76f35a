import re
from pathlib import Path

import numpy as np
import pytest

from emel_io_loader import Spans, Targets
from emel_io_staged import StagedStrategy

EXAMPLES = re.findall(
    r"```python\n(.*?)```", (Path(__file__).parents[1] / "README.md").read_text("utf-8"), re.DOTALL
)


@pytest.mark.behaviour("STG-13")
def test_the_example_of_the_readme_runs():
    exec(EXAMPLES[0], {})  # noqa: S102


@pytest.mark.behaviour("STG-03", "STG-13")
def test_the_transform_of_the_readme_is_one(tmp_path):
    names = {}
    exec(EXAMPLES[1], names)  # noqa: S102
    numbers = np.arange(100, dtype=np.float32)
    (tmp_path / "a").write_bytes(numbers.tobytes())
    with StagedStrategy(chunk_nbytes=30, stages=2) as strategy:
        out = np.empty(100, np.float32)
        spans = Spans([str(tmp_path / "a")], [0], [0], [400])
        assert strategy.load_through(spans, Targets.each([out]), [names["Negation"]()]).ok
    assert out.tolist() == (-numbers).tolist()
