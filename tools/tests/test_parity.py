"""The lane parity: what comes out otherwise than independent readers have it is found."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import emel
from emel_tools.findings import Finding
from emel_tools.gates.parity import LANE
from emel_tools.parity import run, vast, ways, written
from emel_tools.parity.expected import PLAIN, of_safetensors
from emel_tools.running import Job

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Every type of safetensors, at odd places; the first that the lane compares."""
    return next(written.all_safetensors(tmp_path_factory.mktemp("parity")))


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """A tensor that will differ, and some before and behind it."""
    path = tmp_path_factory.mktemp("parity") / "few.safetensors"
    kinds = ("f8", "u8", "c8", "i4", "i2", "f2", "u1", "?")
    arrays = {kind: np.arange(12).astype(kind).reshape(3, 4) for kind in kinds}
    save_file(arrays | {"no axis": np.array(3.5, "f4")}, path)
    return of_safetensors("few", path, [path])


def compared(checkpoint, *names):
    return run.compare(ROOT, [checkpoint], names).findings


@pytest.mark.behaviour("GATE-60")
def test_what_is_compared_has_every_type_and_odd_places(checkpoint):
    assert {tensor.dtype for tensor in checkpoint.tensors} >= {*PLAIN, "F4", "F6_E2M3", "F6_E3M2"}
    assert any(not tensor.nbytes for tensor in checkpoint.tensors)
    with emel.open(checkpoint.opened) as model:
        assert any(model.info(name).offset % 2 for name in model)
    assert compared(checkpoint, "described") == []


@pytest.mark.behaviour("GATE-60")
@pytest.mark.parametrize("way", [name for name in ways.WAYS if name != "described"])
def test_a_byte_that_differs_is_found_in_every_way(few, way):
    number = next(i for i, t in enumerate(few.tensors) if t.dtype == "I32" and t.nbytes)
    tensors = list(few.tensors)
    array = tensors[number].array.copy()
    array.reshape(-1).view(np.uint8)[:] ^= 1
    tensors[number] = tensors[number]._replace(array=array, numbers=array.astype(np.float32))
    findings = compared(few._replace(tensors=tuple(tensors)), way)
    # Half of the tensors go into one buffer, as far as names are even.
    assert findings or (way == "loaded into one buffer" and number % 2)
    for finding in findings:
        assert tensors[number].name in finding.what
        assert finding.rule == way.replace(" ", "-")


@pytest.mark.behaviour("GATE-60")
@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda t: t._replace(array=t.array.view(np.uint32)), "dtype"),
        (lambda t: t._replace(array=t.array.reshape(-1)), "shape"),
    ],
)
def test_another_dtype_or_shape_is_found(checkpoint, change, what):
    tensors = [change(t) if t.dtype == "I32" else t for t in checkpoint.tensors]
    findings = compared(checkpoint._replace(tensors=tuple(tensors)), "asked for one by one")
    assert findings
    assert all(f", {what}: expected" in finding.what for finding in findings)


@pytest.mark.behaviour("GATE-60")
@pytest.mark.parametrize(
    ("lie", "right"),
    [
        (np.ascontiguousarray, True),
        (lambda array: array[::-1, ::-1], True),
        (np.asfortranarray, False),
        (lambda array: np.repeat(array, 2, 1)[:, ::2], False),
    ],
)
def test_memory_that_no_copy_of_numpys_has_is_found(few, lie, right):
    tensor = next(each for each in few.tensors if each.dtype == "I16")
    array = lie(tensor.array)
    found = ways.differing(tensor._replace(array=array.copy()), array)
    assert (found is None) is right
    assert right or (found.what, found.expected) == ("strides", "C order without gaps")


@pytest.mark.behaviour("GATE-134")
def test_what_lies_past_4_gib_is_looked_at_and_takes_no_room(tmp_path):
    made = vast.vast(tmp_path)
    first, second = made.tensors
    assert first.nbytes > 1 << 32
    assert made.opened.stat().st_blocks * 512 < 1 << 21
    assert run.compare(ROOT, [made], vast.VAST_WAYS).findings == []
    beside = first.array[:, ::-1]
    for lying, way in (
        ((first._replace(array=beside), second), "looked at past 4 GiB"),
        ((first, second._replace(array=second.array + 1)), "read behind 4 GiB"),
    ):
        findings = run.compare(ROOT, [made._replace(tensors=lying)], vast.VAST_WAYS).findings
        assert [f.rule for f in findings] == [way.replace(" ", "-")] * len(ways.OPENINGS)


