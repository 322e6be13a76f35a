"""Whose use an event is: the nearest frame of ours, looking outwards from where it happened."""

from __future__ import annotations

import dis
from types import FrameType
from typing import Final, NamedTuple

from emel_tools.boundaries.witness.events import IMPORT, Use
from emel_tools.boundaries.witness.places import Place, Places, Role

_IMPORT_NAME: Final = dis.opmap["IMPORT_NAME"]
# What only looks for a module has events just when Python has to look again; the call is seen.
_LOOKING: Final = frozenset({"find_spec", "invalidate_caches"})
_THROUGH_IMPORTS: Final = (Role.CONDUIT, Role.EVALUATOR)
# Looked up once: Python 3.11 looks for a member of an enumeration by a function of its own.
_RUNNER: Final = Role.RUNNER
_IMPORTER: Final = Role.IMPORTER


def attribute(
    frame: FrameType | None, capability: str, operation: str, places: Places
) -> Use | None:
    """Find who used a capability.

    Parameters
    ----------
    frame
        Where it happened.
    capability, operation
        What happened there.
    places
        Whose each file is.

    Returns
    -------
    Use or None
        None if it was nobody of ours: an import statement (also for all that it runs and that is
        not ours), a runner of tests, a library that evaluates or imports for itself.
    """
    importer, absorbed = "", ""
    roles: list[Role] = []
    while frame is not None:
        code = frame.f_code  # once: asking for it is an audit event
        kind = places[code.co_filename]
        if isinstance(kind, Place):
            passed = _Passed(importer, roles, absorbed)
            what = _what_caller_did(frame, capability, operation, passed)
            return Use(*kind, frame.f_lineno or 0, *what) if what else None
        role = kind.role
        if role is _RUNNER:
            return None
        if role is _IMPORTER:
            importer = code.co_name
            roles.clear()
        else:
            roles.append(role)
        absorbed = kind.absorbs or absorbed
        frame = frame.f_back
    return None


class _Passed(NamedTuple):
    """What stands between an event and our frame."""

    importer: str
    """The outermost function of the import system; empty if nothing is imported."""
    roles: list[Role]
    """Of the frames outside of that, outwards."""
    absorbed: str
    """The capability that it all counts as; empty if it counts as what it is."""


def _what_caller_did(
    frame: FrameType, capability: str, operation: str, passed: _Passed
) -> tuple[str, str] | None:
    """Answer with the capability and the operation that our frame is held to, if any."""
    if passed.importer or capability == "imports":
        # Whatever was opened, listed, unmarshalled or executed here was for an import.
        name = passed.importer or operation
        # A library that imports when it is called does so for itself.
        is_callers = all(role in _THROUGH_IMPORTS for role in passed.roles)
        if name in _LOOKING or not is_callers or _is_at_import_statement(frame):
            return None
        return "imports", _spell_import(name)
    if not _is_callers_doing(capability, passed.roles):
        return None
    return passed.absorbed or capability, operation


def _is_callers_doing(capability: str, roles: list[Role]) -> bool:
    """Whether what happened behind the frames that were passed is what our frame asked for."""
    if capability == "evaluate":  # dataclass and namedtuple evaluate text too, but their own
        return all(role is Role.EVALUATOR for role in roles)
    return Role.AMBIENT not in roles or roles[-1] is Role.AMBIENT


def _is_at_import_statement(frame: FrameType) -> bool:
    return frame.f_code.co_code[frame.f_lasti] == _IMPORT_NAME


def _spell_import(name: str) -> str:
    """Name the function that imports: what lies below `__import__` is private to Python."""
    name = name.rpartition(".")[2]
    return "__import__" if name == IMPORT or name.startswith("_") else name
