"""Run one block in this process: `python -m emel_tools.ratios.block`, order in, samples out."""

from __future__ import annotations

import sys

import msgspec

from emel_tools.ratios.cases import cases_of
from emel_tools.ratios.sampling import Order, block


def main() -> int:
    """Do what standard input asks for."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    chosen = [case for case in cases_of(order.package) if case.name in order.cases]
    answer = block(order, chosen)
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
