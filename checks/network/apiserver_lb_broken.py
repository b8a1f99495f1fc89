"""The load balancer of the API server does not work.

The console, kubectl and the kubelets of most clusters reach the API server through a Classic Load Balancer, port 6443.
It belongs to ACK, but lies in the account: whoever may change load balancers can stop it, take away its listener or
its public address, or let it be locked for an unpaid bill. Then the cluster can't be managed, though the API server
may be well. A load balancer of an API server that was deleted can't be made again: the cluster is lost.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.slb import Listener, LoadBalancer, LoadBalancerHealth
from auditor.facts.cloud.vpc import Eip
from auditor.facts.joins.api_load_balancer import ApiBalancer, ApiServerLoadBalancer
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.first_match import unique
from auditor.judge.api import (
    Check,
    Finding,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    Severity,
    Table,
    Verdict,
    said,
    t,
)
from checks.network._api_balancer import ABNORMAL, api_balancers, api_listener, api_servers
from checks.network._broken_balancer import (
    abnormal_finding,
    detached_finding,
    empty_finding,
    inactive_finding,
    locked_finding,
    missing_finding,
    no_listener_finding,
    stopped_finding,
)

check = Check(
    severity=Severity.CRITICAL,
    causes=("N11", "K3"),
    since="0.1.0",
    symptoms=("console-fails", "kubectl-timeout"),
    limits=("An elastic IP address that is bound to nothing is not listed: it is found by being missing.",),
    links=("https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/product-overview/before-you-start",),
)

PUBLIC_ENDPOINT = "api_server_endpoint"
STARTING = ("starting", "configuring")
"""States of a listener that pass by themselves."""
BOUND = ("InUse", "Associating")
PRIVATE = AddressSet.of("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
"""What VPCs take their addresses from: no elastic IP address is among them."""


def subjects(
    cluster: ClusterIdentity, clusters: Table[Cluster], api_server_load_balancer: ApiServerLoadBalancer
) -> Iterable[ApiBalancer]:
    return api_balancers(cluster, clusters, api_server_load_balancer)


def judge(
    subject: ApiBalancer,
    clusters: Table[Cluster],
    listeners: Table[Listener],
    load_balancer_health: Table[LoadBalancerHealth],
    eips: Table[Eip],
    load_balancers: Table[LoadBalancer],
    api_server_load_balancer: ApiServerLoadBalancer,
    cluster: ClusterIdentity,
) -> Iterator[Verdict]:
    balancer = subject.balancer
    if balancer is None:
        yield missing_finding(subject, cluster)
        return
    findings: list[Finding] = []
    reasons: list[Reason] = []
    for look in (
        _itself(balancer, listeners, load_balancer_health, cluster.region),
        _its_address(balancer, clusters, eips, load_balancers, api_server_load_balancer, cluster),
    ):
        try:
            findings.extend(look)
        except NotKnown as gap:
            reasons += gap.reasons
    yield from findings
    if reasons:
        yield NotEvaluated(unique(reasons))
    elif not findings:
        yield Passed()


def _itself(
    balancer: LoadBalancer, listeners: Table[Listener], load_balancer_health: Table[LoadBalancerHealth], region: str
) -> Iterator[Finding]:
    """Yield the first thing that is wrong, from the instance to its servers. Raises NotKnown."""
    reasons: list[Reason] = []
    try:
        status = said(balancer.status, "slb", t("the status of load balancer {id}", id=balancer.id))
        if status.lower() != "active":
            yield inactive_finding(balancer, region)
            return
    except NotKnown as gap:
        reasons += gap.reasons
    try:
        listener = api_listener(balancer.id, listeners)
        if listener is None:
            same = listeners.where("balancer", lambda row: row.load_balancer_id, balancer.id)
            yield no_listener_finding(balancer, same, region)
            return
        state = said(listener.status, "slb", t("the status of listener {id}:6443", id=balancer.id)).lower()
        if state != "running" and state not in STARTING:
            yield stopped_finding(balancer, listener, region)
            return
    except NotKnown as gap:
        reasons += gap.reasons
        listener = None
    try:
        servers = api_servers(balancer.id, load_balancer_health)
        abnormal = [one for one in servers if one.status == ABNORMAL]
        if abnormal:
            yield abnormal_finding(balancer, servers, abnormal, region)
        elif not servers and listener is not None:
            yield empty_finding(balancer, region)
        for server in servers:
            said(server.status, "slb", t("the health of server {server}", server=server.server_id))
    except NotKnown as gap:
        reasons += gap.reasons
    if reasons:
        raise NotKnown(*reasons)


def _its_address(
    balancer: LoadBalancer,
    clusters: Table[Cluster],
    eips: Table[Eip],
    load_balancers: Table[LoadBalancer],
    api_server_load_balancer: ApiServerLoadBalancer,
    cluster: ClusterIdentity,
) -> Iterator[Finding]:
    """Yield what is wrong with the public addresses. Raises NotKnown."""
    reasons: list[Reason] = []
    own = _known_eips_of(balancer, eips)
    for eip in own:
        locks = _locks(eip)
        if locks:
            yield locked_finding(balancer, eip, locks, cluster.region)
        elif eip.lock_reasons is None and eip.business_status is None:
            what = t("whether elastic IP address {id} is locked", id=eip.id)
            try:
                said(eip.lock_reasons, "vpc", what)
            except NotKnown as gap:
                reasons += gap.reasons
    try:
        address = _public_address(clusters.get(cluster.cluster_id))
        others = api_server_load_balancer.of(cluster.cluster_id)
        if address and address not in {one.balancer.address for one in others if one.balancer}:
            for detached in _detached(balancer, address, others, eips, cluster.region):
                # Older clusters have a load balancer of the Internet beside it, whose address is its own.
                if not load_balancers.where("address", lambda row: row.address, address):
                    yield detached
    except NotKnown as gap:
        reasons += gap.reasons
    if eips.gaps:
        reasons += eips.reasons
    if reasons:
        raise NotKnown(*reasons)


def _known_eips_of(balancer: LoadBalancer, eips: Table[Eip]) -> Sequence[Eip]:
    if eips.is_unavailable:
        return []
    return eips.known_where("instance", lambda row: row.instance_id, balancer.id)


def _locks(eip: Eip) -> list[str]:
    """Return by what an address is locked."""
    business = eip.business_status
    return [*(eip.lock_reasons or ()), *([business] if business and business != "Normal" else [])]


def _public_address(row: Cluster | None) -> str:
    """Return the address of the public endpoint; empty if there is none, if it is a name, or in the VPC."""
    try:
        host = urlsplit(row.api_endpoints.get(PUBLIC_ENDPOINT, "")).hostname if row else None
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return ""
    return "" if address.version != 4 or str(address) in PRIVATE else str(address)


def _detached(
    balancer: LoadBalancer, address: str, others: Sequence[ApiBalancer], eips: Table[Eip], region: str
) -> Iterator[Finding]:
    """Yield a finding if the address of the public endpoint is bound to none of the API server's load balancers."""
    named = {one.id for one in others}
    rows = eips.where("address", lambda row: row.address, address)
    bound = [eip for eip in rows if eip.instance_id in named and (eip.status or BOUND[0]) in BOUND]
    # Of several load balancers one carries the public address: the fault is told of the first.
    if not bound and others[0].id == balancer.id:
        yield detached_finding(balancer, address, rows[0] if rows else None, region)
