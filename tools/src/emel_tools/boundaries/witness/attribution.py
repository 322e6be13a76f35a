"""Whose use an event is: the nearest frame of ours, looking outwards from where it happened."""

from __future__ import annotations

import dis
from types import FrameType
from typing import Final, NamedTuple

from emel_tools.boundaries.witness.events import IMPORT, Use
from emel_tools.boundaries.witness.places import Outside, Place, Places, Role

_IMPORT_NAME: Final = dis.opmap["IMPORT_NAME"]
# What only looks for a module has events just when Python has to look again; the call is seen.
_LOOKING: Final = frozenset({"find_spec", "invalidate_caches"})
_THROUGH_IMPORTS: Final = (Role.CONDUIT, Role.EVALUATOR)


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
    passed: list[_Passed] = []
    while frame is not None:
        kind = places[frame.f_code.co_filename]
        if isinstance(kind, Place):
            what = _what_caller_did(frame, capability, operation, passed)
            return Use(*kind, frame.f_lineno or 0, *what) if what else None
        if kind.role is Role.RUNNER:
            return None
        passed.append(_Passed(kind, frame.f_code.co_name))
        frame = frame.f_back
    return None


class _Passed(NamedTuple):
    """One frame between an event and ours."""

    outside: Outside
    function: str


def _what_caller_did(
    frame: FrameType, capability: str, operation: str, passed: list[_Passed]
) -> tuple[str, str] | None:
    """Answer with the capability and the operation that our frame is held to, if any."""
    importers = [each.function for each in passed if each.outside.role is Role.IMPORTER]
    if importers or capability == "imports":
        # Whatever was opened, listed, unmarshalled or executed here was for an import.
        name = [operation, *importers][-1]
        if name in _LOOKING or not _is_import_of_caller(passed) or _is_at_import_statement(frame):
            return None
        return "imports", _spell_import(name)
    if not _is_callers_doing(capability, passed):
        return None
    absorbed = [each.outside.absorbs for each in passed if each.outside.absorbs]
    return [capability, *absorbed][-1], operation


def _is_import_of_caller(passed: list[_Passed]) -> bool:
    """Whether nothing but the import system stands between an import and our frame.

    A library that imports when it is called does so for itself.
    """
    roles = [each.outside.role for each in passed]
    inner = len(roles) - roles[::-1].index(Role.IMPORTER) if Role.IMPORTER in roles else 0
    return all(role in _THROUGH_IMPORTS for role in roles[inner:])


def _is_callers_doing(capability: str, passed: list[_Passed]) -> bool:
    """Whether what happened behind the frames that were passed is what our frame asked for."""
    roles = [each.outside.role for each in passed]
    if capability == "evaluate":  # dataclass and namedtuple evaluate text too, but their own
        return all(role is Role.EVALUATOR for role in roles)
    return Role.AMBIENT not in roles or roles[-1] is Role.AMBIENT


def _is_at_import_statement(frame: FrameType) -> bool:
    return frame.f_code.co_code[frame.f_lasti] == _IMPORT_NAME


def _spell_import(name: str) -> str:
    """Name the function that imports: what lies below `__import__` is private to Python."""
    name = name.rpartition(".")[2]
    return "__import__" if name == IMPORT or name.startswith("_") else name
