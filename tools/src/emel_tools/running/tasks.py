"""Which shards share a process, and which process begins next."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from emel_tools.running.lane import Job, Lane, Shard
from emel_tools.scope import Choice


class Task(NamedTuple):
    """One process to come: shards of one lane, and why they run."""

    lane: Lane
    shards: tuple[Shard, ...]
    why: tuple[str, ...]
    job: Job

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.shards[0].key if len(self.shards) == 1 else self.lane.name

    @property
    def budget(self) -> float:
        """Seconds that it may take."""
        return sum(shard.budget for shard in self.shards)

    @property
    def keys(self) -> frozenset[str]:
        """The shards that it runs."""
        return frozenset(shard.key for shard in self.shards)

    @property
    def needs(self) -> frozenset[str]:
        """The shards of other processes whose results it needs."""
        return frozenset(key for shard in self.shards for key in shard.after) - self.keys

    @property
    def follows(self) -> frozenset[str]:
        """The shards of other processes that come before it, needed or not."""
        return self.needs | frozenset(k for s in self.shards for k in s.behind) - self.keys

    def without(self, names: Collection[str]) -> Task:
        """Leave out some shards."""
        kept = [i for i, shard in enumerate(self.shards) if shard.name not in names]
        shards = tuple(self.shards[i] for i in kept)
        job = self.job._replace(shards=tuple(shard.name for shard in shards))
        return Task(self.lane, shards, tuple(self.why[i] for i in kept), job)


def tasks(chosen: Sequence[Choice], job: Job) -> list[Task]:
    """Divide shards into processes, in the order of the lanes."""
    grouped: dict[str, list[Choice]] = {}
    for each in chosen:
        name = each.lane.name if each.lane.together else each.shard.key
        grouped.setdefault(name, []).append(each)
    return [
        Task(
            group[0].lane,
            tuple(each.shard for each in group),
            tuple(each.why for each in group),
            job._replace(shards=tuple(each.shard.name for each in group)),
        )
        for group in grouped.values()
    ]


def longest_first(todo: Sequence[Task], known: Mapping[str, float]) -> list[Task]:
    """Order tasks by how long it takes until all that waits for them can be done, longest first.

    What takes longest mustn't begin last, and neither what it waits for.

    Parameters
    ----------
    todo
        The tasks.
    known
        Seconds that shards took before, by key. A shard that is new is taken to use up its budget.
    """
    follows = [(task, task.follows) for task in todo]
    later = {task.name: [other for other, keys in follows if keys & task.keys] for task in todo}
    ranks: dict[str, float] = {}

    def rank(task: Task, above: frozenset[str]) -> float:
        if task.name not in ranks:
            own = sum(known.get(shard.key, shard.budget) for shard in task.shards)
            seen = above | {task.name}  # shards that wait for each other aren't followed for ever
            after = [rank(other, seen) for other in later[task.name] if other.name not in seen]
            ranks[task.name] = own + max(after, default=0.0)
        return ranks[task.name]

    return sorted(todo, key=lambda task: (-rank(task, frozenset()), task.name))


def next_task(waiting: Sequence[Task], running: Sequence[Task], width: int) -> Task | None:
    """Choose the task that may begin now; None if there is none.

    Parameters
    ----------
    waiting
        Those that haven't begun, by urgency.
    running
        Those that have.
    width
        How many may run at once. Of a lane that must be alone the first begins when nothing runs
        or can, and then others of the same lane beside it.
    """
    if len(running) >= width:
        return None
    unfinished = frozenset[str]().union(*(task.keys for task in (*waiting, *running)))
    ready = [task for task in waiting if not task.follows & unfinished]
    now = {task.lane.name for task in running if task.lane.alone}
    beside = [task for task in ready if (task.lane.name in now if now else not task.lane.alone)]
    if beside:
        return beside[0]
    return ready[0] if ready and not running else None
