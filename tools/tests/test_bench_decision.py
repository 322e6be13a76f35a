"""The decision of the bench, on simulated samples: no clock, no noise but a seed's."""

import math
import random

import pytest

from emel_tools.ratios import decision
from emel_tools.ratios.decision import MOST, decide, estimate, log_ratio


def decided(draw):
    """Draw estimates until the rule has decided, and news twice, as the lane does."""
    for _ in range(2):
        logs, verdict = [], "open"
        while len(logs) < MOST and verdict == "open":
            logs += [draw() for _ in range(6 if logs else 2)]
            verdict = decide(logs)
        if verdict in ("same", "open"):
            break
    return verdict


def many(true, noise, seed, count=1500):
    """Decide often about blocks that err by `noise`, a tenth of them ten times as much."""
    rng = random.Random(seed)

    def draw():
        return math.log(true) + rng.gauss(0, noise * (10 if rng.random() < 0.1 else 1))

    verdicts = [decided(draw) for _ in range(count)]
    return {verdict: verdicts.count(verdict) / count for verdict in set(verdicts)}


@pytest.mark.behaviour("GATE-45")
@pytest.mark.parametrize("noise", [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4])
def test_no_change_is_news_less_than_once_in_two_hundred(noise):
    seen = many(1.0, noise, seed=1)
    assert seen.get("slower", 0) + seen.get("quicker", 0) <= 1 / 200


@pytest.mark.behaviour("GATE-45")
@pytest.mark.parametrize("noise", [0.005, 0.01, 0.02, 0.03])
@pytest.mark.parametrize(("true", "verdict"), [(1.15, "slower"), (1 / 1.15, "quicker")])
def test_fifteen_percent_is_found_with_95_percent(noise, true, verdict):
    assert many(true, noise, seed=2)[verdict] >= 0.95


@pytest.mark.behaviour("GATE-45")
def test_what_noise_hides_is_said_to_be_hidden_and_is_neither_news_nor_same():
    assert many(1.0, 0.25, seed=3)["open"] > 0.7
    seen = many(1.15, 0.25, seed=3)
    assert seen["open"] > 0.6
    assert seen.get("same", 0) < 0.03


@pytest.mark.behaviour("GATE-45")
@pytest.mark.parametrize("noise", [0.005, 0.01, 0.02, 0.03, 0.05])
def test_a_machine_that_is_quiet_enough_leaves_nothing_open(noise):
    assert many(1.0, noise, seed=4)["same"] > 0.99


@pytest.mark.behaviour("GATE-45")
def test_two_estimates_that_agree_well_are_enough_for_no_change_and_so_are_four_that_agree():
    assert {decide([]), decide([0.0]), decide([math.log(1.5)] * 7)} == {"open"}
    assert decide([0.04, -0.04]) == "same"
    assert {decide([0.0, 0.06]), decide([0.0, -0.06]), decide([0.0, 0.06, 0.0])} == {"open"}
    assert decide([0.0, 0.06, -0.06, 0.0]) == "same"
    assert decide([0.0, 0.06, -0.02, 0.5]) == "open"
    assert decide([math.log(1.5)] * 8) == "slower"


@pytest.mark.behaviour("GATE-45")
def test_what_was_accepted_is_expected():
    logs = [math.log(1.2)] * 8
    assert decide(logs, math.log(1.2)) == "same"
    assert decide([0.0] * 8, math.log(1.2)) == "quicker"


@pytest.mark.behaviour("GATE-45")
def test_the_interval_leaves_out_as_many_blocks_as_a_coin_allows():
    assert estimate([5, 1, 3, 2, 4, 6]) == (3.5, 1, 6, 6)
    for n in range(1, MOST + 1):
        seen = estimate(range(n))
        out = round(seen.low)
        outside = sum(math.comb(n, k) for k in range(out + 1)) / 2**n
        assert seen.high == n - 1 - out
        assert outside <= 0.02 or out == 0
        assert sum(math.comb(n, k) for k in range(out + 2)) / 2**n > 0.02
    assert 0.5**decision.ENOUGH <= 0.02


@pytest.mark.behaviour("GATE-45")
def test_one_block_is_estimated_by_what_was_disturbed_least():
    assert log_ratio((300, 230, 900), (200, 500, 800)) == pytest.approx(math.log(1.15))
