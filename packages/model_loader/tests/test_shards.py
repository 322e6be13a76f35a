"""Which files make one checkpoint, told from names alone."""

import errno
import ntpath
import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emel_io_loader import Reaction
from emel_model_loader import Failure, LoadOutcome
from emel_model_loader.shards import Kind, Located, leads_outside, locate, numbered, numbered_name


def locate_in(listing, path, *, shards=True):
    """Locate `path` where the folder `d` holds `listing`."""
    folders = {"d": tuple(sorted(listing)), "d/": tuple(sorted(listing))}
    return locate(path, folders.get, shards=shards)


def shards(prefix, of, suffix="safetensors", digits=5):
    return [f"{prefix}-{i:0{digits}}-of-{of:0{digits}}.{suffix}" for i in range(1, of + 1)]


INDEX = "model.safetensors.index.json"
VARIANT = "model.safetensors.index.fp16.json"
SETS = {
    "safetensors": shards("model", 3),
    "gguf": shards("m", 3, "gguf"),
    "six digits": shards("model", 12, digits=6),
    "one of one": shards("model", 1),
    "a prefix that is numbered itself": shards("m-00001-of-00002", 2),
    "a prefix of several lines": shards("a\nb\n", 2, "gguf"),
}


@pytest.mark.behaviour("LOAD-02")
@pytest.mark.parametrize("names", SETS.values(), ids=SETS)
def test_any_shard_and_its_folder_lead_to_the_whole_set(names):
    listing = [*names, "config.json", ".hidden.safetensors"]
    for path in ("d", "d/", *(f"d/{name}" for name in names)):
        located = locate_in(listing, path)
        assert located.files == tuple(f"d/{name}" for name in names), path
        assert located.kind is Kind.NUMBERED


@pytest.mark.behaviour("LOAD-02")
@pytest.mark.parametrize("names", SETS.values(), ids=SETS)
def test_a_shard_is_opened_alone_on_request(names):
    for name in names:
        located = locate_in(names, f"d/{name}", shards=False)
        assert (located.kind, located.files) == (Kind.ALONE, (f"d/{name}",))


@pytest.mark.behaviour("LOAD-02")
@pytest.mark.parametrize("gone", [0, 1, 2])
def test_missing_shards_are_all_named(gone):
    names = shards("model", 3)
    for path in ("d", *(f"d/{name}" for i, name in enumerate(names) if i != gone)):
        failure = locate_in([name for i, name in enumerate(names) if i != gone], path)
        assert (failure.code, failure.path) == ("shards-missing", path)
        assert failure.files == (names[gone],)
        assert failure.stage is LoadOutcome.SHARDS_REFUSED
        assert names[gone] in failure.message


@pytest.mark.behaviour("LOAD-02")
def test_a_message_shows_a_few_names_and_counts_the_others():
    failure = locate_in(shards("model", 99)[:1], "d")

    assert len(failure.files) == 98
    assert failure.message.endswith("'model-00004-of-00099.safetensors' and 95 more")
    assert locate_in(shards("model", 4)[:1], "d").message.endswith(
        "'model-00004-of-00004.safetensors'"
    )


@pytest.mark.behaviour("LOAD-02")
@pytest.mark.parametrize(
    "name",
    [
        "m-00000-of-00003.gguf",
        "m-00004-of-00003.gguf",
        "m-00001-of-00000.safetensors",
        "m-000001-of-100000.safetensors",  # would be a list of 100,000 names
    ],
)
def test_numbers_that_count_nothing_are_refused(name):
    failure = locate_in([name], f"d/{name}")

    assert (failure.code, failure.path) == ("shard-number-invalid", f"d/{name}")
    assert isinstance(locate_in([name], f"d/{name}", shards=False), Located)


@pytest.mark.behaviour("LOAD-02")
def test_shards_may_be_as_many_as_five_digits_count():
    failure = locate_in(["m-00001-of-99999.gguf"], "d")

    assert (failure.code, len(failure.files)) == ("shards-missing", 99_998)


