"""The kubeconfig leads to an address that is none of the cluster's, or its certificate has expired.

A kubeconfig is a copy: it holds the address of the API server and a client certificate as they were when it was handed
out. When the public address is bound anew, the cluster is made again or a certificate reaches its end, the copies in
people's homes and in pipelines stay as they were, and kubectl waits, or says that it is not authorised. This looks at
the one that the auditor itself uses.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.vpc import Eip
from auditor.facts.joins.api_load_balancer import ApiServerLoadBalancer
from auditor.facts.joins.api_server import SERVICE
from auditor.facts.joins.services import ServiceEndpoints
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.observations import Kubeconfig
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.first_match import unique
from auditor.judge.api import (
    Certainty,
    Check,
    Evidence,
    Finding,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    ReasonKind,
    Ref,
    Severity,
    Step,
    Table,
    Verdict,
    broken,
    kubernetes_ref,
    ok,
    said,
    step,
    t,
    undecidable,
)

check = Check(
    severity=Severity.MEDIUM,
    causes=("K6",),
    since="0.1.0",
    symptoms=("kubectl-timeout",),
    limits=(
        "Only the kubeconfig that the auditor uses is looked at; others may be older.",
        "Of an address of this machine itself, where a tunnel begins, it can't be seen where the tunnel leads.",
        "A certificate that is given anew at each start (by a login command, or by ACK) is left out.",
    ),
)

NEAR = timedelta(days=30)
"""How long before its end a certificate is found."""
API_PORT = 6443
SERVICE_PORT = 443
PRIVATE = AddressSet.of("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
"""What VPCs take their addresses from; all else is an elastic IP address."""
_ENDPOINT = "api_server_endpoint"
_NO_ANSWER = (ReasonKind.UNREACHABLE, ReasonKind.TIMEOUT)


def subjects(cluster: ClusterIdentity) -> Iterable[ClusterIdentity]:
    return [cluster]


def judge(
    identity: ClusterIdentity,
    kubeconfigs: Table[Kubeconfig],
    clusters: Table[Cluster],
    api_server_load_balancer: ApiServerLoadBalancer,
    eips: Table[Eip],
    service_endpoints: ServiceEndpoints,
    nodes: Table[Node],
    observed_at: datetime,
) -> Iterator[Verdict]:
    others = _Others(identity, api_server_load_balancer, eips, service_endpoints, nodes)
    found = False
    reasons: list[Reason] = []
    for kubeconfig in kubeconfigs.all():
        for finding in _certificates(identity, kubeconfig, observed_at):
            found = True
            yield finding
        try:
            verdict = _server(identity, kubeconfig, clusters, others)
        except NotKnown as gap:
            reasons += gap.reasons
            continue
        if isinstance(verdict, NotEvaluated):
            reasons += verdict.reasons
        elif verdict is not None:
            found = True
            yield verdict
    if reasons:
        yield NotEvaluated(unique(reasons))
    elif not found:
        yield Passed()


def _certificates(identity: ClusterIdentity, kubeconfig: Kubeconfig, observed_at: datetime) -> Iterator[Finding]:
    if kubeconfig.certificate_ends_at is not None and not kubeconfig.renews:
        yield from _ending(identity, kubeconfig, "certificate", kubeconfig.certificate_ends_at, observed_at)
    if kubeconfig.ca_ends_at is not None:
        yield from _ending(identity, kubeconfig, "ca", kubeconfig.ca_ends_at, observed_at)


def _ending(
    identity: ClusterIdentity, kubeconfig: Kubeconfig, which: str, ends_at: datetime, observed_at: datetime
) -> Iterator[Finding]:
    """Yield a finding if a certificate has ended, or soon will."""
    left = ends_at - observed_at
    if left > NEAR:
        return
    is_over = left <= timedelta(0)
    what = t("client certificate") if which == "certificate" else t("certificate authority")
    when = ends_at.isoformat()
    if is_over:
        message = t(
            "the {what} in the kubeconfig for {server} expired at {when}",
            what=what,
            server=kubeconfig.server,
            when=when,
        )
    else:
        message = t(
            "the {what} in the kubeconfig for {server} expires in {days} days, at {when}",
            what=what,
            server=kubeconfig.server,
            days=left.days,
            when=when,
        )
    yield Finding(
        subject=identity.ref,
        fault=f"{which}-expired" if is_over else f"{which}-near",
        certainty=Certainty.CONFIRMED if is_over else Certainty.AT_RISK,
        message=message,
        trail=(broken(_ref(kubeconfig), t("{what} ends at {when}", what=what, when=when)), ok(identity.ref)),
        evidence={**_evidence(kubeconfig), "ends_at": when},
        remedy=(
            step(
                t(
                    "Confirm until when it is good: decode what this prints with base64 -d, and read it with "
                    "openssl x509 -noout -enddate. It prints nothing where the kubeconfig names a file."
                ),
                *("kubectl", "config", "view", "--minify", "--raw"),
                *("-o", "jsonpath={.users[0].user.client-certificate-data}"),
            )
            if which == "certificate"
            else step(
                t("Confirm until when the server's own certificate is good."),
                *("openssl", "s_client", "-connect", _place_text(kubeconfig.server), "-showcerts"),
            ),
            _fresh(identity),
        ),
    )


class _Others:
    """The addresses of the API server beside those that ACK's description gives."""

    def __init__(
        self,
        identity: ClusterIdentity,
        balancers: ApiServerLoadBalancer,
        eips: Table[Eip],
        endpoints: ServiceEndpoints,
        nodes: Table[Node],
    ) -> None:
        self._identity = identity
        self._balancers = balancers
        self._eips = eips
        self._endpoints = endpoints
        self._nodes = nodes

    def have(self, host: str, port: int, row: Cluster) -> bool:
        """Tell whether an address is the load balancer's, an API server's own, a master's or the Service's."""
        if row.service_cidr and port == SERVICE_PORT and host in AddressSet.of(*row.service_cidr.split(",")):
            return True
        if port != API_PORT:
            return False
        ids = set()
        for one in self._balancers.of(self._identity.cluster_id):
            ids.add(one.id)
            if one.balancer and one.balancer.address == host:
                return True
        if host in PRIVATE:
            return self._is_of_the_cluster(host)
        bound = self._eips.where("address", lambda eip: eip.address, host)
        return any(eip.instance_id in ids for eip in bound)

    def _is_of_the_cluster(self, host: str) -> bool:
        if any(host in endpoint.addresses for endpoint in self._endpoints.of(SERVICE)):
            return True
        return any(host in node.internal_ips for node in self._nodes.all() if node.is_control_plane)


