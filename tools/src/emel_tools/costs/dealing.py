"""Makes spans of files of zeros: whoever measures none of the loading needn't import it."""

from __future__ import annotations

import numpy as np

from emel_io_loader import Spans
from emel_tools.costs.site import Site


def dealt(site: Site, count: int, nbytes: int, *, files: int = 1, gap: int = 0) -> Spans:
    """Make spans of so many bytes each, dealt out to files in turn, `gap` bytes apart."""
    step = nbytes + gap
    size = -(-count // files) * step
    paths = [site.file(size, f"part{i}") for i in range(files)]
    number = np.arange(count)
    return Spans(paths, number % files, number // files * step, np.full(count, nbytes))
