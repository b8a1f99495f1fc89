"""Outcomes made by hand, for the tests of all formats."""

from datetime import UTC, date, datetime
from typing import Any

from auditor.facts.landscape import ClusterIdentity, SourceLog, TableLog
from auditor.facts.ref import Layer, Ref, cloud_ref, kubernetes_ref
from auditor.facts.table import Reason, ReasonKind, State
from auditor.facts.text import t
from auditor.judge.outcome import (
    CheckResult,
    Lifecycle,
    Outcome,
    ReportedFinding,
    Status,
    Suppression,
    SuppressionState,
    SuppressionStatus,
    UnseenSubject,
)
from auditor.judge.verdicts import Certainty, Severity, broken, ok, step, unknown

STARTED = datetime(2026, 11, 23, 0, 0, 4, tzinfo=UTC)
FINISHED = datetime(2026, 11, 23, 0, 0, 16, 500000, tzinfo=UTC)
CLUSTER = ClusterIdentity("shop-prod", "c1cef2604bddf0081a2bc425e1415ce18", "cn-hangzhou")

WHY_DISK = t(
    "A cloud disk can be attached only to an instance in its own zone. A Pod that is scheduled elsewhere waits for "
    "its volume for ever, and moving it by hand makes no difference.\n\nThe volume was made before the cluster had "
    "a second zone, and carries no node affinity that would keep the Pod at home."
)
DENIED = Reason(
    "ecs",
    ReasonKind.FORBIDDEN,
    t("{action} was denied: {code}", action="DescribeSecurityGroupAttribute", code="Forbidden.RAM"),
    ("ecs:DescribeSecurityGroupAttribute",),
)
TIMEOUT = Reason("nas", ReasonKind.TIMEOUT, t("no answer within {seconds} seconds", seconds=30))
NO_PROBE = Reason("kubernetes", ReasonKind.SWITCHED_OFF, t("the probe {probe} is off", probe="forwarding"))

POD = kubernetes_ref("Pod", "mysql-0", "data")
VOLUME = kubernetes_ref("PersistentVolume", "pv-mysql-0", id="d-bp1j4i2jdf3owlheb6kx")
DISK = cloud_ref("Disk", "d-bp1j4i2jdf3owlheb6kx")
NODE = kubernetes_ref("Node", "cn-hangzhou.192.168.0.11")
INSTANCE = cloud_ref("Instance", "i-bp15i7b3ls5h2x1nzq6r", "worker-k-03")
GROUP = cloud_ref("SecurityGroup", "sg-bp1c8x0r4sx3v7d2wq9p", "ack-workers")


def finding(name: str = "pv-mysql-0", **more: Any) -> ReportedFinding:
    """Make the finding of a disk in another zone, with other fields as told."""
    given: dict[str, Any] = {
        "fingerprint": "3f9a0c52d1b84e67a0c95b1d2e3f4a5b",
        "check": "storage/disk-in-other-zone",
        "severity": Severity.HIGH,
        "certainty": Certainty.CONFIRMED,
        "subject": Ref(Layer.KUBERNETES, "PersistentVolume", name, id="d-bp1j4i2jdf3owlheb6kx"),
        "message": t(
            "Pod {pod} waits for disk {disk} in zone {zone}, and runs on a node in zone {other}",
            pod="data/mysql-0",
            disk="d-bp1j4i2jdf3owlheb6kx",
            zone="cn-hangzhou-h",
            other="cn-hangzhou-k",
        ),
        "why": WHY_DISK,
        "remedy": (
            step(t("Confirm where the disk is"), "kubectl", "get", "pv", name, "-o", "yaml"),
            step(
                t("Keep the Pod in the disk's zone. It restarts, so choose a quiet time"),
                "kubectl",
                "-n",
                "data",
                "patch",
                "statefulset",
                "mysql",
                "--type=merge",
                "-p",
                '{"spec":{"template":{"spec":{"nodeSelector":{"topology.kubernetes.io/zone":"cn-hangzhou-h"}}}}}',
            ),
            step(t("Or copy the data to a disk in the node's zone, from a snapshot")),
        ),
        "trail": (
            ok(POD, t("waits for its volume since {minutes} minutes", minutes=42)),
            ok(kubernetes_ref("PersistentVolumeClaim", "data-mysql-0", "data"), t("bound")),
            ok(VOLUME, t("no node affinity")),
            broken(DISK, t("zone {zone}", zone="cn-hangzhou-h")),
            ok(INSTANCE, t("zone {zone}", zone="cn-hangzhou-k")),
            unknown(NODE, t("its taints could not be read")),
        ),
        "evidence": {
            "disk_zone": "cn-hangzhou-h",
            "node_zone": "cn-hangzhou-k",
            "disk_regional": False,
            "volume_node_affinity": None,
            "candidate_zones": ["cn-hangzhou-h", "cn-hangzhou-k"],
            "nodes_by_zone": {"cn-hangzhou-h": 0, "cn-hangzhou-k": 3},
        },
        "lifecycle": Lifecycle.OPEN,
        "first_seen": datetime(2026, 11, 16, 0, 0, 4, tzinfo=UTC),
        "last_seen": STARTED,
    }
    return ReportedFinding(**(given | more))