def _server(
    identity: ClusterIdentity, kubeconfig: Kubeconfig, clusters: Table[Cluster], others: _Others
) -> Verdict | None:
    """Compare the server with the cluster's endpoints; None if it is one of them. Raises NotKnown."""
    if kubeconfig.origin in ("pod", "ack"):
        return None  # given by the cluster itself, or by ACK a moment ago
    place = _place(kubeconfig.server)
    row = said(clusters.get(identity.cluster_id), "cs", t("the description of the cluster"))
    endpoints = {name: url for name, url in row.api_endpoints.items() if name.endswith(_ENDPOINT)}
    places = {_place(url) for url in endpoints.values()}
    if place in places:
        return None
    host, port = place
    if _is_loopback(host) and not any(_is_loopback(one) for one, _ in places):
        return None  # a tunnel begins here
    if not endpoints:
        return undecidable("cs", t("the description of the cluster names no endpoint of its API server"))
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if host in {one for one, _ in places}:
            return _stale(identity, kubeconfig, row, endpoints)
        return undecidable("kubernetes", t("whether {host} is a name of the API server can't be told", host=host))
    try:
        if others.have(host, port, row):
            return None
    except NotKnown as gap:
        if not all(reason.source == "kubernetes" and reason.kind in _NO_ANSWER for reason in gap.reasons):
            raise
        # Nobody answers there, so that the cluster can't say whether it is a machine of its own.
        return _stale(identity, kubeconfig, row, endpoints, Certainty.LIKELY)
    return _stale(identity, kubeconfig, row, endpoints)


def _stale(
    identity: ClusterIdentity,
    kubeconfig: Kubeconfig,
    row: Cluster,
    endpoints: dict[str, str],
    certainty: Certainty = Certainty.CONFIRMED,
) -> Finding:
    urls = sorted(endpoints.values())
    return Finding(
        subject=identity.ref,
        fault="server-not-endpoint",
        certainty=certainty,
        message=t(
            "the kubeconfig leads to {server}, which is no endpoint of the cluster; those are {endpoints}",
            server=kubeconfig.server,
            endpoints=urls,
        ),
        why=t(
            "Host and port have to be those of an endpoint. An address that the cluster no longer has may belong to "
            "somebody else by now; one of another cluster shows that cluster's objects under this one's name."
        ),
        trail=(
            broken(_ref(kubeconfig), t("server {server}", server=kubeconfig.server)),
            ok(row.ref, t("endpoints: {endpoints}", endpoints=urls)),
        ),
        evidence={**_evidence(kubeconfig), "endpoints": urls},
        remedy=(
            step(t("Confirm which server and context are used."), "kubectl", "config", "view", "--minify"),
            step(
                t("Confirm the cluster's endpoints (master_url)."),
                *("aliyun", "cs", "GET", f"/clusters/{identity.cluster_id}"),
            ),
            _fresh(identity),
        ),
    )


def _ref(kubeconfig: Kubeconfig) -> Ref:
    return kubernetes_ref("Kubeconfig", kubeconfig.context or kubeconfig.origin)


def _evidence(kubeconfig: Kubeconfig) -> dict[str, Evidence]:
    return {
        "server": kubeconfig.server,
        "origin": kubeconfig.origin,
        "context": kubeconfig.context,
        "user": kubeconfig.user,
    }


def _fresh(identity: ClusterIdentity) -> Step:
    return step(
        t(
            "Take a fresh kubeconfig and put it in place of the old one, wherever that was copied to; for pipelines "
            "use a service account. Those handed out before stay good until they end or are revoked."
        ),
        *("aliyun", "cs", "GET", f"/k8s/{identity.cluster_id}/user_config"),
    )


def _place(url: str) -> tuple[str, int]:
    """Return host and port. Raises NotKnown if the URL can't be read."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        host, port = None, 0
    return said(host, "kubernetes", t("a host in {url}", url=url)).rstrip("."), port


def _place_text(url: str) -> str:
    parts = urlsplit(url)
    return parts.netloc


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
