"""How fast and how long a product is asked: a limiter, a budget of time, and the pace of repeats."""

import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import tenacity

from auditor.collect.alibaba.failures import CallFailed

T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """How many calls to one product are under way at once, and how many of one operation are started.

    The products' rate quotas are per operation, region and account: 1,000 reads a minute of ECS, 3,000 of CLB, 20 a
    second of NLB (the page on API rate quotas of each). A full bucket and its refill make 700 calls in the first
    minute: that leaves room for the cluster's own components, which share the quota.
    """

    concurrent: int = 8
    per_second: float = 10
    burst: int = 100


BY_PRODUCT = types.MappingProxyType(
    {
        "cms": Limits(per_second=20, burst=20),
        "nlb": Limits(burst=10),
        "slb": Limits(per_second=25, burst=300),
    }
)
"""The limits of products with other quotas.

Each load balancer of CLB takes calls of its own. CloudMonitor admits 50 reads of metrics a second, which the whole
account shares with its dashboards (the page on API rate quotas).
"""


@dataclass(frozen=True)
class Backoff:
    """The pace of repeats: exponential with jitter, in seconds.

    A throttled call is repeated for as long as the source's budget lasts; what fails otherwise, at most
    ``attempts`` times in all.
    """

    first: float = 0.5
    longest: float = 10
    attempts: int = 5


class Limiter:
    """Bounds the calls to a product that are under way, and the rate of each operation by a bucket of tokens."""

    def __init__(self, limits: Limits) -> None:
        """Start with full buckets."""
        self._slots = threading.BoundedSemaphore(limits.concurrent)
        self._limits = limits
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    @contextmanager
    def admitted(self, operation: str = "") -> Iterator[None]:
        """Wait for a token of the operation, then for a slot, and hold the slot."""
        with self._lock:
            bucket = self._buckets.setdefault(operation, _Bucket(self._limits))
            wait = bucket.take()
        time.sleep(wait)
        with self._slots:
            yield


class _Bucket:
    def __init__(self, limits: Limits) -> None:
        self._rate = limits.per_second
        self._burst = float(limits.burst)
        self._tokens = float(limits.burst)
        self._filled_at = time.monotonic()

    def take(self) -> float:
        """Take a token, and return the seconds to wait for it."""
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)


class Meter:
    """Counts what asking a source costs, and how much of its time is left. Safe for threads.

    ``seconds`` is the time during which at least one call of the source was under way, waits included. The
    budget is spent by that time alone: while the source waits for others, its clock stands still.
    """

    def __init__(self, budget_seconds: float) -> None:
        """Start at zero."""
        self.calls = 0
        self.retries = 0
        self.budget = budget_seconds
        self._busy = 0.0
        self._active = 0
        self._since = 0.0
        self._lock = threading.Lock()

    @property
    def seconds(self) -> float:
        """The time spent so far, in seconds."""
        with self._lock:
            running = time.monotonic() - self._since if self._active else 0.0
            return self._busy + running

    @property
    def left(self) -> float:
        """The seconds that are left of the budget; not below 0."""
        return max(0.0, self.budget - self.seconds)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the clock run."""
        with self._lock:
            if not self._active:
                self._since = time.monotonic()
            self._active += 1
        try:
            yield
        finally:
            with self._lock:
                self._active -= 1
                if not self._active:
                    self._busy += time.monotonic() - self._since

    def count(self, *, is_retry: bool) -> None:
        """Count one request that is sent."""
        with self._lock:
            self.calls += 1
            self.retries += is_retry


def repeat(attempt: Callable[[int], T], backoff: Backoff, left: Callable[[], float]) -> T:
    """Call ``attempt`` until it succeeds, fails for good, or ``left`` seconds would not suffice for the wait.

    ``attempt`` gets its number, from 1, and raises CallFailed; the last one is raised on.
    """

    def is_over(state: tenacity.RetryCallState) -> bool:
        failure = state.outcome.exception() if state.outcome else None
        is_throttled = isinstance(failure, CallFailed) and failure.kind == "throttled"
        return state.upcoming_sleep >= left() or (not is_throttled and state.attempt_number >= backoff.attempts)

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, CallFailed) and error.is_passing),
        wait=tenacity.wait_random_exponential(multiplier=backoff.first, max=backoff.longest),
        stop=is_over,
        reraise=True,
    )
    for turn in retrying:
        with turn:
            return attempt(turn.retry_state.attempt_number)
    raise AssertionError("tenacity ends by a result or an exception")
