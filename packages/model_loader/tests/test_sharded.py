"""Checkpoints of many files, opened as one: the same tensors as in one file, or a refusal."""

import json

import gguf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from emel_io_loader import Identified, Mode, Reaction, Router, Spans, StrategyError
from emel_io_loader.testing import FakeStrategy
from emel_model_format.testing import (
    STRING,
    GGUFTensor,
    SafetensorsTensor,
    gguf_bytes,
    safetensors_bytes,
)
from emel_model_loader import (
    Checkpoint,
    Failure,
    LoadOutcome,
    digest,
    open_checkpoint,
    plan,
    read_part,
    stream,
)

BOTH = pytest.mark.parametrize("mode", list(Mode))
INDEX = "model.safetensors.index.json"
UINT16, UINT64, INT32 = 2, 10, 5


def names_of(n, prefix="model", suffix="safetensors"):
    return [f"{prefix}-{i:05}-of-{n:05}.{suffix}" for i in range(1, n + 1)]


def indexed(files, weight_map=None, **fields):
    """Write shards and their index: file name to arrays by name."""
    if weight_map is None:
        weight_map = {tensor: name for name, tensors in files.items() for tensor in tensors}
    index = json.dumps({"weight_map": weight_map} | fields).encode()
    return {name: save(tensors) for name, tensors in files.items()} | {INDEX: index}


def numbers(*names):
    return {name: np.arange(ord(name[-1]), ord(name[-1]) + 6, dtype="<f4") for name in names}


def three(**changes):
    """Three shards with their index."""
    one, two, last = names_of(3)
    files = {one: numbers("a", "b"), two: numbers("c"), last: numbers("d", "e")}
    return indexed(files | changes)


def split_bytes(no, count, total, *names, kinds=(UINT16, UINT16, INT32), **fields):
    """Write one shard of a GGUF split; None leaves a key out."""
    return gguf_of(numbers(*names), (no, count, total), kinds, **fields)


def gguf_of(arrays, said, kinds=(UINT16, UINT16, INT32), **fields):
    keys = ("split.no", "split.count", "split.tensors.count")
    words = [(k, kind, v) for k, kind, v in zip(keys, kinds, said, strict=True) if v is not None]
    tensors = [GGUFTensor(name=n, dims=a.shape, data=a.tobytes()) for n, a in arrays.items()]
    return gguf_bytes([*words, ("shard", STRING, f"{said[0]}")], tensors, **fields)


def split(**changes):
    one, two, last = names_of(3, "m", "gguf")
    files = {
        one: split_bytes(0, 3, 4, "a"),
        two: split_bytes(1, 3, 4),
        last: split_bytes(2, 3, 4, "d", "b", "c"),
    }
    return files | changes


def world(files, mode=Mode.MAPS, strategy=FakeStrategy):
    """Make a strategy over the files of the folder `d`, and what lists them."""
    return strategy({f"d/{name}": data for name, data in files.items()}, mode), {
        "d": tuple(sorted(files)),
        "d/": tuple(sorted(files)),
    }.get


def open_in(files, path="d", mode=Mode.MAPS, **options):
    strategy, entries = world(files, mode)
    router = Router({"fake": strategy.offer()})
    return open_checkpoint(path, router, "fake", entries=entries, **options), strategy


def assert_nothing_is_held(strategy):
    usage = strategy.usage()
    assert (usage.slots, usage.leases, usage.nbytes) == (0, 0, 0)
    assert strategy.load(Spans((), (), (), ())).code == "closed"


def refused(files, path="d", mode=Mode.MAPS, **options):
    failure, strategy = open_in(files, path, mode, **options)
    assert isinstance(failure, Failure)
    assert_nothing_is_held(strategy)
    return failure


@pytest.mark.behaviour("LOAD-02", "LOADER-11")
@BOTH
@pytest.mark.parametrize("path", ["d", "d/", f"d/{INDEX}", *(f"d/{n}" for n in names_of(3))])
def test_safetensors_shards_open_as_one_from_index_folder_and_any_shard(path, mode):
    checkpoint, strategy = open_in(three() | {"consolidated.safetensors": b"other"}, path, mode)

    assert checkpoint.path == path
    assert checkpoint.names == ("a", "b", "c", "d", "e")
    snapshot = checkpoint.capture()
    assert snapshot.files == tuple(f"d/{name}" for name in names_of(3))
    assert snapshot.file.tolist() == [0, 0, 1, 2, 2]
    assert strategy.usage().leases == 0


