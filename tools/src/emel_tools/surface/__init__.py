"""What a package shows to the outside, read from its sources: names, signatures and docstrings.

Nothing of it is imported, so that the answer is the same on every Python and machine.
"""

from emel_tools.surface.names import Name, public

__all__ = ["Name", "public"]
