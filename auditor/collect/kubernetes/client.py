"""The client of a cluster's API: it only reads, straight to bytes, with retries under one deadline.

It sends GET, and one POST: the question whether somebody may do something, which changes nothing in the cluster. One
GET, which only a probe sends, lets ``cat`` print a file in a container.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urlsplit

import msgspec
import tenacity
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError

from auditor.collect.kubernetes.access import Access
from auditor.collect.kubernetes.calls import JSON, Attempt, Call, Review
from auditor.collect.kubernetes.connect import CONNECTIONS, Connection, connect
from auditor.collect.kubernetes.failures import CallFailed, answered, reason, unanswered
from auditor.collect.kubernetes.login import Login
from auditor.collect.kubernetes.printed_files import Printed, printed_files
from auditor.collect.tally import Tally, Use, seconds_ahead
from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import t

ANSWER_BYTES = 512 * 2**20
"""An answer is not read further than this: a page of the largest allowed objects is smaller."""
CHUNK_BYTES = 2**20


@dataclass
class Cost:
    """What asking has cost so far: calls, those of them that were repeats, and seconds spent in calls."""

    calls: int = 0
    retries: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds, and how often to try.

    ``deadline`` counts from the first call and is for all calls of the client together.
    """

    connect_timeout: float = 10
    read_timeout: float = 30
    deadline: float = 300
    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 20


