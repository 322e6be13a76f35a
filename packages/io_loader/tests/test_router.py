from enum import IntEnum

import pytest

from emel_io_loader import (
    Advice,
    BatchOutcome,
    Leases,
    Mode,
    Offer,
    Reaction,
    Route,
    RouteOutcome,
    Router,
    Spans,
    Strategy,
    Targets,
)
from emel_io_loader.testing import Advised, FakeStrategy


class Outcome(IntEnum):
    OK = 0
    READ_FAILED = 1


FAILED = BatchOutcome(outcome=Outcome.READ_FAILED, reaction=Reaction.SOURCE, index=0, errno=5)


def spans(n=1):
    return Spans(["a"], [0] * n, [0] * n, [2] * n)


def routed(fake):
    route = Router({"fake": fake.offer()}).route("fake")
    assert isinstance(route, Route)
    assert route.strategy is fake
    return route


def never_created():
    raise AssertionError("a strategy was created")


@pytest.mark.behaviour("ROUTE-01")
@pytest.mark.parametrize(
    ("requested", "outcome", "reaction", "words"),
    [
        (None, RouteOutcome.STRATEGY_MISSING, Reaction.UNSUPPORTED, "known: good, old"),
        ("", RouteOutcome.STRATEGY_MISSING, Reaction.UNSUPPORTED, "known: good, old"),
        ("nmap", RouteOutcome.STRATEGY_UNKNOWN, Reaction.UNSUPPORTED, "'nmap' (known: good, old)"),
        ("old", RouteOutcome.STRATEGY_UNAVAILABLE, Reaction.UNSUPPORTED, "'old': no maps here"),
    ],
)
def test_a_refused_request_is_its_own_outcome_and_creates_nothing(
    requested, outcome, reaction, words
):
    router = Router(
        {
            "old": Offer(create=never_created, unavailable=lambda: "no maps here"),
            "good": Offer(create=never_created, unavailable=lambda: ""),
        }
    )

    refusal = router.route(requested)

    assert isinstance(refusal, BatchOutcome)
    assert (refusal.outcome, refusal.reaction) == (outcome, reaction)
    assert words in refusal.message


@pytest.mark.behaviour("ROUTE-01")
def test_a_router_without_offers_says_that_none_are_known():
    refusal = Router({}).route("mmap")

    assert isinstance(refusal, BatchOutcome)
    assert refusal.code == "strategy-unknown"
    assert "known: none" in refusal.message


@pytest.mark.behaviour("ROUTE-01")
def test_others_are_not_asked_whether_they_are_available():
    fake = FakeStrategy({"a": b"xy"})
    asked = []
    other = Offer(create=never_created, unavailable=lambda: asked.append("other") or "")

    Router({"fake": fake.offer(), "other": other}).route("fake")

    assert asked == []


@pytest.mark.behaviour("ROUTE-01")
def test_offers_that_change_later_do_not_change_the_router():
    offers = {"fake": FakeStrategy({}).offer()}
    router = Router(offers)

    offers.clear()

    assert isinstance(router.route("fake"), Route)


@pytest.mark.behaviour("ROUTE-01")
def test_the_router_takes_the_next_request_after_a_refusal():
    router = Router({"fake": FakeStrategy({}).offer()})

    router.route("unknown")

    assert isinstance(router.route("fake"), Route)


@pytest.mark.behaviour("ROUTE-02")
def test_routing_creates_one_strategy_and_loads_nothing():
    created = []
    fake = FakeStrategy({"a": b"xy"})

    def create():
        created.append(fake)
        return fake

    route = Router({"fake": Offer(create=create, unavailable=lambda: "")}).route("fake")

    assert isinstance(route, Route)
    assert created == [fake]
    assert fake.loads == []


@pytest.mark.behaviour("ROUTE-02")
@pytest.mark.parametrize("n", [0, 1, 1000])
def test_a_batch_is_one_dispatch_whatever_its_length(n):
    fake = FakeStrategy({"a": b"xy"})
    batch = spans(n)

    answer = routed(fake).load(batch)

    assert (answer.ok, answer.nspans) == (True, n)
    assert len(fake.loads) == 1
    assert fake.loads[0] is batch


@pytest.mark.behaviour("ROUTE-02")
def test_the_callers_own_targets_are_filled():
    target = bytearray(2)

    routed(FakeStrategy({"a": b"xy"}, Mode.COPIES)).load(spans(), Targets.each([target]))

    assert target == b"xy"


@pytest.mark.behaviour("ROUTE-02")
def test_a_batch_that_breaks_the_rules_is_still_the_strategys_to_refuse():
    fake = FakeStrategy({"a": b"xy"})

    answer = routed(fake).load(Spans(["a"], [0], [-1], [2]))

    assert answer.code == "offset-negative"
    assert len(fake.loads) == 1


@pytest.mark.behaviour("ROUTE-05")
def test_used_is_unknown_until_a_batch_has_succeeded():
    route = routed(FakeStrategy({"a": b"xy"}, name="the-real-name"))

    before = route.used
    route.load(spans())

    assert (before, route.used) == (None, "the-real-name")
    assert route.requested == "fake"