@pytest.mark.behaviour("LOAD-02")
@pytest.mark.parametrize(
    "name",
    [
        "m-\u0660\u0660\u0660\u0660\u0661-of-00001.gguf",
        "m-00001-of-\u0660\u0660\u0660\u0660\u0661.gguf",
        "m-0001-of-0001.gguf",
        "m-0000001-of-0000001.gguf",
        "m-0000001-of-00001.gguf",
        "m-00001-of-0000001.gguf",
        "m-00001-of-00001.gguf.part",
        "m-00001-of-00001.GGUF",
    ],
)
def test_names_that_only_look_like_a_shards_are_those_of_single_files(name):
    located = locate_in([name, "m-00001-of-00001.gguf"], f"d/{name}")

    assert (located.kind, located.files) == (Kind.SINGLE, (f"d/{name}",))


@pytest.mark.behaviour("LOAD-02")
def test_the_index_of_a_shards_name_comes_before_its_number():
    names = shards("model", 3)

    located = locate_in([*names, INDEX], f"d/{names[1]}")

    assert (located.kind, located.index, located.asked) == (Kind.INDEXED, f"d/{INDEX}", names[1])


@pytest.mark.behaviour("LOAD-02")
@pytest.mark.parametrize(
    "name",
    [
        "model.safetensors.index.fp16.bak.json",
        "model.safetensors.index.fp 16.json",
        "model.safetensors.index..json",
        "model.safetensors.index.json.bak",
        "model.safetensors.index-json",
        ".safetensors.index.json",
    ],
)
def test_names_that_only_look_like_an_indexs_are_those_of_single_files(name):
    located = locate_in([name], f"d/{name}")

    assert (located.kind, located.files) == (Kind.SINGLE, (f"d/{name}",))


@pytest.mark.behaviour("LOAD-02")
@pytest.mark.parametrize("path", [f"d/{INDEX}", "d", "d/"])
def test_other_files_beside_an_index_play_no_part(path):
    located = locate_in([*shards("model", 2), INDEX, "consolidated.safetensors", "m.gguf"], path)

    assert (located.kind, located.index) == (Kind.INDEXED, f"d/{INDEX}")


# What lies in a folder, and the index or the files that are found.
FOLDERS = {
    "one safetensors": (["model.safetensors", "README.md"], ["model.safetensors"]),
    "one gguf": (["m.gguf", "notes"], ["m.gguf"]),
    "a variant's index": ([VARIANT, "a.gguf"], VARIANT),
    "the index among variants": ([INDEX, VARIANT], INDEX),
    "hidden files": (["._m.gguf", "m.gguf", ".x.safetensors"], ["m.gguf"]),
}


@pytest.mark.behaviour("LOADER-08")
@pytest.mark.parametrize(("listing", "expected"), FOLDERS.values(), ids=FOLDERS)
def test_a_folder_of_one_checkpoint_is_that_checkpoint(listing, expected):
    located = locate_in(listing, "d")

    found = located.index or [name.removeprefix("d/") for name in located.files]
    assert found == (f"d/{expected}" if isinstance(expected, str) else expected)


AMBIGUOUS = {
    "two files": ["a.safetensors", "b.safetensors"],
    "two formats": ["a.safetensors", "a.gguf"],
    "two sets": shards("a", 2) + shards("b", 2),
    "sets of other lengths": shards("a", 2, "gguf") + shards("a", 3, "gguf"),
    "a set and a file": [*shards("a", 2), "consolidated.safetensors"],
    "two indexes": ["a.safetensors.index.json", "b.safetensors.index.json"],
}