@pytest.mark.behaviour("LOAD-02", "LOADER-11")
@BOTH
@pytest.mark.parametrize("path", ["d", *(f"d/{n}" for n in names_of(3, "m", "gguf"))])
def test_gguf_splits_open_as_one_from_folder_and_any_shard(path, mode):
    checkpoint, _ = open_in(split(), path, mode)

    assert checkpoint.names == ("a", "d", "b", "c")
    assert checkpoint.capture().file.tolist() == [0, 2, 2, 2]
    assert checkpoint.header.metadata["shard"] == "0"


@pytest.mark.behaviour("LOAD-02")
@pytest.mark.parametrize(("make", "path"), [(three, f"d/{INDEX}"), (split, "d")])
def test_each_array_has_the_bytes_of_its_own_shard(make, path):
    checkpoint, _ = open_in(make(), path)

    for i, name in enumerate(checkpoint.names):
        assert checkpoint.array(i).tolist() == numbers(name)[name].tolist()
    assert checkpoint.close() is None


@pytest.mark.behaviour("LOAD-02")
@pytest.mark.parametrize("make", [three, split])
def test_one_shard_is_opened_alone_on_request(make):
    for name in make():
        if name != INDEX:
            checkpoint, _ = open_in(make(), f"d/{name}", shards=False)
            assert checkpoint.capture().files == (f"d/{name}",)
    assert refused(three(), f"d/{INDEX}", shards=False).code == "json-file"


@pytest.mark.behaviour("LOAD-02")
@pytest.mark.parametrize("largest", [1, 2, 3])
def test_what_gguf_py_splits_is_read_whole(tmp_path, largest):
    whole = {f"t{i}": np.arange(i, i + 32, dtype=np.float32).reshape(4, 8) for i in range(5)}
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama", split_max_tensors=largest)
    for name, array in whole.items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    for path in ("d", *(f"d/{name}" for name in files)):
        checkpoint, _ = open_in(files, path)
        assert checkpoint.names == tuple(whole)
        for i, array in enumerate(whole.values()):
            assert checkpoint.array(i).tolist() == array.tolist()


@pytest.mark.behaviour("LOAD-02")
@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=1, max_size=12),
    st.booleans(),
)
def test_however_tensors_are_shared_out_names_bytes_and_digest_stay(shares, as_gguf):
    arrays = {f"t{i:02}": np.arange(i, i + n, dtype="<f4") for i, (_, n) in enumerate(shares)}
    homes = dict(zip(arrays, (home for home, _ in shares), strict=True))
    groups = [{t: a for t, a in arrays.items() if homes[t] == home} for home in range(5)]
    ordered = {t: a for group in groups for t, a in group.items()}
    if as_gguf:
        n = len(arrays)
        names = names_of(5, suffix="gguf")
        files = {name: gguf_of(groups[i], (i, 5, n)) for i, name in enumerate(names)}
        single = {"one.gguf": gguf_of(arrays, (0, 1, n))}
    else:
        files = indexed(dict(zip(names_of(5), groups, strict=True)))
        single = {"one.safetensors": save(arrays)}

    sharded, _ = open_in(files)
    whole, _ = open_in(single)

    assert sharded.names == tuple(ordered)
    assert sorted(sharded.names) == sorted(whole.names)
    assert digest(sharded) == digest(whole)
    for i, name in enumerate(sharded.names):
        assert sharded.header.tensors.shape(i) == arrays[name].shape
        assert sharded.array(i).tolist() == arrays[name].tolist()


@pytest.mark.behaviour("LOADER-11")
@pytest.mark.parametrize("kinds", [(UINT16, UINT16, INT32), (INT32, UINT64, UINT64)])
def test_numbers_of_a_split_may_have_any_integer_type(kinds):
    names = names_of(2, "m", "gguf")
    files = {n: split_bytes(i, 2, 2, "ab"[i], kinds=kinds) for i, n in enumerate(names)}

    assert open_in(files)[0].names == ("a", "b")