@pytest.mark.behaviour("GATE-60", "GATE-134")
@pytest.mark.parametrize("kind", ["gguf", "safetensors"])
def test_what_is_written_is_compared_and_kept_only_if_it_differs(monkeypatch, tmp_path, kind):
    asked = []

    def compare(_root, checkpoints, *_, **__):
        asked.append([checkpoint.label for checkpoint in checkpoints])
        return run.Compared(findings, "all")

    monkeypatch.setattr(run, "compare", compare)
    for findings in ([], [Finding("a", 1, 0, "r", "w", "f")]):
        compared = run.generated(tmp_path, tmp_path / "made", kind, full=True)
        assert (tmp_path / "made").exists() is bool(findings)
        assert compared.findings == findings * (2 if kind == "safetensors" else 1)
        assert (asked[-1] == ["a vast tensor"]) is (kind == "safetensors")


@pytest.mark.behaviour("GATE-60")
@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda c: c._replace(tensors=c.tensors[::-1]), "names, in order"),
        (lambda c: c._replace(tensors=c.tensors[1:]), "names, in order"),
        (lambda c: c._replace(metadata=[(key, "tf") for key, _ in c.metadata]), "metadata"),
        (lambda c: c._replace(metadata=c.metadata[1:]), "metadata keys"),
        (lambda c: c._replace(format="gguf"), "format"),
    ],
)
def test_other_names_metadata_and_order_are_found(checkpoint, change, what):
    findings = compared(change(checkpoint), "described")
    assert findings
    assert all(what in finding.what for finding in findings)


@pytest.mark.behaviour("GATE-60")
def test_what_is_raised_is_found_but_for_a_limit_that_is_kept(checkpoint, monkeypatch):
    def raising(error):
        def fail(_):
            raise error

        monkeypatch.setitem(ways.WAYS, "streamed", lambda *_: map(fail, [0]))
        return compared(checkpoint, "streamed")

    assert len(raising(ValueError("oh"))) == len(ways.OPENINGS)
    limit = emel.BusyError("too much", code="memory-limit")
    # The whole checkpoint fits each of the limits: there is nothing to refuse.
    assert len(raising(limit)) == len(ways.OPENINGS)


@pytest.mark.behaviour("GATE-60")
def test_by_default_each_pair_of_opening_and_way_meets_a_checkpoint(monkeypatch, checkpoint):
    seen = []
    monkeypatch.setattr(run, "_differences", lambda _, o, w: seen.append((o.label, w)) or [])
    run.compare(ROOT, [checkpoint] * 7, full=False)
    pairs = len(ways.OPENINGS) * len(ways.WAYS)
    assert len(seen) == 3 * pairs
    assert len({*seen[2 * pairs :]}) == pairs


@pytest.mark.behaviour("GATE-61")
def test_real_models_that_are_not_there_are_a_warning_that_says_how_to_get_them(tmp_path):
    real = next(shard for shard in LANE.shards(ROOT) if shard.name == "real")
    assert real.only_full
    (outcome,) = LANE.run(Job(tmp_path, ("real",), full=True, base="", seed=1))
    (finding,) = outcome.findings
    assert (finding.severity, outcome.checked) == ("warning", "nothing")
    assert "--real-models" in finding.fix
    assert [*tmp_path.iterdir()] == []


@pytest.mark.behaviour("GATE-61")
def test_real_models_that_are_there_are_compared(monkeypatch, tmp_path):
    asked = []

    def compare(_root, checkpoints, *names):
        asked.append((*checkpoints, *names))
        return run.Compared([f"finding {len(asked)}"], f"{len(asked)} checked")

    monkeypatch.setattr(run, "assemble", asked.append)
    monkeypatch.setattr(run, "of_safetensors", lambda *_: "one")
    monkeypatch.setattr(run, "of_gguf", lambda *_: "other")
    monkeypatch.setattr(run, "compare", compare)
    (tmp_path / "installed.sha256").write_bytes(b"")
    found = run.real(ROOT, tmp_path)
    assert found == (["finding 2", "finding 3"], "2 checked; 3 checked")
    assert asked == [tmp_path, ("one",), ("other", run.REAL_WAYS)]


@pytest.mark.behaviour("GATE-60")
def test_of_gguf_either_byte_order_has_bfloat16_and_blocks_are_longer_than_a_step(tmp_path):
    made = {checkpoint.label: checkpoint for checkpoint in written.ggufs(tmp_path)}
    swapped, large = made["big endian"], made["large tensors"]
    assert "BF16" in {tensor.dtype for tensor in swapped.tensors}
    assert any(tensor.dtype == "Q8_0" and tensor.nbytes > 1 << 17 for tensor in large.tensors)
    assert run.compare(ROOT, [swapped, large], ("as numbers", "described")).findings == []