@pytest.mark.behaviour("LOADER-08")
@pytest.mark.parametrize("listing", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_folder_of_several_checkpoints_is_refused_with_their_names(listing):
    failure = locate_in([*listing, "config.json"], "d")

    assert (failure.code, failure.path) == ("checkpoint-ambiguous", "d")
    assert failure.files == tuple(sorted(listing))


@pytest.mark.behaviour("LOADER-08")
def test_a_folder_of_several_checkpoints_tells_how_many_in_how_many_files():
    failure = locate_in([*shards("a", 2), "b.gguf"], "d")

    assert failure.message.startswith("d: 2 checkpoints in 3 files; name one of them: ")


@pytest.mark.behaviour("LOADER-08")
def test_a_shard_whose_number_is_none_is_told_which_there_are():
    name = "m-00003-of-00002.gguf"

    assert ": its name is no number from 1 to 2; " in locate_in([name], f"d/{name}").message


@pytest.mark.behaviour("LOADER-08")
@pytest.mark.parametrize("listing", [[], ["config.json", "pytorch_model.bin"]])
def test_a_folder_without_a_checkpoint_is_refused_with_what_is_there(listing):
    failure = locate_in(listing, "d")

    assert (failure.code, failure.path, failure.files) == (
        "checkpoint-missing",
        "d",
        tuple(listing),
    )


@pytest.mark.behaviour("LOADER-08")
@pytest.mark.parametrize(
    ("path", "unlisted"),
    [("d", "d"), ("d/m.gguf", "d/m.gguf"), ("d/m-00001-of-00002.gguf", "d/"), (f"d/{INDEX}", "d/")],
)
def test_a_folder_that_cant_be_listed_keeps_its_errno_and_cause(path, unlisted):
    def entries(folder):
        if folder != unlisted:
            return
        raise PermissionError(errno.EACCES, "Permission denied", folder)

    failure = locate(path, entries, shards=True)

    assert (failure.stage, failure.reaction) == (LoadOutcome.IO_FAILED, Reaction.SOURCE)
    assert (failure.code, failure.errno) == ("folder-unlisted", errno.EACCES)
    assert failure.path == unlisted
    assert isinstance(failure.cause, PermissionError)
    assert failure.cause.__traceback__ is None


@pytest.mark.behaviour("LOADER-08")
@pytest.mark.parametrize("path", ["", "a\0b", "x" * 5000])
def test_a_path_that_can_be_none_is_left_to_the_strategy(path):
    def entries(folder):
        raise AssertionError("nobody looks into it")

    assert locate(path, entries, shards=True).files == (path,)


@pytest.mark.behaviour("LOADER-08")
def test_a_path_that_the_system_cant_spell_is_left_to_the_strategy_too():
    def entries(folder):
        return folder.encode() and None  # half a surrogate pair raises a ValueError

    assert locate("\ud800", entries, shards=True).files == ("\ud800",)


@pytest.mark.behaviour("LOADER-08")
def test_nothing_is_listed_for_a_file_opened_alone():
    def entries(folder):
        raise AssertionError("nobody looks into it")

    assert locate("d/m-00001-of-00002.gguf", entries, shards=False).kind is Kind.ALONE


@pytest.mark.behaviour("LOADER-08")
def test_a_path_without_a_folder_is_looked_for_in_the_current_one():
    names = tuple(shards("m", 2, "gguf"))

    located = locate(names[0], {".": names}.get, shards=True)

    assert located.files == names


@pytest.mark.behaviour("LOADER-09")
@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "...", ".. ", " ", "../x", "a/b", "/x", "a\\b", "..\\x", "\\\\h\\x", "C:x",
     "C:\\x", "x:stream", "a\0b", "a\nb", "a\x7fb", "\x1b[2J", "\u202egpj.exe", "\ud800"],
)  # fmt: skip
def test_names_that_lead_outside_or_hide_are_told(name):
    assert leads_outside(name)


@pytest.mark.behaviour("LOADER-09")
@pytest.mark.parametrize(
    "name", ["model-00001-of-00002.safetensors", "é 模型.safetensors", ".x", "a..b"]
)
def test_plain_names_are_let_through(name):
    assert not leads_outside(name)


HOSTILE = st.text(st.sampled_from("./\\:~ \0\nabC") | st.characters(), max_size=12)


@pytest.mark.behaviour("LOADER-09")
@given(HOSTILE)
def test_no_name_that_is_let_through_leads_outside_on_any_platform(name):
    if leads_outside(name):
        return
    for paths, root in ((posixpath, "/root/model"), (ntpath, "C:\\root\\model")):
        joined = paths.normpath(paths.join(root, name))
        assert paths.dirname(joined) == root
        assert paths.basename(joined) == name


@pytest.mark.behaviour("LOAD-02")
@given(st.integers(1, 99_999), st.integers(1, 99_999), st.sampled_from([".gguf", ".safetensors"]))
def test_names_are_spelt_as_they_were_read(number, of, suffix):
    name = f"prefix-{number:05}-of-{of:05}{suffix}"

    assert numbered_name(numbered(name)) == name


@pytest.mark.behaviour("LOAD-02")
@given(st.text())
def test_any_text_at_all_is_located_or_refused(path):
    assert isinstance(locate(path, {}.get, shards=True), Located | Failure)
