"""Faults that can be laid on paths of the fake API server."""

import fnmatch
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """An answer before it goes out. ``cut`` is what is left of it if it is cut; None for the first half."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bytes | None = None


@dataclass(frozen=True)
class Fault:
    """What goes wrong with the answers to a path.

    Attributes:
        status: answers with this status, and ``body``, ``content_type`` and ``headers``.
        rewrite: changes the JSON document of the true answer in place, or returns another one. An answer that is none,
            as that to a path that the server does not have, goes out as it is.
        delay: seconds before the answer.
        drip: seconds between single bytes of the answer.
        close: closes the connection: "before" any answer, or "during" it.
        cut: sends only the first half of the body, as if it were the whole.
        skip: how many requests are answered well before.
        times: how many requests it hits; None for all.
    """

    status: int | None = None
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    rewrite: Callable[[Any], Any] | None = None
    delay: float = 0
    drip: float = 0
    close: str = ""
    cut: bool = False
    skip: int = 0
    times: int | None = None

    def applied(self, answer: Answer) -> Answer:
        """Return what becomes of the true answer."""
        if self.status is not None:
            return Answer(self.status, self.body, self.content_type, self.headers)
        body = answer.body
        if self.rewrite and answer.content_type.startswith("application/json"):
            document = json.loads(body)
            returned = self.rewrite(document)
            body = json.dumps(document if returned is None else returned).encode()
        if self.cut:
            body = body[: len(body) // 2] if answer.cut is None else answer.cut
        return Answer(answer.status, body, answer.content_type, answer.headers)


HTML = Fault(200, b"<!doctype html><title>Sign in</title><p>Please sign in.</p>", "text/html")
"""What a login page in between answers."""


class Faults:
    """The faults laid on paths, with how often each was met."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._laid: list[tuple[str, Fault]] = []
        self._met: dict[int, int] = {}

    def lay(self, pattern: str, fault: Fault) -> None:
        """Lay a fault on the paths that match (``*`` for anything). The one laid last wins."""
        with self._lock:
            self._laid.append((pattern, fault))

    def clear(self) -> None:
        with self._lock:
            self._laid.clear()
            self._met.clear()

    def met_by(self, path: str) -> Fault | None:
        """Return the fault that a request to the path meets now, and count it."""
        with self._lock:
            for index, (pattern, fault) in reversed(list(enumerate(self._laid))):
                if not fnmatch.fnmatchcase(path, pattern):
                    continue
                met = self._met.get(index, 0)
                self._met[index] = met + 1
                if met >= fault.skip and (fault.times is None or met < fault.skip + fault.times):
                    return fault
        return None