def group_finding(nodes: int = 40) -> ReportedFinding:
    """Make one fault of a security group that hurts many nodes."""
    affected = tuple(kubernetes_ref("Node", f"cn-hangzhou.192.168.{i // 250}.{i % 250 + 1}") for i in range(nodes))
    return finding(
        fingerprint="b71d3a6605e94f0c8f6e2d3c4b5a6978",
        check="access/kubelet-port-blocked",
        severity=Severity.CRITICAL,
        certainty=Certainty.LIKELY,
        subject=GROUP,
        message=t(
            "security group {group} refuses TCP {port} from the API server: {count} nodes can't be reached",
            group="sg-bp1c8x0r4sx3v7d2wq9p",
            port=10250,
            count=nodes,
        ),
        why=t("Without this port there are no logs, no exec and no metrics of the Pods on these nodes."),
        trail=(
            ok(kubernetes_ref("Cluster", "shop-prod"), t("calls from {range}", range="192.168.0.0/24")),
            broken(GROUP, t("rule {rule} drops it, priority {priority}", rule="sgr-1", priority=1)),
            ok(INSTANCE),
        ),
        evidence={"refusing_rule": "drop tcp 10250/10250 from 0.0.0.0/0", "affected": [ref.path for ref in affected]},
        affected=affected,
        lifecycle=Lifecycle.NEW,
        first_seen=STARTED,
    )


def notes() -> ReportedFinding:
    """Make a finding for information: no trail, no evidence, no remedy."""
    return finding(
        fingerprint="0c11d2e3f40516273849506172839405",
        check="network/lb-unreachable-inside-cluster",
        severity=Severity.INFO,
        certainty=Certainty.AT_RISK,
        subject=kubernetes_ref("Service", "nginx-ingress-lb", "kube-system", "lb-bp1o94dp5i6ea"),
        message=t("inside the cluster the address answers only on nodes with a Pod behind it"),
        why=t("This is how ACK sets up the Ingress controller."),
        remedy=(),
        trail=(),
        evidence={},
    )


def check_result(check_id: str, title: str, status: Status, **more: Any) -> CheckResult:
    """Make the result of a check."""
    given: dict[str, Any] = {"severity": Severity.HIGH, "subjects": 12, "findings": 0}
    return CheckResult(id=check_id, title=title, status=status, **(given | more))


def suppression(status: SuppressionStatus, **more: Any) -> SuppressionState:
    """Make what became of a suppression of the configuration."""
    given: dict[str, Any] = {
        "check": "storage/disk-*",
        "subject": "pv-logs-*",
        "reason": "migrating in December",
        "owner": "storage team",
        "expires": date(2026, 12, 31),
    }
    return SuppressionState(status=status, **(given | more))


