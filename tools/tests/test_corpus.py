"""Each entry of the corpus is a case: the snapshot of the suite counts them, so none goes unseen.

It isn't beside the tests of the fuzzing, which are left out where nothing that they call has
changed: an entry that is new is called by nobody.
"""

from pathlib import Path

import pytest

from emel_tools.fuzzing import corpus
from emel_tools.gates.fuzz import LANE

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / corpus.FOLDER


@pytest.mark.behaviour("GATE-56")
@pytest.mark.parametrize(
    "name", [path.relative_to(CORPUS).as_posix() for path in sorted(CORPUS.rglob("*.txt"))]
)
def test_every_entry_of_the_committed_corpus_says_why_and_is_replayed(name):
    path = CORPUS / name
    shard = path.relative_to(CORPUS).parent.as_posix()
    package = shard.partition("/")[0]
    assert package in {each.name for each in LANE.shards(ROOT)}
    (entry,) = (e for e in corpus.entries(ROOT, shard) if e.path == path)
    assert len(entry.reason) > 20
    assert entry.data if package == "model_format" else entry.moves
