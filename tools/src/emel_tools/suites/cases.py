"""What a test is before it runs: its name, and, of a property, what it is tried on."""

from __future__ import annotations

from collections.abc import Sized
from typing import Final

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine

from emel_tools.suites.record import Case

_STEPS: Final = settings.get_profile("default").stateful_step_count
"""How many steps an example has where nobody says it."""


def case(item: pytest.Item) -> Case:
    """Say of a test how it is called, and, of a property, what its settings let it draw."""
    tested: object = getattr(item, "obj", None)
    function = item.nodeid.partition("[")[0]
    chosen: object = getattr(tested, "_hypothesis_internal_use_settings", None)
    machine: object = getattr(tested, "_hypothesis_state_machine_class", None)
    if machine is not None:
        chosen = getattr(getattr(item, "cls", None), "settings", None)
    written: object = getattr(tested, "hypothesis_explicit_examples", ())
    given = len(written) if isinstance(written, Sized) else 0
    if not isinstance(chosen, settings):
        return Case(item.nodeid, function)
    steps = chosen.stateful_step_count
    known = 0 if steps == _STEPS else steps
    return Case(item.nodeid, function, chosen.max_examples, *_steps(machine), known, given)


def _steps(machine: object) -> tuple[int, int]:
    """Count the rules and invariants of a state machine."""
    if not (isinstance(machine, type) and issubclass(machine, RuleBasedStateMachine)):
        return 0, 0
    made = machine.setup_state()
    return len(made.rules) + len(made.initializers), len(made.invariants)