@pytest.mark.behaviour("LOADER-11")
def test_what_the_index_says_in_words_stands_behind_the_first_shards_metadata():
    one, two = names_of(2)
    files = indexed(
        {one: numbers("a"), two: numbers("b")}, metadata={"by": "index", "x": "y", "total_size": 1}
    )
    files[one] = save(numbers("a"), {"by": "shard"})

    checkpoint, _ = open_in(files)

    assert dict(checkpoint.header.metadata) == {"by": "shard", "x": "y"}


ONE, TWO, LAST = names_of(3)
G_ONE, G_TWO, G_LAST = names_of(3, "m", "gguf")
MAPPED = {"a": ONE, "b": ONE, "c": TWO, "d": LAST, "e": LAST}


def reindexed(**changes):
    weight_map = {t: n for t, n in (MAPPED | changes).items() if n is not None}
    return three() | {INDEX: json.dumps({"weight_map": weight_map}).encode()}


(G_ONLY,) = names_of(1, "m", "gguf")
POINTER = b"version https://git-lfs.github.com"
# What is wrong: the files; the code; the file to blame; the tensors and files that are named.
REFUSED = {
    "unindexed tensors": (
        reindexed(a=None, e=None),
        "tensors-unindexed",
        ONE,
        ("a", "e"),
        (ONE, LAST),
    ),
    "an unindexed shard": (
        reindexed(d=None, e=None),
        "tensors-unindexed",
        LAST,
        ("d", "e"),
        (LAST,),
    ),
    "missing tensors": (reindexed(x=ONE, y=LAST), "tensors-missing", ONE, ("x", "y"), (ONE, LAST)),
    "misplaced tensors": (
        reindexed(c=LAST, d=TWO),
        "tensors-misplaced",
        TWO,
        ("c", "d"),
        (TWO, LAST),
    ),
    "duplicate tensors": (
        three() | {LAST: save(numbers("a", "c", "d", "e"))},
        "duplicate-tensors",
        LAST,
        ("a", "c"),
        (ONE, TWO, LAST),
    ),
    "another format": (three() | {TWO: gguf_bytes()}, "shards-differ", TWO, (), (TWO,)),
    "no safetensors at all": (
        indexed({}, {"a": "m.gguf"}) | {"m.gguf": gguf_bytes()},
        "shards-differ",
        "m.gguf",
        (),
        ("m.gguf",),
    ),
    "a missing shard": (
        {n: d for n, d in three().items() if n != TWO},
        "shards-missing",
        INDEX,
        (),
        (TWO,),
    ),
    "a name outside": (reindexed(c="../c"), "name-escapes", INDEX, ("c",), ("../c",)),
    "an empty index": (three() | {INDEX: b'{"weight_map": {}}'}, "index-empty", INDEX, (), ()),
    "no index": (three() | {INDEX: b"{"}, "index-invalid", INDEX, (), ()),
    "an index that is a pointer": (three() | {INDEX: POINTER}, "git-lfs-pointer", INDEX, (), ()),
    "another byte order": (
        split(**{G_TWO: split_bytes(1, 3, 4, byteorder="big")}),
        "shards-differ",
        G_TWO,
        (),
        (G_TWO,),
    ),
    "another version": (
        split(**{G_TWO: split_bytes(1, 3, 4, version=2)}),
        "shards-differ",
        G_TWO,
        (),
        (G_TWO,),
    ),
    "another number": (
        split(**{G_LAST: split_bytes(1, 3, 4, "b", "c", "d")}),
        "split-number-differs",
        G_LAST,
        (),
        (G_LAST,),
    ),
    "no number": (
        split(**{G_LAST: split_bytes(None, 3, 4, "b", "c", "d")}),
        "split-number-differs",
        G_LAST,
        (),
        (G_LAST,),
    ),
    "another count": (
        split(**{G_TWO: split_bytes(1, 4, 4)}),
        "split-count-differs",
        G_TWO,
        (),
        (G_TWO,),
    ),
    "another total": (
        split(**{G_ONE: split_bytes(0, 3, 5, "a")}),
        "split-total-differs",
        G_ONE,
        (),
        (G_ONE,),
    ),
    "another total elsewhere": (
        split(**{G_TWO: split_bytes(1, 3, 5)}),
        "split-total-differs",
        G_TWO,
        (),
        (G_TWO,),
    ),
    "no total": (
        split(**{G_ONE: split_bytes(0, 3, None, "a")}),
        "split-total-differs",
        G_ONE,
        (),
        (G_ONE,),
    ),
    "a total that is a flag": (
        {G_ONLY: split_bytes(0, 1, 1, "a", kinds=(UINT16, UINT16, 7))},
        "split-total-differs",
        G_ONLY,
        (),
        (G_ONLY,),
    ),
    "duplicates in a split": (
        split(
            **{
                G_TWO: split_bytes(1, 3, 5, "a"),
                G_ONE: split_bytes(0, 3, 5, "a"),
                G_LAST: split_bytes(2, 3, 5, "b", "c", "d"),
            }
        ),
        "duplicate-tensors",
        G_TWO,
        ("a",),
        (G_ONE, G_TWO),
    ),
    "a renamed shard": (
        {"x.gguf": split_bytes(1, 3, 4)},
        "shard-renamed",
        "x.gguf",
        (),
        ("x-00002-of-00003.gguf",),
    ),
    "a renamed shard of two": (
        {"x.gguf": split_bytes(0, 2, 4)},
        "shard-renamed",
        "x.gguf",
        (),
        ("x-00001-of-00002.gguf",),
    ),
}


