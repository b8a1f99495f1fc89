"""A call to the API server fails at one stage.

A call takes several stages: the name is resolved, a TCP connection is made, TLS is set up, the caller is recognised,
may or may not call so often and do what it asks, and the server answers. ``kubectl --v=8`` shows them one by one; here
they are tried from where the auditor runs, to the address that it is configured to use, and the first that fails is
named with what that usually means. What fails for the auditor fails for everybody who calls from the same place with
the same credentials.
"""

from collections.abc import Iterable, Sequence

from auditor.facts.kubernetes.extensions import ApiService
from auditor.facts.kubernetes.ingresses import IngressClass
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.observations import ApiStage
from auditor.facts.kubernetes.volumes import StorageClass
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.first_match import unique
from auditor.judge.api import (
    Check,
    Evidence,
    Finding,
    Hop,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    ReasonKind,
    Severity,
    Step,
    Table,
    Text,
    Verdict,
    broken,
    cloud_ref,
    ok,
    step,
    t,
    unknown,
)

check = Check(
    severity=Severity.HIGH,
    causes=("K5",),
    since="0.1.0",
    symptoms=("kubectl-timeout",),
    limits=(
        "The stages are seen from where the auditor runs: another network, or other credentials, may fare otherwise.",
        "A single call that is denied or fails while others work is a gap of that call, and no finding.",
    ),
)

STAGES = ("name", "tcp", "tls", "authentication", "authorization", "server")
WELL = ("", "ok")
RIGHT = "list nodes"
"""What the call of the last three stages asks for."""
THROTTLING = "throttling"


def subjects(cluster: ClusterIdentity) -> Iterable[ClusterIdentity]:
    return [cluster]


def judge(
    identity: ClusterIdentity,
    api_stages: Table[ApiStage],
    nodes: Table[Node],
    storage_classes: Table[StorageClass],
    ingress_classes: Table[IngressClass],
    api_services: Table[ApiService],
) -> Verdict:
    own = [row for row in api_stages.known_rows() if row.is_own]
    stages = {row.stage: row for row in own}
    failed = next((stages[name] for name in STAGES if name in stages and stages[name].outcome not in WELL), None)
    if failed is None:
        if "server" in stages and stages["server"].outcome == "ok":
            return Passed()
        raise NotKnown(*_why(own, api_stages))
    answered = [table.name for table in (storage_classes, ingress_classes, api_services) if not table.is_unavailable]
    if answered and failed.stage in ("authorization", "server"):
        # Other calls came through at the same time: it is this one that failed, and not the stage.
        return NotEvaluated(nodes.reasons or (_of_one_call(failed),))
    return _finding(identity, failed, own, api_stages)


def _why(own: Sequence[ApiStage], api_stages: Table[ApiStage]) -> tuple[Reason, ...]:
    """Return why the stages of the own address are not known."""
    servers = {row.server for row in own}
    of_own = [
        gap.reason
        for gap in api_stages.gaps
        if gap.keys is not None and any(key.rpartition("/")[0] in servers for key in gap.keys)
    ]
    reasons = unique(of_own or api_stages.reasons)
    if reasons:
        return reasons
    message = t("no stage of a call to the API server was tried")
    return (Reason("kubernetes", ReasonKind.UNDECIDABLE, message),)


def _of_one_call(failed: ApiStage) -> Reason:
    kinds = {"forbidden": ReasonKind.FORBIDDEN, "throttled": ReasonKind.THROTTLED, "timeout": ReasonKind.TIMEOUT}
    kind = kinds.get(failed.outcome, ReasonKind.ERROR)
    missing = (RIGHT,) if kind is ReasonKind.FORBIDDEN else ()
    message = t("one call failed while others were answered: {detail}", detail=failed.detail or failed.outcome)
    return Reason("kubernetes", kind, message, missing)


def _finding(
    identity: ClusterIdentity, failed: ApiStage, own: Sequence[ApiStage], api_stages: Table[ApiStage]
) -> Finding:
    stage = THROTTLING if failed.outcome == "throttled" else failed.stage
    others = [row for row in api_stages.known_rows() if not row.is_own]
    evidence: dict[str, Evidence] = {
        "server": failed.server,
        "stage": stage,
        "outcome": failed.outcome,
        "detail": failed.detail,
        "seconds": round(failed.seconds, 2),
        "stages": {row.stage: row.outcome or "not reached" for row in own},
        "other_endpoints": [f"{row.server} {row.stage}: {row.outcome}" for row in others if row.outcome],
    }
    return Finding(
        subject=identity.ref,
        fault=stage,
        message=t(
            "a call to the API server at {server} fails at stage {stage}, {outcome}: {detail}",
            server=failed.server,
            stage=stage,
            outcome=failed.outcome,
            detail=failed.detail,
        ),
        why=_meaning(stage, failed.outcome),
        trail=tuple(_hop(row) for row in sorted(own, key=lambda row: STAGES.index(row.stage))),
        evidence=evidence,
        remedy=_remedy(identity, stage, failed),
    )


