"""What an opened model tells of itself and of its tensors, without reading any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emel.errors import raise_failure
from emel.tables import Residency, StateTotal, StrategyUse, TensorInfo
from emel_io_loader import Usage
from emel_model_format import DTYPES, Metadata
from emel_model_loader import Checkpoint, Failure
from emel_model_tensor import STATES


class Described(Mapping[str, NDArray[Any]]):
    """A mapping that knows its names, and what stands behind each."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint: Checkpoint = checkpoint

    @property
    def strategy(self) -> StrategyUse:
        """Which strategy was asked for, which one serves, and why."""
        route = self._checkpoint.route
        return StrategyUse(route.requested, route.used, route.reason, route.reason_code)

    @property
    def path(self) -> str:
        """What was opened: a file, an index or a folder."""
        return self._checkpoint.path

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that tensors lie in."""
        return self._checkpoint.capture().files

    @property
    def format(self) -> str:
        """What the file is: "gguf" or "safetensors"."""
        return self._checkpoint.header.format

    @property
    def version(self) -> int:
        """GGUF's version; 0 for safetensors, which has none."""
        return self._checkpoint.header.version

    @property
    def byteorder(self) -> str:
        """Byte order of the tensors' data: "little" or "big"."""
        return self._checkpoint.header.byteorder

    @property
    def metadata(self) -> Metadata:
        """The header's metadata: a mapping that decodes values as they are asked for.

        It owns its bytes, and stays usable after the model is closed.
        """
        return self._checkpoint.header.metadata

    @property
    def closed(self) -> bool:
        """Whether everything was let go of."""
        return self._checkpoint.closed

    def __iter__(self) -> Iterator[str]:
        return iter(self._checkpoint.names)

    def __len__(self) -> int:
        return len(self._checkpoint.names)

    def __contains__(self, name: object) -> bool:
        # Without this, Mapping would load the tensor to see whether it is there.
        return name in self._checkpoint.position

    # A model is itself and no other; Mapping would load every tensor to compare two of them.
    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{len(self)} tensor{'s' * (len(self) != 1)}"
        return f"<emel.Model {self.path!r}: {self.format}, {state}>"

    def info(self, name: str) -> TensorInfo:
        """Describe one tensor without loading it."""
        i = self._position(name)
        columns = self._checkpoint.header.tensors
        return TensorInfo(
            name=name,
            dtype=DTYPES[columns.dtype.item(i)].name,
            shape=columns.shape(i),
            nbytes=columns.nbytes.item(i),
            file=self._checkpoint.blame.file_of(i),
            offset=columns.offset.item(i),
            residency=self._checkpoint.state_of(i),
        )

    def residency(self) -> Residency:
        """Say where every tensor's bytes are: columns, and totals by state."""
        snapshot = self._checkpoint.capture()
        totals = {state: StateTotal(*total) for state, total in snapshot.totals().items()}
        states = np.array(STATES)[snapshot.state]
        return Residency(self._checkpoint.names, states, snapshot.nbytes, totals)

    def usage(self) -> Usage:
        """Count the mappings, leases and bytes of address space that are held now."""
        return self._checkpoint.usage()

    def _position(self, name: str) -> int:
        try:
            return self._checkpoint.position[name]
        except KeyError:
            raise KeyError(f"{name!r} is not a tensor of {self.path}") from None

    def _index(self, names: Iterable[str] | None) -> NDArray[np.intp] | None:
        if names is None:
            return None
        return np.array([self._position(name) for name in listed(names)], np.intp)

    def _tensors(self, names: Iterable[str] | None) -> list[int]:
        if names is None:
            return list(range(len(self)))
        return sorted({self._position(name) for name in listed(names)})

    @staticmethod
    def _raise(failure: Failure | None) -> None:
        if failure is not None:
            raise_failure(failure)


def listed(names: Iterable[str]) -> Iterable[str]:
    """Take one name for itself, and not for its letters."""
    return [names] if isinstance(names, str) else names


def refuse_no_threads(threads: int | None) -> None:
    """Raise `ValueError` where nobody is to read."""
    if threads is not None and threads < 1:
        raise ValueError(f"threads is at least 1, not {threads}")
