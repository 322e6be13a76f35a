"""The calls that raise no audit event: `os.pread`, `os.fstat`, `__import__` of what is loaded.

`sys.monitoring` shows them, from Python 3.12. On 3.11 nothing does at a bearable cost (a profile
function makes calls four to six times as slow), so there they aren't witnessed, and it says so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Final

from emel_tools.boundaries.witness.events import silent_calls

See = Callable[[FrameType | None, str, str], None]

SEEN: Final = sys.version_info >= (3, 12)
"""Whether this Python shows them."""

if sys.version_info >= (3, 12):
    _TOOL: Final = 4  # 0 to 2 and 5 are a debugger's, coverage's, a profiler's, an optimizer's
    _NAME: Final = "emel witness"

    def watch(see: See | None) -> None:
        """Show `see` each such call, or end it."""
        monitoring = sys.monitoring
        if see is None:
            if monitoring.get_tool(_TOOL) == _NAME:
                monitoring.set_events(_TOOL, monitoring.events.NO_EVENTS)
                monitoring.free_tool_id(_TOOL)
            return
        if monitoring.get_tool(_TOOL) is None:
            monitoring.use_tool_id(_TOOL, _NAME)
        # By identity: what is called need not be hashable. The functions live as long as the dict.
        functions = {id(function): (function, *facts) for function, *facts in silent_calls()}
        disable = monitoring.DISABLE

        def called(_code: CodeType, _offset: int, function: object, _first: object) -> object:
            watched = functions.get(id(function))
            if watched is None:
                return disable  # this place, until `look_again`: that is what keeps it cheap
            see(sys._getframe(1), watched[1], watched[2])
            return None

        monitoring.register_callback(_TOOL, monitoring.events.CALL, called)
        monitoring.set_events(_TOOL, monitoring.events.CALL)
        look_again()  # what another recorder has let go

    def look_again() -> None:
        """Look at every place again: it may be given another function to call."""
        sys.monitoring.restart_events()

else:

    def watch(see: See | None) -> None:
        """Do nothing: this Python doesn't show calls."""

    def look_again() -> None:
        """Do nothing: this Python doesn't show calls."""
