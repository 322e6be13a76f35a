import pytest

from emel_io_loader import SLOW_KINDS, BatchOutcome, Offer, Reaction, Route, Router, Spans
from emel_io_loader.choice import reason_of
from emel_io_loader.testing import FakeStrategy


def offers(**reasons):
    """Offers of fakes by name, each with why it is unavailable, or "" if it isn't."""
    return {name: FakeStrategy({"m": b"xy"}, name=name).offer(why) for name, why in reasons.items()}


ALL = {"mmap": "", "read": "", "staged": ""}


@pytest.mark.behaviour("ROUTE-03")
@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        ("ext4", "mmap", "local-file-system"),
        ("xfs", "mmap", "local-file-system"),
        ("tmpfs", "mmap", "local-file-system"),
        ("fusectl", "mmap", "local-file-system"),
        ("", "mmap", "unknown-file-system"),
        ("nfs4", "read", "remote-file-system"),
        ("cifs", "read", "remote-file-system"),
        ("9p", "read", "remote-file-system"),
        ("fuse", "read", "fuse-file-system"),
        ("fuse.sshfs", "read", "fuse-file-system"),
        ("fuseblk", "read", "fuse-file-system"),
        ("overlay", "read", "overlay-file-system"),
    ],
)
def test_auto_goes_by_the_kind_of_file_system(kind, name, code):
    asked = []
    router = Router(offers(**ALL), file_system=lambda path: asked.append(path) or kind)

    route = router.route("auto", path="/models/m.gguf")

    assert isinstance(route, Route)
    assert (route.requested, route.name, route.reason_code) == ("auto", name, code)
    assert "/models/m.gguf" in route.reason
    assert kind in route.reason
    assert asked == ["/models/m.gguf"]


@pytest.mark.behaviour("ROUTE-03")
def test_every_kind_on_the_list_is_known_for_what_it_is():
    assert {reason_of(kind) for kind in SLOW_KINDS} == set(SLOW_KINDS.values())
    with pytest.raises(TypeError):
        SLOW_KINDS["ext4"] = SLOW_KINDS["nfs"]


@pytest.mark.behaviour("ROUTE-03")
@pytest.mark.parametrize("error", [OSError(5, "EIO"), ValueError("embedded null byte")])
def test_a_file_system_that_cant_be_seen_is_unknown(error):
    def look(path):
        raise error

    route = Router(offers(**ALL), file_system=look).route("auto", path="m")

    assert (route.name, route.reason_code) == ("mmap", "unknown-file-system")


@pytest.mark.behaviour("ROUTE-03")
def test_without_a_path_or_a_look_it_maps():
    asked = []
    looking = Router(offers(**ALL), file_system=lambda path: asked.append(path) or "nfs")

    assert looking.route("auto").reason_code == "unknown-file-system"
    assert Router(offers(**ALL)).route("auto", path="m").reason_code == "unknown-file-system"
    assert asked == []


@pytest.mark.behaviour("ROUTE-03")
@pytest.mark.parametrize("limit", [0, 1 << 20])
def test_a_memory_limit_takes_the_stage_and_looks_at_nothing(limit):
    asked = []
    router = Router(offers(**ALL), file_system=lambda path: asked.append(path) or "nfs")

    route = router.route("auto", path="m", memory_limit=limit)

    assert (route.name, route.reason_code) == ("staged", "memory-limit")
    assert f"{limit} bytes" in route.reason
    assert asked == []


@pytest.mark.behaviour("ROUTE-03")
@pytest.mark.parametrize(
    ("available", "words"),
    [
        ({"mmap": "", "read": ""}, "staged: nobody offers it (known: mmap, read)"),
        ({"mmap": "", "staged": "no threads"}, "staged: no threads (known: mmap, staged)"),
    ],
)
def test_a_memory_limit_that_nothing_keeps_is_refused(available, words):
    refusal = Router(offers(**available)).route("auto", memory_limit=9)

    assert isinstance(refusal, BatchOutcome)
    assert (refusal.code, refusal.reaction) == ("strategy-unavailable", Reaction.UNSUPPORTED)
    assert "9 bytes" in refusal.message
    assert words in refusal.message


@pytest.mark.behaviour("ROUTE-03")
@pytest.mark.parametrize(
    ("kind", "available", "name", "words"),
    [
        ("ext4", {"mmap": "no maps", "read": ""}, "read", "mmap would suit, but no maps"),
        ("nfs", {"mmap": "", "read": "no preadv"}, "mmap", "read would suit, but no preadv"),
        ("nfs", {"mmap": ""}, "mmap", "read would suit, but nobody offers it"),
    ],
)
def test_what_cant_be_used_gives_way_to_the_next(kind, available, name, words):
    route = Router(offers(**available), file_system=lambda _: kind).route("auto", path="m")

    assert (route.name, route.reason_code) == (name, "only-available")
    assert words in route.reason
    assert kind in route.reason


@pytest.mark.behaviour("ROUTE-03")
def test_if_nothing_can_be_used_each_says_why():
    refusal = Router(offers(mmap="no maps", read="no preadv", staged="")).route("auto")

    assert refusal.code == "strategy-unavailable"
    assert "mmap: no maps; read: no preadv (known: mmap, read, staged)" in refusal.message


@pytest.mark.behaviour("ROUTE-03", "ROUTE-05")
def test_what_was_used_is_told_after_a_success_and_why_before():
    route = Router(offers(**ALL), file_system=lambda _: "nfs").route("auto", path="m")

    before = route.used, route.reason_code
    route.load(Spans(["m"], [0], [0], [2]))

    assert before == (None, "remote-file-system")
    assert (route.requested, route.used) == ("auto", "read")


@pytest.mark.behaviour("ROUTE-03")
def test_whoever_asks_by_name_is_served_as_asked():
    def look(path):
        raise AssertionError("nobody asked for a choice")

    route = Router(offers(**ALL), file_system=look).route("mmap", path="m", memory_limit=1)

    assert (route.name, route.reason_code) == ("mmap", "asked-for")
    assert route.reason == "mmap was asked for"


@pytest.mark.behaviour("ROUTE-03")
def test_auto_makes_only_what_it_chose_and_finds_nobody_else():
    def never():
        raise AssertionError("not chosen")

    known = {**offers(**ALL), "read": Offer(never, str), "staged": Offer(never, str)}

    assert Router(known, found=never).route("auto").name == "mmap"