def _hop(row: ApiStage) -> Hop:
    ref = cloud_ref("ApiStage", f"{row.server}/{row.stage}")
    if row.outcome == "ok":
        return ok(ref, t("{seconds} s", seconds=round(row.seconds, 2)))
    if not row.outcome:
        return unknown(ref, t("not reached, or not told"))
    return broken(ref, t("{outcome}: {detail}", outcome=row.outcome, detail=row.detail))


def _meaning(stage: str, outcome: str) -> Text:
    match stage:
        case "name":
            return t(
                "The name of the server is not resolved from here: a wrong name in the kubeconfig, or a name that only "
                "the VPC's own DNS knows."
            )
        case "tcp":
            if outcome == "refused":
                return t(
                    "Something answered that nothing listens there: a wrong port, a listener that is gone, or a "
                    "machine that is no API server (see access/kubeconfig-stale, network/apiserver-lb-broken)."
                )
            return t(
                "Nothing came back. That is how an access control list, a security group and a stopped load balancer "
                "look from outside; and so does an intranet address that is called from outside of the VPC (see "
                "network/apiserver-acl-blocks-clients, network/apiserver-lb-broken)."
            )
        case "tls":
            return t(
                "The server was reached, but its certificate is not trusted, or something other than an API server "
                "answered: an old kubeconfig, a proxy that breaks TLS open, or an address that is not in the "
                "certificate (see access/kubeconfig-stale)."
            )
        case "authentication":
            return t(
                "The server does not recognise the caller: the certificate or token has expired, was revoked, or is "
                "of another cluster. ACK revokes a kubeconfig when a RAM user leaves or is cleared."
            )
        case "authorization":
            return t(
                "The caller is recognised, but may not read anything: no role is bound to it. In ACK, rights in the "
                "cluster are given apart from RAM's (see access/rbac-denied)."
            )
        case "throttling":
            return t(
                "The server is asked more than it serves at a time, and sends callers away for a while: priority and "
                "fairness. Clients that list everything over and over are the usual cause."
            )
    return t(
        "The server was reached and did not answer well: it, or what stands before it, is in trouble (see "
        "network/apiserver-unhealthy, network/apiserver-lb-overloaded)."
    )


def _remedy(identity: ClusterIdentity, stage: str, failed: ApiStage) -> tuple[Step, ...]:
    host, _, port = failed.server.rpartition(":")
    confirm = step(t("Confirm from the same machine; each stage is shown."), "kubectl", "get", "nodes", "--v=8")
    fresh = step(
        t("Take a fresh kubeconfig, for a time that suits; it replaces none that was handed out before."),
        *("aliyun", "cs", "GET", f"/k8s/{identity.cluster_id}/user_config"),
    )
    match stage:
        case "name":
            return (confirm, step(t("See what the name means here."), "getent", "hosts", host), fresh)
        case "tcp":
            return (
                confirm,
                step(t("Try the connection alone."), "nc", "-vz", "-w", "5", host, port),
                step(
                    t(
                        "Add this place's own address to `client_cidrs` and run network/apiserver-acl-blocks-clients "
                        "again: it tells whether the load balancer's list refuses it. From outside of the VPC use the "
                        "public endpoint."
                    )
                ),
            )
        case "tls":
            see = step(
                t("See which certificate is shown, and until when it is good."),
                *("openssl", "s_client", "-connect", failed.server, "-showcerts"),
            )
            return (confirm, see, fresh)
        case "authentication":
            return (confirm, fresh)
        case "authorization":
            who = step(t("See what the caller may do."), "kubectl", "auth", "can-i", "--list")
            grant = step(
                t(
                    "In the ACK console, Authorizations, give the RAM user or role a role in this cluster; for a "
                    "reader `auditor permissions rbac` prints the least that the auditor needs."
                )
            )
            return (confirm, who, grant)
        case "throttling":
            flows = step(
                t("See which calls wait and which are sent away."),
                *("kubectl", "get", "--raw", "/debug/api_priority_and_fairness/dump_priority_levels"),
            )
            return (confirm, flows)
    return (confirm, step(t("Ask the server for its health."), "kubectl", "get", "--raw", "/readyz?verbose"))
