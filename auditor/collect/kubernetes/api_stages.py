"""How far a call to each address of the API server gets: name, TCP, TLS, authentication, authorization, the server.

The first three are tried on connections of their own, over which nothing is sent: no credentials leave for any
address but the one that the auditor is configured to use. The others are told by one real request to that one.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from auditor.collect.kubernetes.calls import Attempt
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.failures import SOURCE, CallFailed, reason
from auditor.collect.kubernetes.reach import Reached, reach
from auditor.collect.provider import provides
from auditor.facts.cloud.cs import Cluster
from auditor.facts.kubernetes.observations import ApiStage
from auditor.facts.ref import Layer
from auditor.facts.table import Gap, ReasonKind, Table
from auditor.facts.text import t

PERMISSION = "list nodes"
PATH = "/api/v1/nodes"
"""Read by the other tables too, so that it takes no right of its own."""
MOST_SERVERS = 8
REQUEST_SECONDS = 10.0
TRIES = 2
"""Throttling and errors of the server count only if they come twice."""

_CONNECTION = ("name", "tcp", "tls")
_REQUEST = ("authentication", "authorization", "server")
_NOBODY = 'User "system:anonymous"'


@provides(
    "api_stages",
    source=SOURCE,
    layer=Layer.KUBERNETES,
    permissions=(PERMISSION,),
    tolerates=("clusters",),
    without_answer=True,
)
def api_stages(client: KubernetesClient, clusters: Table[Cluster]) -> Table[ApiStage]:
    """Try the stages of the client's own server, and name, TCP and TLS of the cluster's other endpoints."""
    by_name = {_name_of(server): server for server in [*_endpoints(clusters), client.access.server]}
    servers = sorted(by_name.values(), key=lambda server: server != client.access.server)
    tried, beyond = servers[:MOST_SERVERS], servers[MOST_SERVERS:]
    with ThreadPoolExecutor(len(tried), thread_name_prefix="stages") as pool:
        results = list(pool.map(lambda server: _try(client, server), tried))
    gaps = [gap for result in results for gap in result if isinstance(gap, Gap)]
    if beyond:
        message = t("only the first {count} of {total} API endpoints were tried", count=len(tried), total=len(servers))
        gaps.append(Gap(reason(ReasonKind.TRUNCATED, message), _keys(beyond)))
    rows = [row for result in results for row in result if isinstance(row, ApiStage)]
    return Table("api_stages", rows, gaps=(*gaps, *(Gap(why) for why in clusters.reasons)))


def _endpoints(clusters: Table[Cluster]) -> Iterator[str]:
    """Yield the URLs of the API endpoints that the cloud knows; other kinds of endpoints stand beside them."""
    for cluster in () if clusters.is_unavailable else clusters.known_rows():
        for name, url in sorted(cluster.api_endpoints.items()):
            if name.endswith("api_server_endpoint") and _host_and_port(url):
                yield url.rstrip("/")


def _try(client: KubernetesClient, server: str) -> list[ApiStage | Gap]:
    access = client.access
    is_own = server == access.server
    name = _name_of(server)
    if access.goes_through_a_proxy(server):
        return _through_a_proxy(client, name) if is_own else [_behind_a_proxy(name)]
    place = _host_and_port(server)
    if place is None:
        return [Gap(reason(ReasonKind.UNDECIDABLE, t("{server} is no address", server=server)), _keys([server]))]
    encrypted = urlsplit(server).scheme == "https"
    reached = reach(*place, access.tls() if encrypted else None, access.server_name if is_own else "")
    rows: list[ApiStage | Gap] = [_row(name, step, is_own=is_own) for step in reached]
    if is_own:
        # Where an earlier stage failed, there is nothing to ask; the request would only wait for the same again.
        asked = _request(client) if reached[-1].outcome == "ok" else None
        rows += _answered(name, asked, in_time=client.seconds_left > 0)
    return rows


def _row(server: str, step: Reached, *, is_own: bool) -> ApiStage:
    return ApiStage(server, step.stage, step.outcome, step.seconds, step.detail, is_own)


def _through_a_proxy(client: KubernetesClient, server: str) -> list[ApiStage | Gap]:
    """Tell the stages by the request alone: an answer says that all before it went well."""
    attempt = _request(client)
    failure = attempt.failure
    if failure is not None and not failure.code:
        # The proxy, a stage, or the server: which of them failed can't be told.
        message = t("a proxy stands between; the call failed: {why}", why=failure.reason.message)
        return [Gap(reason(ReasonKind.UNDECIDABLE, message), _keys([server]))]
    stages = _CONNECTION if client.access.is_encrypted else _CONNECTION[:2]
    before = [ApiStage(server, stage, "ok", 0.0, "through a proxy", is_own=True) for stage in stages]
    return [*before, *_answered(server, attempt, in_time=True)]


def _behind_a_proxy(server: str) -> Gap:
    message = t("{server} is reached through a proxy, which hides the stages of a connection", server=server)
    return Gap(reason(ReasonKind.UNDECIDABLE, message), _keys([server]))


def _request(client: KubernetesClient) -> Attempt:
    for _ in range(TRIES):
        attempt = client.attempt(PATH, {"limit": 1}, permission=PERMISSION, read_timeout=REQUEST_SECONDS)
        if attempt.failure is None or not attempt.failure.may_pass:
            break
    return attempt


def _answered(server: str, attempt: Attempt | None, *, in_time: bool) -> list[ApiStage | Gap]:
    """Return the stages that a request tells; all of them empty if none was sent.

    ``in_time`` is false if the client's own time is over: that there was no answer then says nothing.
    """
    if attempt is None:
        return [ApiStage(server, stage, is_own=True) for stage in _REQUEST]
    failure = attempt.failure
    outcomes = ("ok", "ok", "ok") if failure is None else _outcomes(failure)
    if failure is not None and (outcomes is None or not (failure.code or in_time)):
        return [Gap(failure.reason, frozenset(f"{server}/{stage}" for stage in _REQUEST))]
    detail = str(failure.reason.message) if failure else ""
    return [
        ApiStage(
            server,
            stage,
            outcome,
            attempt.seconds if stage == "server" and outcome else 0.0,
            "" if outcome in ("", "ok") else detail,
            is_own=True,
        )
        for stage, outcome in zip(_REQUEST, outcomes or (), strict=True)
    ]


def _outcomes(failure: CallFailed) -> tuple[str, str, str] | None:
    """Return how far a failed request got; None if it does not tell.

    The API server authenticates, then throttles, then authorizes, so that 429 says nothing of the rights.
    """
    if failure.code == 401:
        return "unauthorized", "", ""
    if failure.code == 403:
        # Without credentials it lets a request pass as nobody, who then lacks the right.
        is_nobody = failure.status is not None and _NOBODY in failure.status.message
        return ("unauthorized", "", "") if is_nobody else ("ok", "forbidden", "")
    if failure.code == 429:
        return "ok", "", "throttled"
    if failure.code:
        return "", "", "error"
    if failure.reason.kind is ReasonKind.TIMEOUT:
        return ("", "", "timeout") if failure.may_pass else None
    return "", "", "error"


def _name_of(server: str) -> str:
    place = _host_and_port(server)
    if place is None:
        return server
    host, port = place
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _host_and_port(server: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(server)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and parts.scheme in ("http", "https") else None


def _keys(servers: list[str]) -> frozenset[str]:
    names = [_name_of(server) if "://" in server else server for server in servers]
    return frozenset(f"{name}/{stage}" for name in names for stage in (*_CONNECTION, *_REQUEST))