@pytest.mark.behaviour("LOAD-02", "LOADER-10")
@BOTH
@pytest.mark.parametrize(
    ("files", "code", "blamed", "tensors", "named"), REFUSED.values(), ids=REFUSED
)
def test_files_that_are_not_one_checkpoint_are_refused_with_the_list(
    files, code, blamed, tensors, named, mode
):
    failure = refused(files, "d", mode)

    assert (failure.stage, failure.reaction) == (LoadOutcome.SHARDS_REFUSED, Reaction.INVALID)
    assert (failure.code, failure.path) == (code, f"d/{blamed}")
    assert (failure.tensors, failure.files) == (tensors, named)
    assert failure.message.startswith(f"d/{blamed}: ")


@pytest.mark.behaviour("LOADER-11")
@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("another version", "this one is gguf 2 little, where gguf 3 little is expected"),
        ("another byte order", "this one is gguf 3 big, where gguf 3 little is expected"),
        ("another number", "split.no is 1, where its name says 2 "),
        ("duplicate tensors", ": 2 tensors lie in several shards: "),
        ("missing tensors", ": 2 tensors are not where the index says: "),
        ("another total", "split.tensors.count is 5, but 3 shards have 4 tensors"),
    ],
)
def test_shards_that_disagree_are_told_with_what_was_found_and_what_expected(case, says):
    assert says in refused(REFUSED[case][0]).message


@pytest.mark.behaviour("LOADER-11")
@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({n: d for n, d in three().items() if n != TWO}, ": 1 shard is missing ("),
        ({n: d for n, d in three().items() if n in (INDEX, ONE)}, ": 2 shards are missing ("),
        (reindexed(x=ONE), ": 1 tensor is not where the index says: "),
        (three() | {LAST: save(numbers("a", "d", "e"))}, ": 1 tensor lies in several shards: "),
    ],
)
def test_one_is_told_as_one_and_more_as_many(files, says):
    assert says in refused(files).message


@pytest.mark.behaviour("LOAD-02")
def test_numbered_shards_without_an_index_are_held_to_one_another():
    files = {name: data for name, data in three().items() if name != INDEX}

    assert open_in(files, f"d/{TWO}")[0].names == ("a", "b", "c", "d", "e")
    assert refused(files | {TWO: save(numbers("a"))}).code == "duplicate-tensors"


@pytest.mark.behaviour("LOADER-11")
def test_a_split_of_one_needs_no_word_about_splits():
    name = names_of(1, "m", "gguf")[0]

    assert open_in({name: split_bytes(None, None, None, "a")})[0].names == ("a",)
    assert open_in({name: split_bytes(0, 1, 1, "a")})[0].names == ("a",)


@pytest.mark.behaviour("LOAD-02")
@BOTH
def test_a_shard_that_is_not_there_is_missing_like_any_file(mode):
    failure = refused({}, f"d/{TWO}", mode)

    assert (failure.stage, failure.path) == (LoadOutcome.IO_FAILED, f"d/{TWO}")
    assert isinstance(failure.cause, FileNotFoundError)


