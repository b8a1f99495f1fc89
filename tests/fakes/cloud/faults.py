"""Faults that are planted between a caller and the answers of the fake."""

import fnmatch
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock
from typing import Any

from tests.fakes.cloud.wire import Call

When = Callable[[Mapping[str, str]], bool]
Change = Callable[[Any], Any]


class Kind(Enum):
    """What a fault does."""

    DENY = "deny"
    THROTTLE = "throttle"
    FAIL = "fail"
    DELAY = "delay"
    CUT = "cut"
    MUTATE = "mutate"


@dataclass
class Fault:
    """A planted fault.

    Attributes:
        kind: what it does.
        action: ``product:Action``, or the RAM action; wildcards are allowed (``ecs:*``).
        when: which calls, by their parameters; None for all.
        times: how many calls it still meets; None for ever.
        status: the status of the answer of a fault of kind FAIL.
        body: its body.
        content_type: its content type.
        seconds: how long a fault of kind DELAY holds the answer.
        halfway: whether a fault of kind CUT ends within the body of the answer, and not before it.
        change: what a fault of kind MUTATE does to the answer: edits it in place, or returns another.
    """

    kind: Kind
    action: str
    when: When | None = None
    times: int | None = None
    status: int = 200
    body: str = ""
    content_type: str = "application/json"
    seconds: float = 0.0
    halfway: bool = False
    change: Change | None = None

    def is_met_by(self, call: Call) -> bool:
        """Return whether a call is one that the fault is meant for."""
        if not any(fnmatch.fnmatchcase(name.lower(), self.action.lower()) for name in (call.name, call.permission)):
            return False
        return self.when is None or self.when(call.params)


@dataclass
class Faults:
    """The faults that are planted, in the order of planting."""

    planted: list[Fault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def add(self, fault: Fault) -> Fault:
        """Plant a fault."""
        self.planted.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Remove one fault."""
        self.planted.remove(fault)

    def clear(self) -> None:
        """Remove all faults."""
        self.planted.clear()

    def of(self, call: Call) -> Iterator[Fault]:
        """Yield the faults that a call meets, counting each as it is taken."""
        for fault in list(self.planted):
            if fault.is_met_by(call) and self._spent(fault):
                yield fault

    def _spent(self, fault: Fault) -> bool:
        with self._lock:
            if fault.times is None:
                return True
            fault.times -= 1
            return fault.times >= 0