class KubernetesClient:
    """One cluster's API. Safe for use by several threads; close it after use."""

    def __init__(
        self,
        connection: Connection,
        patience: Patience,
        *,
        probes: frozenset[str] = frozenset(),
        secret_metadata: bool = False,
    ) -> None:
        """Take the connection whose authentication and pool are used.

        ``seconds_ahead`` will be by how much the server's clock is ahead of this machine's; None until it has told.

        Args:
            connection: from :func:`auditor.collect.kubernetes.connect.connect`.
            patience: the limits of time.
            probes: the opt-in probes that the operator switched on.
            secret_metadata: whether the metadata of Secrets may be listed.
        """
        self.probes = probes
        self.secret_metadata = secret_metadata
        self.patience = patience
        self.access: Access = connection.access
        self._api_client = connection.api_client
        self._login = Login(connection)
        self._base = self.access.server
        self._host = urlsplit(self._base).netloc.rpartition("@")[2]
        self._cost = Cost()
        self._tally = Tally()
        self.seconds_ahead: float | None = None
        self._lock = threading.Lock()
        self._under_way = threading.BoundedSemaphore(CONNECTIONS)
        self._until: float | None = None

    @property
    def calls(self) -> int:
        """How many calls were made."""
        return self._cost.calls

    @property
    def retries(self) -> int:
        """How many of the calls were repeats."""
        return self._cost.retries

    @property
    def seconds(self) -> float:
        """The seconds spent in calls; calls at the same time add up."""
        return self._cost.seconds

    def cost(self, source: str = "kubernetes") -> Cost:  # noqa: ARG002 - this side has one source
        """Return what asking has cost so far."""
        with self._lock:
            return Cost(self._cost.calls, self._cost.retries, self._cost.seconds)

    def get(
        self,
        path: str,
        query: Mapping[str, str | int] | None = None,
        *,
        permission: str = "",
        accept: str = JSON,
        attempts: int | None = None,
        read_timeout: float | None = None,
    ) -> bytes:
        """GET a path and return the body of the answer.

        Throttling, errors of the server and of the connection are tried again, not before the server's
        ``Retry-After``, while the deadline allows.

        Args:
            path: of the API, escaped.
            query: its parameters.
            permission: what has to be granted for it, to be named if it is denied.
            accept: the form of the answer to ask for.
            attempts: how often to try, in place of the client's own number.
            read_timeout: seconds without an answer, in place of the client's own.

        Raises:
            CallFailed: with the reason.
        """
        call = Call("GET", path, urlencode(query or {}), permission, accept)
        return self._until_answered(call, attempts or self.patience.attempts, read_timeout)

    def attempt(
        self,
        path: str,
        query: Mapping[str, str | int] | None = None,
        *,
        permission: str = "",
        accept: str = JSON,
        read_timeout: float | None = None,
    ) -> Attempt:
        """GET a path once, whatever comes of it, and measure how long it takes when it is its turn.

        The arguments are those of :meth:`get`.
        """
        call = Call("GET", path, urlencode(query or {}), permission, accept)
        with self._under_way:
            started = time.monotonic()
            try:
                body = self._send(call, read_timeout)
            except CallFailed as failure:
                self._note(call, failure)
                return Attempt(time.monotonic() - started, failure=failure)
            self._note(call)
            return Attempt(time.monotonic() - started, body)

    def review(self, question: Review, spec: Mapping[str, object], *, permission: str = "") -> bytes:
        """Ask whether somebody may do something, and return the body of the answer.

        Args:
            question: about whom.
            spec: the ``spec`` of the review.
            permission: what has to be granted for it, to be named if it is denied.

        Raises:
            CallFailed: with the reason.
        """
        kind = "SelfSubjectAccessReview" if question is Review.SELF else "SubjectAccessReview"
        document = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
        call = Call("POST", question.value, "", permission, JSON, msgspec.json.encode(document))
        return self._until_answered(call, self.patience.attempts, None)

    def printed(self, pod: str, container: str, files: Sequence[str], *, permissions: Sequence[str]) -> Printed:
        """Let ``cat`` print files of a running container. It is the one command that is ever run, and it only reads.

        Args:
            pod: the path of the Pod.
            container: its name.
            files: their paths.
            permissions: what has to be granted for it: the one that the API server names is named if it is denied.

        Raises:
            CallFailed: with the reason; NotRun if all went well but the command itself.
        """
        words = [("command", "cat"), *(("command", file) for file in files)]
        query = urlencode([*words, ("container", container), ("stdout", "true"), ("stderr", "true")])
        call = Call("GET", f"{pod}/exec", query, " ".join(permissions), "*/*")
        failed: CallFailed | None = None
        with self._under_way:
            started = time.monotonic()
            seconds = min(self.patience.read_timeout, self.seconds_left)
            try:
                return printed_files(self.access, self._api_client, call, self._login.headers(), permissions, seconds)
            except CallFailed as failure:
                failed = failure
                raise
            finally:
                self._count_call(time.monotonic() - started)
                for permission in (failed and failed.reason.missing) or permissions:
                    self._note(replace(call, permission=permission), failed)

    def use(self, permission: str) -> Use:
        """Return what became of the calls that needed a permission. "Not found" is an answer."""
        return self._tally.of(permission)

    @property
    def endpoint(self) -> str:
        """The API server's base URL."""
        return self._base

    def close(self) -> None:
        """Close the connections."""
        pools = self._api_client.rest_client.pool_manager.pools
        for key in pools.keys():  # noqa: SIM118 - it can't be iterated over
            if pool := pools.get(key):
                pool.close()
        pools.clear()
        self._api_client.close()

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def _until_answered(self, call: Call, attempts: int, read_timeout: float | None) -> bytes:
        trying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_pass),
            wait=self._wait,
            stop=lambda state: state.attempt_number >= attempts or state.upcoming_sleep >= self.seconds_left,
            before_sleep=lambda _state: self._count_retry(),
            reraise=True,
        )
        try:
            body = trying(self._once, call, read_timeout)
        except CallFailed as failure:
            self._note(call, failure)
            raise
        self._note(call)
        return body

    def _once(self, call: Call, read_timeout: float | None) -> bytes:
        with self._under_way:
            return self._send(call, read_timeout)

    def _send(self, call: Call, read_timeout: float | None) -> bytes:
        left = self.seconds_left
        if left <= 0:
            raise CallFailed(
                reason(
                    ReasonKind.TIMEOUT,
                    t(
                        "the {seconds} s for reading the cluster were over before {call}",
                        seconds=float(self.patience.deadline),
                        call=call.name,
                    ),
                )
            )
        login = self._login.headers()
        try:
            return self._fetch(call, min(read_timeout or self.patience.read_timeout, left), login)
        except CallFailed as failure:
            # A token may be replaced, or taken back, before its end.
            if failure.code != HTTPStatus.UNAUTHORIZED or not self._login.has_renewed(login):
                raise
        self._count_retry()
        left = max(self.seconds_left, 0.001)
        return self._fetch(call, min(read_timeout or self.patience.read_timeout, left), self._login.headers())

    def _fetch(self, call: Call, read_timeout: float, login: Mapping[str, str]) -> bytes:
        started = time.monotonic()
        try:
            return self._exchange(call, read_timeout, login)
        except (HTTPError, OSError) as error:
            raise unanswered(error, call.name, self._host) from None
        finally:
            self._count_call(time.monotonic() - started)

    def _exchange(self, call: Call, read_timeout: float, login: Mapping[str, str]) -> bytes:
        content = {"Content-Type": JSON} if call.body else {}
        # The pool is used directly: the package's own request methods differ between its versions, and read or
        # log bodies, and raise with them.
        response = self._api_client.rest_client.pool_manager.request(
            call.method,
            self._base + call.path + (f"?{call.query}" if call.query else ""),
            body=call.body or None,
            headers={"Accept": call.accept, "User-Agent": "ack-auditor", **content, **login},
            timeout=Timeout(connect=min(self.patience.connect_timeout, read_timeout), read=read_timeout),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        self.seconds_ahead = seconds_ahead(response.headers.get("Date", ""), datetime.now(UTC))
        try:
            body = self._read(response, call.name)
        except BaseException:
            response.close()
            raise
        response.release_conn()
        for secret in login.values():  # a proxy in between may repeat what it was sent, whatever the status
            body = body.replace(secret.split()[-1].encode(), b"***")
        if response.status != 200 and not (call.body and response.status == 201):
            raise answered(response.status, body, response.headers.get("Retry-After"), call.name, call.permission)
        return body

    def _read(self, response: BaseHTTPResponse, call: str) -> bytes:
        """Read the body, in parts, so that neither a slow drip nor an endless answer goes on for ever."""
        parts: list[bytes] = []
        size = 0
        while part := response.read1(CHUNK_BYTES):
            parts.append(part)
            size += len(part)
            if size > ANSWER_BYTES:
                raise CallFailed(reason(ReasonKind.MALFORMED, t("{call}: the answer does not end", call=call)))
            if self.seconds_left <= 0:
                raise CallFailed(reason(ReasonKind.TIMEOUT, t("{call}: the answer did not end in time", call=call)))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @property
    def seconds_left(self) -> float:
        """The seconds until the deadline, which counts from the first call."""
        now = time.monotonic()
        with self._lock:
            if self._until is None:
                self._until = now + self.patience.deadline
            return self._until - now

    def _wait(self, state: tenacity.RetryCallState) -> float:
        failure = state.outcome.exception() if state.outcome else None
        asked = failure.retry_after if isinstance(failure, CallFailed) else None
        own = tenacity.wait_random_exponential(
            multiplier=self.patience.first_wait, max=self.patience.longest_wait, min=self.patience.first_wait
        )(state)
        return max(asked, 0.0) if asked is not None else own

    def _note(self, call: Call, failure: CallFailed | None = None) -> None:
        if call.permission:
            is_allowed = failure is None or failure.code in _ALLOWED
            self._tally.note(call.permission, None if is_allowed or failure is None else failure.reason)

    def _count_call(self, seconds: float) -> None:
        with self._lock:
            self._cost.calls += 1
            self._cost.seconds += seconds

    def _count_retry(self) -> None:
        with self._lock:
            self._cost.retries += 1


def open_client(
    *,
    kubeconfig: Path | None = None,
    context: str = "",
    in_cluster: bool = False,
    handed_out: str = "",
    patience: Patience | None = None,
    probes: frozenset[str] = frozenset(),
    secret_metadata: bool = False,
) -> KubernetesClient:
    """Return the client of a cluster, without calling it yet.

    Args:
        kubeconfig: the file; None means those of ``KUBECONFIG``, else ``~/.kube/config``.
        context: of the kubeconfig; empty means its current one.
        in_cluster: use the account of the Pod that this process runs in, and no kubeconfig.
        handed_out: the text of a kubeconfig that came from ACK, in place of a file.
        patience: the limits of time.
        probes: the opt-in probes that the operator switched on.
        secret_metadata: whether the metadata of Secrets may be listed.

    Raises:
        KubernetesConfigError: the configuration does not lead to an API server.
    """
    return KubernetesClient(
        connect(kubeconfig, context, in_cluster=in_cluster, handed_out=handed_out),
        patience or Patience(),
        probes=probes,
        secret_metadata=secret_metadata,
    )


def preflight(client: KubernetesClient) -> Reason | None:
    """Ask the API server for its version. Returns why this side can't be read at all, or None if it may be.

    An account that may see no version may still list, so a denial is no reason; unknown credentials are.
    """
    for path in ("/version", "/api"):
        try:
            client.get(path, attempts=2)
        except CallFailed as failure:
            if failure.code == 401 or failure.reason.kind in _HOPELESS:
                return failure.reason
        else:
            return None
    return None


_ALLOWED = (HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
"""The API server looks for what is asked for only after it has found that the caller may ask."""
_HOPELESS = (ReasonKind.UNREACHABLE, ReasonKind.TIMEOUT, ReasonKind.MALFORMED)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, CallFailed) and error.may_pass