@pytest.mark.behaviour("LOAD-02")
@pytest.mark.parametrize(("make", "name"), [(three, TWO), (split, G_TWO)])
def test_a_shard_whose_folder_cant_be_seen_is_not_opened_by_half(make, name):
    strategy, _ = world(make())
    router = Router({"fake": strategy.offer()})

    failure = open_checkpoint(f"d/{name}", router, "fake")

    assert (failure.code, failure.path) == ("shards-missing", f"d/{name}")
    others = [other for other in make() if other not in (name, INDEX)]
    assert failure.files == tuple(others)
    assert_nothing_is_held(strategy)


@pytest.mark.behaviour("LOADER-10")
@BOTH
def test_an_index_over_the_limit_is_not_read(monkeypatch, mode):
    monkeypatch.setattr("emel_model_loader._machine.INDEX_LIMIT", 20)

    failure, strategy = open_in(three(), "d", mode)

    assert (failure.code, failure.path) == ("index-over-limit", f"d/{INDEX}")
    assert strategy.loads == []
    assert_nothing_is_held(strategy)


@pytest.mark.behaviour("LOADER-10")
@pytest.mark.parametrize("beyond", [0, 1])
def test_the_limit_of_an_index_is_256_mib(beyond):
    class Grown(FakeStrategy):
        def identify(self, files):
            found = super().identify(files)
            grown = found.identities[0]._replace(nbytes=(256 << 20) + beyond)
            return Identified(found.result, (grown,))

    strategy, entries = world(three(), strategy=Grown)
    router = Router({"fake": strategy.offer()})

    failure = open_checkpoint("d", router, "fake", entries=entries)

    assert (failure.code == "index-over-limit") == bool(beyond)
    assert ("has 268435457 bytes, and 268435456 is" in failure.message) == bool(beyond)
    assert [spans.nbytes.tolist() for spans in strategy.loads] == [[256 << 20]] * (1 - beyond)
    assert_nothing_is_held(strategy)


@pytest.mark.behaviour("LOADER-10")
@BOTH
def test_an_index_is_read_in_one_load_and_each_header_in_its_own(mode):
    files = three()

    _, strategy = open_in(files, "d", mode)

    seen = [(spans.files, spans.nbytes.tolist()) for spans in strategy.loads]
    order = (INDEX, ONE, TWO, LAST)
    assert seen == [((f"d/{name}",), [len(files[name])]) for name in order]


@pytest.mark.behaviour("LOADER-11")
@BOTH
def test_a_long_header_in_the_middle_is_looked_at_again(mode):
    long = safetensors_bytes({"c": SafetensorsTensor()}, metadata={"k": "x" * (1 << 20)})

    checkpoint, strategy = open_in(three() | {TWO: long}, "d", mode)

    assert checkpoint.names == ("a", "b", "c", "d", "e")
    assert [spans.files[0] for spans in strategy.loads].count(f"d/{TWO}") == 2


@pytest.mark.behaviour("LOAD-02")
@BOTH
@pytest.mark.parametrize("broken", [ONE, TWO, LAST])
def test_a_shard_whose_header_is_refused_is_to_blame(broken, mode):
    failure = refused(three() | {broken: POINTER}, "d", mode)

    assert (failure.stage, failure.code) == (LoadOutcome.PARSE_FAILED, "git-lfs-pointer")
    assert failure.path == f"d/{broken}"
    assert failure.message.startswith(f"d/{broken}: ")


@pytest.mark.behaviour("LOAD-02")
@BOTH
@pytest.mark.parametrize("gone", [INDEX, ONE, TWO, LAST])
def test_a_file_that_is_listed_and_not_there_is_to_blame(gone, mode):
    strategy, entries = world(three(), mode)
    del strategy.files[f"d/{gone}"]

    router = Router({"fake": strategy.offer()})
    failure = open_checkpoint("d", router, "fake", entries=entries)

    assert (failure.stage, failure.path) == (LoadOutcome.IO_FAILED, f"d/{gone}")
    assert isinstance(failure.cause, FileNotFoundError)
    assert_nothing_is_held(strategy)


