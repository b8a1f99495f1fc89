"""Who is signed in, which forms are ours, and how often a wrong token may be tried."""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from time import monotonic

LIFETIME = 12 * 3600.0
"""Seconds until somebody has to sign in again."""
_FREE_TRIES = 5
_LONGEST_PAUSE = 60.0
_REMEMBERED = 1024
"""Addresses, and ended sessions, of which is known."""


class Sessions:
    """Makes and reads what a browser keeps. It is signed with a key that lives as long as the process.

    A new token ends all sessions: it is part of the key.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Take what tells the time, in seconds."""
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._lock = Lock()

    def begin(self, token: str) -> str:
        """Return the value of a cookie that says that somebody knew the token."""
        content = f"{secrets.token_urlsafe(16)}.{int(self._clock() + LIFETIME)}"
        return f"{content}.{self._signature('session', token, content)}"

    def holds(self, cookie: str, token: str) -> bool:
        """Tell whether a cookie is of a session that was begun with this token, and is not over."""
        content, _, signature = cookie.rpartition(".")
        if not _is_same(signature, self._signature("session", token, content)):
            return False
        name, _, until = content.rpartition(".")
        with self._lock:
            return name not in self._ended and self._clock() < float(until)

    def end(self, cookie: str) -> None:
        """Take a session for ended."""
        name = cookie.split(".", 1)[0]
        with self._lock:
            self._ended[name] = None
            while len(self._ended) > _REMEMBERED:
                self._ended.popitem(last=False)

    def form_token(self, visitor: str, session: str) -> str:
        """Return what a form has to bring along that was made for this browser and this session."""
        return self._signature("form", visitor, session)

    def is_form_of(self, given: str, visitor: str, session: str) -> bool:
        """Tell whether a form was made for this browser and this session."""
        return bool(visitor) and _is_same(given, self.form_token(visitor, session))

    def _signature(self, *parts: str) -> str:
        # A separator that no part contains: a cookie has no such character.
        message = "\n".join(hashlib.sha256(part.encode("utf-8", "surrogateescape")).hexdigest() for part in parts)
        return hmac.new(self._key, message.encode(), hashlib.sha256).hexdigest()


class Attempts:
    """Slows those down who try one token after the other: after five that were wrong each next one has to wait."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Take what tells the time, in seconds."""
        self._clock = clock
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = Lock()

    def pause(self, address: str) -> float:
        """Return for how many seconds no attempt from an address is looked at; 0 if the next one is."""
        with self._lock:
            _number, until = self._failed.get(address, (0, 0.0))
            return max(0.0, until - self._clock())

    def failed(self, address: str) -> None:
        """Note a wrong token."""
        with self._lock:
            number = self._failed.pop(address, (0, 0.0))[0] + 1
            pause = 0.0 if number < _FREE_TRIES else min(2.0 ** (number - _FREE_TRIES), _LONGEST_PAUSE)
            self._failed[address] = (number, self._clock() + pause)
            while len(self._failed) > _REMEMBERED:
                self._failed.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Note the right token."""
        with self._lock:
            self._failed.pop(address, None)


def is_token(given: str, token: str) -> bool:
    """Tell whether somebody gave the token, in a time that does not say how much of it was right."""
    return _is_same(given, token)


def _is_same(one: str, other: str) -> bool:
    return hmac.compare_digest(
        hashlib.sha256(one.encode("utf-8", "surrogateescape")).digest(),
        hashlib.sha256(other.encode("utf-8", "surrogateescape")).digest(),
    )