def suppressions() -> tuple[SuppressionState, ...]:
    """Make one suppression in each state."""
    on_object = {"subject": "", "owner": "shop team"}
    return (
        suppression(SuppressionStatus.ACTIVE, findings=1, fingerprints=("aa00bb11cc22dd33ee44ff5566778899",)),
        suppression(
            SuppressionStatus.EXPIRED,
            subject="*",
            expires=date(2026, 11, 1),
            findings=2,
            fingerprints=("3f9a0c52d1b84e67a0c95b1d2e3f4a5b", "aa00bb11cc22dd33ee44ff5566778899"),
        ),
        suppression(SuppressionStatus.UNUSED, subject="data/old-*"),
        suppression(SuppressionStatus.ACTIVE, check="storage/nas-*", evaluated=False),
        suppression(
            SuppressionStatus.EXPIRING,
            **on_object,
            check="network/*",
            expires=date(2026, 11, 30),
            findings=1,
            annotated=tuple(kubernetes_ref("Pod", f"web-{number}", "shop") for number in range(20)),
            objects=25,
        ),
        SuppressionState(
            status=SuppressionStatus.IGNORED,
            annotated=(kubernetes_ref("Service", "cart", "shop"),),
            objects=1,
            problem=t("it lacks the fields {fields}", fields=["owner", "expires"]),
        ),
    )


def outcome(**more: Any) -> Outcome:
    """Make a run with something of everything."""
    suppressed = finding(
        "pv-logs-3",
        fingerprint="aa00bb11cc22dd33ee44ff5566778899",
        suppression=Suppression("migrating in December", "storage team", date(2026, 12, 31)),
    )
    resolved = finding("pv-old", fingerprint="99887766554433221100ffeeddccbbaa", severity=Severity.MEDIUM)
    given: dict[str, Any] = {
        "run_id": "01JDC0M6ZQ4Y8T",
        "cluster": CLUSTER,
        "trigger": "schedule:weekly",
        "observed_at": STARTED,
        "started_at": STARTED,
        "finished_at": FINISHED,
        "checks": (
            check_result(
                "access/kubelet-port-blocked",
                "The API server can't reach the kubelet",
                Status.FOUND,
                findings=1,
                reasons=(DENIED,),
                unseen=(UnseenSubject(kubernetes_ref("Node", "cn-hangzhou.192.168.7.7"), (DENIED,)),),
            ),
            check_result(
                "autoscaling/autoscaler-unhealthy", "The autoscaler is not healthy", Status.PASSED, subjects=1
            ),
            check_result(
                "network/lb-unreachable-inside-cluster",
                "A load balancer can't be reached from inside the cluster",
                Status.FOUND,
                findings=1,
            ),
            check_result(
                "network/node-egress-blocks-lb",
                "A node may not call a load balancer",
                Status.NOT_EVALUATED,
                subjects=0,
                reasons=(DENIED,),
            ),
            check_result(
                "network/node-forwarding-disabled",
                "A node does not forward packets",
                Status.NOT_EVALUATED,
                subjects=0,
                reasons=(NO_PROBE,),
            ),
            check_result("service/lb-quota-exhausted", "A quota is exhausted", Status.NOT_APPLICABLE, subjects=0),
            check_result(
                "storage/disk-in-other-zone", "A disk is in another zone than the node", Status.FOUND, findings=2
            ),
            check_result(
                "storage/nas-access-denied",
                "NAS refuses a node",
                Status.NOT_EVALUATED,
                subjects=2,
                reasons=(TIMEOUT,),
                unseen=(UnseenSubject(kubernetes_ref("PersistentVolume", "pv-nas-1"), (TIMEOUT,)),),
            ),
        ),
        "findings": (group_finding(), finding(), suppressed, notes()),
        "resolved": (resolved,),
        "collection": (
            SourceLog(
                "kubernetes", Layer.KUBERNETES, State.KNOWN, 412, 14, 0, 1.52, (), (TableLog("pods", State.KNOWN, 220),)
            ),
            SourceLog(
                "ecs", Layer.CLOUD, State.PARTIAL, 88, 9, 1, 0.84, (DENIED,), (TableLog("disks", State.KNOWN, 31),)
            ),
            SourceLog("nas", Layer.CLOUD, State.UNAVAILABLE, 0, 3, 2, 30.0, (TIMEOUT,)),
        ),
        "suppressions": suppressions(),
    }
    return Outcome(**(given | more))