@pytest.mark.behaviour("LOAD-02")
@BOTH
@pytest.mark.parametrize("huge", [ONE, TWO, LAST])
def test_a_shard_whose_tensors_cant_be_bound_is_to_blame(huge, mode):
    nbytes = (1 << 40) + 1  # a span takes no more than 2**40
    tensor = SafetensorsTensor(
        dtype="U8", shape=(nbytes,), data=b"", fields={"data_offsets": [0, nbytes]}
    )
    head = safetensors_bytes({"huge": tensor})

    class Sparse(FakeStrategy):
        def _identity(self, path):
            found = super()._identity(path)
            return found._replace(nbytes=len(head) + nbytes) if path.endswith(huge) else found

    files = {n: data for n, data in three().items() if n != INDEX} | {huge: head + bytes(1 << 20)}
    strategy, entries = world(files, mode, Sparse)
    router = Router({"fake": strategy.offer()})

    failure = open_checkpoint("d", router, "fake", entries=entries)

    assert (failure.stage, failure.code) == (LoadOutcome.MODEL_FAILED, "binding-invalid")
    assert failure.path == f"d/{huge}"
    assert_nothing_is_held(strategy)


def counting(files, mode, nth, answer):
    """Make a strategy whose `nth` call of all is answered with a failure."""

    class Counting(FakeStrategy):
        calls = 0
        met = None

        def _strikes(self, name):
            self.calls += 1
            if self.calls != nth:
                return False
            self.met = name
            return True

        def identify(self, files):
            return Identified(answer) if self._strikes("identify") else super().identify(files)

        def load(self, spans, targets=None, **options):
            return answer if self._strikes("load") else super().load(spans, targets, **options)

        def view(self, *lease):
            if self._strikes("view"):
                raise StrategyError(answer)
            return super().view(*lease)

        def advise(self, *words):
            return answer if self._strikes("advise") else super().advise(*words)

        def release(self, leases):
            return answer if self._strikes("release") else super().release(leases)

    return world(files, mode, Counting)


@pytest.mark.behaviour("LOAD-01", "LOAD-02")
@BOTH
@pytest.mark.parametrize("make", [three, split])
def test_whichever_call_fails_at_whichever_file_nothing_is_held(broken, make, mode):
    met, paths = [], set()
    for nth in range(1, 100):
        strategy, entries = counting(make(), mode, nth, broken(cause=OSError(5, "it broke")))
        router = Router({"fake": strategy.offer()})
        opened = open_checkpoint("d", router, "fake", entries=entries)
        if strategy.met is None:
            break
        assert (opened.stage, opened.code, opened.errno) == (LoadOutcome.IO_FAILED, "broken", 5)
        assert_nothing_is_held(strategy)
        met.append(strategy.met)
        paths.add(opened.path.removeprefix("d/"))
    assert isinstance(opened, Checkpoint)
    assert opened.close() is None
    assert paths == set(make())
    looks = 4 if make is three else 3
    assert met.count("load") == looks
    assert met.count("identify") == (2 if make is three else 1)
    others = looks if mode is Mode.MAPS else 0
    assert [met.count(name) for name in ("advise", "view", "release")] == [others] * 3


@pytest.mark.behaviour("LOAD-02", "LOAD-05", "LOADER-17")
def test_every_file_of_a_copying_checkpoint_is_read_and_blamed():
    strategy, entries = world(three(), Mode.COPIES)
    checkpoint = open_checkpoint(
        f"d/{INDEX}", Router({"fake": strategy.offer()}), "fake", entries=entries
    )
    assert isinstance(checkpoint, Checkpoint)
    last = checkpoint.position["e"]
    whole = dict.fromkeys(checkpoint.names, b"")

    def sink(piece, stored):
        whole[checkpoint.names[piece.tensor]] += stored.tobytes()

    assert stream(checkpoint, sink) is None
    assert whole == {name: numbers(name)[name].tobytes() for name in "abcde"}
    part = read_part(checkpoint, last, plan(checkpoint, last, np.s_[1::2]))
    assert part.tolist() == numbers("e")["e"][1::2].tolist()
    del strategy.files[f"d/{names_of(3)[2]}"]
    for failure in (
        stream(checkpoint, sink),
        checkpoint.load(),
        read_part(checkpoint, last, plan(checkpoint, last, 0)),
    ):
        assert (failure.code, failure.path) == ("file-missing", f"d/{names_of(3)[2]}")
    assert checkpoint.absent().size == 5
