"""The client of the cloud side: every call goes through it, and comes back as facts or as one kind of failure."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from auditor.collect.alibaba.credentials import CredentialSettings, open_credentials
from auditor.collect.alibaba.endpoints import Endpoints
from auditor.collect.alibaba.failures import CallFailed, from_network, read_answer
from auditor.collect.alibaba.pacing import BY_PRODUCT, Backoff, Limiter, Limits, Meter, repeat
from auditor.collect.alibaba.redact import scrub
from auditor.collect.alibaba.sdk import Channel, Request, Snapshot, SnapshotSigner
from auditor.collect.alibaba.transport import Patience, Trust
from auditor.collect.tally import Tally, Use, seconds_ahead
from auditor.facts.table import ReasonKind
from auditor.facts.text import Text, t

A = TypeVar("A")
B = TypeVar("B")

_MOST_RENEWALS = 3
"""So many tokens may be refused before the end that was said of them; after that it is no matter of their age."""


class CloudClient:
    """Asks the cloud about one region, with one identity. Made for one collection; safe for threads."""

    def __init__(
        self,
        region: str,
        cluster_id: str,
        credentials: CredentialSettings,
        *,
        endpoint: str = "",
        endpoints: Mapping[str, str] | None = None,
        allow_plain_http: bool = False,
        ca_file: Path | None = None,
        deadline_seconds: float = 120,
        connect_timeout: float = 5,
        read_timeout: float = 20,
        limits: Limits | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        """Prepare the client. No call is made.

        ``seconds_ahead`` will be by how much the cloud's clock is ahead of this machine's; None until it has told.

        Args:
            region: the region of the cluster, such as ``cn-hangzhou``.
            cluster_id: the ACK cluster id.
            credentials: who to be.
            endpoint: one base URL for all products; empty for the cloud's own.
            endpoints: base URLs by product (``{"slb": "https://…"}``); they win over ``endpoint``.
            allow_plain_http: whether ``http`` is allowed for other than loopback addresses.
            ca_file: certificates, in PEM, that are trusted beside the public ones; None for no others.
            deadline_seconds: how long each product may be asked in all, waits and repeats included.
            connect_timeout: seconds that a connection may take.
            read_timeout: seconds that an answer may take to come, and each part of it; for the whole of it there is
                what is left of the deadline.
            limits: how many calls to one product at once, and how many of one operation a second; None for those
                that suit each product.
            backoff: the pace of repeats.

        Raises:
            ConfigError: what is configured can't lead to a call.
        """
        self.region = region
        self.cluster_id = cluster_id
        self._endpoints = Endpoints(region, endpoint, endpoints, allow_plain_http=allow_plain_http)
        self._limits = limits or Limits()
        self._by_product = {} if limits else BY_PRODUCT
        self._backoff = backoff or Backoff()
        self._deadline = deadline_seconds
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._trust = Trust(ca_file)
        self._credentials = open_credentials(
            credentials, region, self._endpoints.of("sts"), allow_plain_http=allow_plain_http, trust=self._trust
        )
        self._tally = Tally()
        self.seconds_ahead: float | None = None
        self._channels: dict[str, Channel] = {}
        self._meters: dict[str, Meter] = {}
        self._limiters: dict[str, Limiter] = {}
        self._refused: set[Snapshot] = set()
        self._ahead: list[tuple[Request, dict[str, Any] | CallFailed]] = []
        self._lock = threading.Lock()

    def call(self, request: Request) -> dict[str, Any]:
        """Send a request, again while that may help, and return its decoded answer. Raises CallFailed."""
        known = self._taken_from_ahead(request)
        if isinstance(known, CallFailed):
            raise known
        return self._send(request) if known is None else known

    def ask_ahead(self, request: Request) -> CallFailed | None:
        """Send a request before its answer is needed, and return the failure if it fails.

        The next call of the same request gets what came of it, be it an answer or a refusal, without asking again;
        only a failure that may pass is not kept. Later calls ask.
        """
        try:
            outcome: dict[str, Any] | CallFailed = self._send(request)
        except CallFailed as failure:
            if failure.is_passing:
                return failure
            outcome = failure
        with self._lock:
            self._ahead = [(asked, kept) for asked, kept in self._ahead if asked != request]
            self._ahead.append((request, outcome))
        return outcome if isinstance(outcome, CallFailed) else None

    def _taken_from_ahead(self, request: Request) -> dict[str, Any] | CallFailed | None:
        with self._lock:
            for entry in self._ahead:
                if entry[0] == request:
                    self._ahead.remove(entry)
                    return entry[1]
        return None

    def _send(self, request: Request) -> dict[str, Any]:
        channel, meter, limiter = self._way_to(request.product)
        try:
            with meter.running():
                answer = self._until_answered(request, channel, meter, limiter)
        except CallFailed as failure:
            if not failure.is_not_opened:
                self._tally.note(request.permission, None if failure.is_absent else failure.reason)
            raise
        self._tally.note(request.permission)
        return answer

    def _until_answered(self, request: Request, channel: Channel, meter: Meter, limiter: Limiter) -> dict[str, Any]:
        last: CallFailed | None = None

        def attempt(number: int) -> dict[str, Any]:
            nonlocal last
            try:
                return self._attempt(request, number, channel, meter, limiter)
            except _OutOfTime as end:
                raise last or end from None  # what kept the call from being answered tells more
            except CallFailed as failure:
                if last and failure.kind is ReasonKind.TIMEOUT and meter.left <= 0:
                    raise last from None  # so does it if the end of the time cut the last attempt short
                last = failure
                raise

        def ask(first: int) -> dict[str, Any]:
            return repeat(lambda number: attempt(number + first), self._backoff, lambda: meter.left)

        try:
            return ask(0)
        except CallFailed as failure:
            # A token may be taken back before its end.
            if not failure.is_about_token or failure.action != request.permission or not self._may_renew(channel):
                raise
        return ask(1)

    def _may_renew(self, channel: Channel) -> bool:
        refused = channel.signer.last
        with self._lock:
            if refused is None or (len(self._refused) >= _MOST_RENEWALS and refused not in self._refused):
                return False
            self._refused.add(refused)
        return channel.signer.forget_last()

    def each(self, function: Callable[[A], B], items: Iterable[A]) -> list[B]:
        """Return the results of a function that makes calls, for all items in their order, some at a time."""
        todo: Sequence[A] = list(items)
        if len(todo) <= 1:
            return [function(item) for item in todo]
        with ThreadPoolExecutor(min(self._limits.concurrent, len(todo)), thread_name_prefix="alibaba") as pool:
            return list(pool.map(function, todo))

    def cost(self, source: str) -> Meter:
        """Return what asking a source has cost so far: ``calls``, ``retries`` among them, and ``seconds``."""
        with self._lock:
            return self._meter(source)

    def use(self, permission: str) -> Use:
        """Return what became of the calls that needed a RAM action.

        "Not found" is an answer; "not opened" is none, since it says nothing of the right to ask.
        """
        return self._tally.of(permission)

    @property
    def endpoint(self) -> str:
        """The base URL at which STS, which says who one is, is asked."""
        return self._endpoints.of("sts")

    @property
    def origin(self) -> Text:
        """Where the credentials come from."""
        return self._credentials.origin

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for channel in self._channels.values():
                channel.close()
            self._channels.clear()

    def _way_to(self, product: str) -> tuple[Channel, Meter, Limiter]:
        with self._lock:
            if product not in self._channels:
                signer = SnapshotSigner(self._credentials.source)
                self._channels[product] = Channel(
                    self.region, self._endpoints.of(product), signer, self._limits.concurrent, self._trust
                )
            limiter = self._limiters.setdefault(product, Limiter(self._by_product.get(product, self._limits)))
            return self._channels[product], self._meter(product), limiter

    def _meter(self, source: str) -> Meter:
        return self._meters.setdefault(source, Meter(self._deadline))

    def _attempt(
        self, request: Request, number: int, channel: Channel, meter: Meter, limiter: Limiter
    ) -> dict[str, Any]:
        if meter.left <= 0:
            raise _out_of_time(request, meter)  # without a wait for its turn: many may stand in line behind
        with limiter.admitted(request.action):
            left = meter.left
            if left <= 0:
                raise _out_of_time(request, meter)
            meter.count(is_retry=number > 1)
            try:
                patience = Patience(min(self._connect_timeout, left), min(self._read_timeout, left), left)
                answer = channel.send(request, patience)
            except CallFailed:
                raise
            except OSError as error:
                raise from_network(request, error, channel.endpoint, self._secrets(channel)) from None
            except Exception as error:  # noqa: BLE001 - whatever the SDK stumbles over must stay one failed call
                raise _stumbled(request, error, self._secrets(channel)) from None
        self.seconds_ahead = seconds_ahead(answer.date, datetime.now(UTC))
        return read_answer(request, answer, self._credentials.origin, self._secrets(channel))

    @staticmethod
    def _secrets(channel: Channel) -> tuple[str, ...]:
        last = channel.signer.last
        return (last.access_key_id, last.access_key_secret, last.security_token) if last else ()


class _OutOfTime(CallFailed):
    """The time of a source was over before a call was sent."""


def _out_of_time(request: Request, meter: Meter) -> CallFailed:
    text = t(
        "the {seconds} seconds for asking {source} were over before {action}; timeout_seconds sets them",
        seconds=meter.budget,
        source=request.product,
        action=request.permission,
    )
    return _OutOfTime(request.product, ReasonKind.TIMEOUT, text, action=request.permission)


def _stumbled(request: Request, error: Exception, secrets: tuple[str, ...]) -> CallFailed:
    detail = scrub(f"{type(error).__name__}: {error}", secrets)
    text = t("{action} could not be sent or read ({detail})", action=request.permission, detail=detail)
    return CallFailed(request.product, ReasonKind.MALFORMED, text, action=request.permission)
