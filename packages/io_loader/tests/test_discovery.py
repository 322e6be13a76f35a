from types import SimpleNamespace

import pytest

from emel_io_loader import Mode, Reaction, Route, Router, Spans, discover
from emel_io_loader.testing import FakeStrategy


class Point:
    """An entry point, that counts how often it was imported."""

    def __init__(self, load, name="mine", dist=None):
        self.name = name
        self.dist = None if dist is None else SimpleNamespace(name=dist)
        self.loaded = 0
        self._load = load

    def load(self):
        self.loaded += 1
        return self._load()


class Mine(FakeStrategy):
    def __init__(self):
        super().__init__({"m": b"xy"}, name="mine")


def point(kind, **words):
    return Point(lambda: kind, **words)


def asked(*points, name="mine", offers=()):
    return Router(dict(offers), found=lambda: discover(points)).route(name)


@pytest.mark.behaviour("ROUTE-04")
def test_a_strategy_of_a_third_party_is_used_like_the_built_in_ones():
    route = asked(point(Mine))

    assert isinstance(route, Route)
    assert route.load(Spans(["m"], [0], [0], [2])).ok
    assert (route.used, route.reason_code) == ("mine", "asked-for")


@pytest.mark.behaviour("ROUTE-04")
def test_only_what_is_asked_for_is_imported():
    points = [point(Mine), point(Mine, name="other")]

    found = discover(points)
    before = [p.loaded for p in points]
    asked(*points)

    assert list(found) == ["mine", "other"]
    assert before == [0, 0]
    assert [p.loaded for p in points] == [1, 0]


@pytest.mark.behaviour("ROUTE-04")
def test_nobody_looks_for_a_name_that_is_built_in_nor_overrides_it():
    looked = []
    mine = FakeStrategy({}, name="built-in")
    router = Router(
        {"mine": mine.offer()}, found=lambda: looked.append(1) or discover([point(Mine)])
    )

    assert router.route("mine").name == "built-in"
    assert looked == []
    assert router.route("other").code == "strategy-unknown"
    assert looked == [1]


@pytest.mark.behaviour("ROUTE-04", "ROUTE-01")
def test_an_unknown_name_is_told_what_is_known_third_parties_included():
    offers = {"mmap": FakeStrategy({}).offer()}

    refusal = asked(point(Mine), name="nmap", offers=offers)

    assert refusal.message == "no strategy is called 'nmap' (known: mine, mmap)"


def refuse_import():
    raise ModuleNotFoundError("No module named 'cuda'")


class Unmakeable:
    def __init__(self):
        raise RuntimeError("no device")


class WithoutClose:
    name, mode = "mine", Mode.MAPS
    identify = load = view = release = advise = usage = print


class NameRaises(Mine):
    @property
    def name(self):
        raise RuntimeError("not yet")


class OtherMode(Mine):
    mode = "maps"


class LoadsAlone(Mine):
    def load(self, spans, targets=None):
        return None


class LoadIsNoCall(Mine):
    load = 7


class ReleasesOne(Mine):
    def release(self, slot, generation):
        return None


class AdvisesTheWhole(Mine):
    def advise(self, slot, generation, advice):
        return None


class ViewsAll(Mine):
    def view(self):
        return None


class IdentifiesOne(Mine):
    def identify(self):
        return None


@pytest.mark.behaviour("ROUTE-04")
@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (Point(refuse_import), "can't be imported: ModuleNotFoundError: No module named 'cuda'"),
        (point(7), "what was registered, 7, can't be called"),
        (point(Unmakeable), "it can't be made: RuntimeError: no device"),
        (point(lambda: None), "its NoneType lacks name"),
        (point(WithoutClose), "its WithoutClose lacks close"),
        (point(NameRaises), "its name can't be had: RuntimeError: not yet"),
        (point(OtherMode), "its mode is 'maps', which is no Mode"),
        (point(lambda: FakeStrategy({}, name="yours")), "it calls itself 'yours'"),
        (point(LoadIsNoCall), "its load can't be called"),
        (point(LoadsAlone), "its load doesn't take what the contract gives it"),
        (point(ReleasesOne), "its release doesn't take what the contract gives it"),
        (point(AdvisesTheWhole), "its advise doesn't take what the contract gives it"),
        (point(ViewsAll), "its view doesn't take what the contract gives it"),
        (point(IdentifiesOne), "its identify doesn't take what the contract gives it"),
    ],
)
def test_what_breaks_the_contract_is_refused_with_what_it_broke(broken, words):
    refusal = asked(broken)

    assert (refusal.code, refusal.reaction) == ("strategy-broken", Reaction.UNSUPPORTED)
    assert refusal.message.startswith("strategy 'mine' breaks the contract: ")
    assert words in refusal.message


@pytest.mark.behaviour("ROUTE-04")
def test_the_missing_keyword_is_named():
    assert "'threads'" in asked(point(LoadsAlone)).message


@pytest.mark.behaviour("ROUTE-04")
def test_what_failed_in_it_is_the_cause_without_its_frames():
    cause = asked(Point(refuse_import)).cause

    assert isinstance(cause, ModuleNotFoundError)
    assert cause.__traceback__ is None


@pytest.mark.behaviour("ROUTE-04")
@pytest.mark.parametrize(
    ("owners", "words"),
    [
        (("b-io", "a-io"), "more than one is installed: a-io and b-io have it"),
        (("b-io", None), "an unknown distribution and b-io have it"),
    ],
)
def test_two_of_one_name_are_refused_and_neither_is_imported(owners, words):
    points = [point(Mine, dist=owner) for owner in owners]

    refusal = asked(*points)

    assert refusal.code == "strategy-broken"
    assert words in refusal.message
    assert [p.loaded for p in points] == [0, 0]


@pytest.mark.behaviour("ROUTE-04", "ROUTE-05")
def test_the_router_takes_the_next_request_after_a_broken_one():
    router = Router({"good": FakeStrategy({}).offer()}, found=lambda: discover([point(Unmakeable)]))

    assert router.route("mine").code == "strategy-broken"
    assert isinstance(router.route("good"), Route)


@pytest.mark.behaviour("ROUTE-04")
def test_a_signature_that_nobody_knows_is_given_the_benefit_of_the_doubt():
    class Compiled(Mine):
        advise = type  # has no signature that inspect could read

    assert isinstance(asked(point(Compiled)), Route)


@pytest.mark.behaviour("ROUTE-04")
def test_so_is_one_that_inspect_doesnt_understand():
    def advise(*words):
        raise AssertionError("nobody calls it")

    advise.__signature__ = 7  # Python 3.13 reads text as a signature
    made = type("Strange", (Mine,), {"advise": staticmethod(advise)})

    assert isinstance(asked(point(made)), Route)
