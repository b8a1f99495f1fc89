"""The client of a cluster's API: GET only, straight to bytes, with retries under one deadline."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import tenacity
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError

from auditor.collect.kubernetes.connect import CONNECTIONS, connect, quiet
from auditor.collect.kubernetes.failures import CallFailed, answered, reason, unanswered
from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import t

JSON = "application/json"
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
        api_client: Any,
        patience: Patience,
        *,
        probes: frozenset[str] = frozenset(),
        secret_metadata: bool = False,
    ) -> None:
        """Take the ``ApiClient`` of the ``kubernetes`` package whose authentication and connections are used.

        Args:
            api_client: from :func:`auditor.collect.kubernetes.connect.connect`.
            patience: the limits of time.
            probes: the opt-in probes that the operator switched on.
            secret_metadata: whether the metadata of Secrets may be listed.
        """
        self.probes = probes
        self.secret_metadata = secret_metadata
        self.patience = patience
        self._api_client = api_client
        self._base = str(api_client.configuration.host).rstrip("/")
        self._host = urlsplit(self._base).netloc.rpartition("@")[2]
        self._cost = Cost()
        self._lock = threading.Lock()
        self._login = threading.Lock()
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
        url = self._base + path + (f"?{urlencode(query)}" if query else "")
        patience = self.patience
        trying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_pass),
            wait=self._wait,
            stop=lambda state: (
                state.attempt_number >= (attempts or patience.attempts) or state.upcoming_sleep >= self._seconds_left()
            ),
            before_sleep=lambda _state: self._count_retry(),
            reraise=True,
        )
        return trying(self._get_once, url, path, permission, accept, read_timeout or patience.read_timeout)

    def close(self) -> None:
        """Close the connections."""
        self._api_client.rest_client.pool_manager.clear()
        self._api_client.close()

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def _get_once(self, url: str, path: str, permission: str, accept: str, read_timeout: float) -> bytes:
        with self._under_way:
            left = self._seconds_left()
            if left <= 0:
                raise CallFailed(
                    reason(
                        ReasonKind.TIMEOUT,
                        t(
                            "the {seconds} s for reading the cluster were over before GET {path}",
                            seconds=float(self.patience.deadline),
                            path=path,
                        ),
                    )
                )
            started = time.monotonic()
            try:
                return self._fetch(url, path, permission, accept, min(read_timeout, left))
            except (HTTPError, OSError) as error:
                raise unanswered(error, path, self._host) from None
            finally:
                self._count_call(time.monotonic() - started)

    def _fetch(self, url: str, path: str, permission: str, accept: str, read_timeout: float) -> bytes:
        login = self._authorization()
        # The pool is used directly: the package's own request methods differ between its versions, and read or
        # log bodies, and raise with them.
        response = self._api_client.rest_client.pool_manager.request(
            "GET",
            url,
            headers={"Accept": accept, "User-Agent": "ack-auditor", **login},
            timeout=Timeout(connect=min(self.patience.connect_timeout, read_timeout), read=read_timeout),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            body = self._read(response, path)
        except BaseException:
            response.close()
            raise
        response.release_conn()
        if response.status != 200:
            for secret in login.values():
                body = body.replace(secret.split()[-1].encode(), b"***")
            raise answered(response.status, body, response.headers.get("Retry-After"), path, permission)
        return body

    def _read(self, response: BaseHTTPResponse, path: str) -> bytes:
        """Read the body, in parts, so that neither a slow drip nor an endless answer goes on for ever."""
        parts: list[bytes] = []
        size = 0
        while part := response.read1(CHUNK_BYTES):
            parts.append(part)
            size += len(part)
            if size > ANSWER_BYTES:
                raise CallFailed(reason(ReasonKind.MALFORMED, t("GET {path}: the answer does not end", path=path)))
            if self._seconds_left() <= 0:
                raise CallFailed(reason(ReasonKind.TIMEOUT, t("GET {path}: the answer did not end in time", path=path)))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _authorization(self) -> dict[str, str]:
        # Tokens are renewed here, by the package; two threads must not do so at once.
        with self._login, quiet():
            settings = self._api_client.configuration.auth_settings()
        return {one["key"]: one["value"] for one in settings.values() if one["in"] == "header" and one["value"]}

    def _seconds_left(self) -> float:
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
    patience: Patience | None = None,
    probes: frozenset[str] = frozenset(),
    secret_metadata: bool = False,
) -> KubernetesClient:
    """Return the client of a cluster, without calling it yet.

    Args:
        kubeconfig: the file; None means those of ``KUBECONFIG``, else ``~/.kube/config``.
        context: of the kubeconfig; empty means its current one.
        in_cluster: use the account of the Pod that this process runs in, and no kubeconfig.
        patience: the limits of time.
        probes: the opt-in probes that the operator switched on.
        secret_metadata: whether the metadata of Secrets may be listed.

    Raises:
        KubernetesConfigError: the configuration does not lead to an API server.
    """
    return KubernetesClient(
        connect(kubeconfig, context, in_cluster=in_cluster),
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


_HOPELESS = (ReasonKind.UNREACHABLE, ReasonKind.TIMEOUT, ReasonKind.MALFORMED)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, CallFailed) and error.may_pass