@pytest.mark.behaviour("ROUTE-05")
def test_a_failed_batch_reports_no_use_and_the_strategys_own_answer():
    fake = FakeStrategy({"a": b"xy"})
    fake.fail_load(FAILED)
    route = routed(fake)

    answer = route.load(spans())

    assert answer is FAILED
    assert route.used is None


@pytest.mark.behaviour("ROUTE-05")
def test_the_route_takes_the_next_batch_after_a_failure():
    fake = FakeStrategy({"a": b"xy"})
    fake.fail_load(FAILED)
    route = routed(fake)

    route.load(spans())

    assert route.load(spans()).ok
    assert route.used == "fake"


@pytest.mark.behaviour("ROUTE-05")
def test_a_failure_after_a_success_does_not_take_the_report_back():
    fake = FakeStrategy({"a": b"xy"})
    fake.fail_load(FAILED, nth=2)
    route = routed(fake)

    answers = [route.load(spans()).ok for _ in range(3)]

    assert answers == [True, False, True]
    assert route.used == "fake"


class Raises(FakeStrategy):
    """Breaks the contract on its first batch: raises, or answers with nothing."""

    def __init__(self, error):
        super().__init__({"a": b"xy"})
        self._error = error

    def load(self, spans, targets=None, **options):
        if self.loads:
            return super().load(spans, targets, **options)
        self.loads.append(spans)
        if self._error is None:
            return None
        raise self._error


@pytest.mark.behaviour("ROUTE-05")
@pytest.mark.parametrize("error", [MemoryError("full"), KeyboardInterrupt()])
def test_a_strategy_that_raises_is_not_reported_and_the_route_stays_usable(error):
    route = routed(Raises(error))

    with pytest.raises(type(error)):
        route.load(spans())

    assert route.used is None
    assert route.load(spans()).ok


@pytest.mark.behaviour("ROUTE-04", "ROUTE-05")
def test_a_strategy_that_answers_with_nothing_is_refused_and_not_reported():
    route = routed(Raises(None))

    answer = route.load(spans())

    assert (answer.code, answer.reaction) == ("strategy-broken", Reaction.UNSUPPORTED)
    assert answer.message == "strategy 'fake': its load answered with a NoneType"
    assert route.used is None
    assert route.load(spans()).ok
    assert route.used == "fake"


@pytest.mark.behaviour("ROUTE-02")
def test_a_route_is_a_strategy():
    assert isinstance(routed(FakeStrategy({})), Strategy)


@pytest.mark.behaviour("ROUTE-02")
@pytest.mark.parametrize("mode", Mode)
def test_name_and_mode_are_the_strategys(mode):
    route = routed(FakeStrategy({}, mode, name="other"))

    assert (route.name, route.mode) == ("other", mode)


@pytest.mark.behaviour("ROUTE-02")
def test_identify_is_the_strategys():
    fake = FakeStrategy({"a": b"xy"})

    assert routed(fake).identify(["a"]).identities == fake.identify(["a"]).identities


@pytest.mark.behaviour("ROUTE-02")
def test_a_view_through_the_route_has_the_spans_bytes():
    route = routed(FakeStrategy({"a": b"xy"}))
    slot, generation = route.load(spans()).leases[0]

    assert bytes(route.view(slot, generation)) == b"xy"


@pytest.mark.behaviour("ROUTE-02")
def test_release_hands_over_the_leases_and_the_answer():
    fake = FakeStrategy({"a": b"xy"})
    route = routed(fake)
    leases = route.load(spans()).leases
    fake.fail_release(FAILED)

    assert route.release(leases) is FAILED
    assert fake.releases[0] is leases


@pytest.mark.behaviour("ROUTE-02")
def test_advice_is_handed_over_with_its_window():
    fake = FakeStrategy({"a": b"xy"})
    route = routed(fake)
    slot, generation = route.load(spans()).leases[0]

    assert route.advise(slot, generation, Advice.WILL_NEED, 1, 1).ok
    assert fake.advised == [Advised(slot, generation, Advice.WILL_NEED, 1, 1)]


@pytest.mark.behaviour("ROUTE-02")
def test_usage_and_close_are_the_strategys():
    fake = FakeStrategy({"a": b"xy"})
    route = routed(fake)
    route.load(spans(2))

    before = route.usage()

    assert (before.slots, before.leases, before.nbytes) == (1, 2, 4)
    assert route.close().ok
    assert fake.usage().leases == 0


@pytest.mark.behaviour("ROUTE-02")
def test_closing_reports_what_is_still_borrowed():
    route = routed(FakeStrategy({"a": b"xy"}))
    array = route.view(*route.load(spans()).leases[0])

    assert route.close().reaction is Reaction.BUSY
    assert array.tolist() == [120, 121]


@pytest.mark.behaviour("ROUTE-02")
def test_two_routes_of_one_router_count_apart():
    router = Router(
        {"fake": Offer(create=lambda: FakeStrategy({"a": b"xy"}), unavailable=lambda: "")}
    )
    first, second = router.route("fake"), router.route("fake")
    assert isinstance(first, Route)
    assert isinstance(second, Route)

    first.load(spans())

    assert (first.used, second.used) == ("fake", None)
    assert second.usage().leases == 0
    assert second.release(Leases.vacant()).ok