def healthy() -> Outcome:
    """Make a run that found nothing and could look at everything."""
    base = outcome()
    checks = tuple(
        check_result(check.id, check.title, check.status, subjects=0)
        if check.status is Status.NOT_APPLICABLE
        else check_result(check.id, check.title, Status.PASSED)
        for check in base.checks
    )
    logs = tuple(
        SourceLog(log.source, log.layer, State.KNOWN, log.items, log.calls, 0, log.seconds) for log in base.collection
    )
    return outcome(checks=checks, findings=(), resolved=(), collection=logs, suppressions=())


HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>'",
    "{{7*7}}",
    "{% raw %}",
    "[red]red[/red]",
    "\x1b[31mred\x1b[0m\x07",
    "\x9b31m",
    '=cmd|"/c calc"!A1',
    "\u202egnp.exe",
    "`rm -rf`",
    "| a | b |",
    "line\r\n# heading",
    "\ud800",
    "http://evil.example/x.png",
    "![x](http://evil.example/x.png)",
)
"""What a name, a label or a description may be."""


def hostile() -> Outcome:
    """Make a run in which everything that is read from outside is hostile."""
    findings = tuple(
        finding(
            name=text,
            fingerprint=f"{i:032x}",
            subject=Ref(Layer.CLOUD, text, text, text, text),
            message=t("{text} is on {other}", text=text, other=[text]),
            why=t("because {text}", text=text),
            remedy=(step(t("look at {text}", text=text), "kubectl", "get", text),),
            trail=(broken(Ref(Layer.CLOUD, "Disk", text, text, text), t("said {text}", text=text)),),
            evidence={text: text, "list": [text], "map": {text: text}},
            affected=(Ref(Layer.CLOUD, text, text, text, text),),
        )
        for i, text in enumerate(HOSTILE)
    )
    reasons = tuple(Reason(text, ReasonKind.ERROR, t("failed: {text}", text=text), (text,)) for text in HOSTILE)
    unseen = tuple(
        UnseenSubject(Ref(Layer.CLOUD, text, text), (reason,)) for text, reason in zip(HOSTILE, reasons, strict=True)
    )
    checks = (
        check_result(
            "storage/disk-in-other-zone",
            "A disk is in another zone",
            Status.FOUND,
            findings=len(findings),
            reasons=reasons,
            unseen=unseen,
        ),
    )
    logs = tuple(
        SourceLog(text, Layer.CLOUD, State.PARTIAL, 1, 1, 0, 0.1, (reason,))
        for text, reason in zip(HOSTILE, reasons, strict=True)
    )
    hidden = Suppression(HOSTILE[0], HOSTILE[1], date(2026, 12, 31), Ref(Layer.KUBERNETES, *HOSTILE[:3]))
    states = tuple(
        suppression(
            SuppressionStatus.IGNORED,
            check=text,
            subject="",
            reason=text,
            owner=text,
            annotated=(Ref(Layer.KUBERNETES, text, text, text),),
            objects=2,
            problem=t("the field {field} is given twice", field=text),
        )
        for text in HOSTILE
    )
    return outcome(
        cluster=ClusterIdentity("<b>shop</b>\x1b[31m", "{{7*7}}", "[red]x"),
        run_id="<i>run</i>",
        trigger="schedule:<u>weekly</u>",
        checks=checks,
        findings=(*findings, finding(HOSTILE[0], suppression=hidden)),
        resolved=findings[:2],
        collection=logs,
        suppressions=states,
    )


def crowded(count: int = 2000) -> Outcome:
    """Make a run with very many findings."""
    severities = (Severity.HIGH, Severity.HIGH, Severity.MEDIUM, Severity.LOW)
    checks = ("storage/disk-in-other-zone", "network/node-egress-blocks-lb", "access/kubelet-port-blocked")
    findings = tuple(
        finding(
            f"pv-{i}",
            fingerprint=f"{i:032x}",
            severity=severities[i % len(severities)],
            check=checks[i % len(checks)],
        )
        for i in range(count)
    )
    return outcome(findings=tuple(sorted(findings, key=lambda f: f.severity.rank)))
