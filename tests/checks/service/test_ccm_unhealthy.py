"""service/ccm-unhealthy."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.cs import Addon, Cluster
from auditor.facts.kubernetes.coordination import Lease
from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.services import Service
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit, make

CHECK = "service/ccm-unhealthy"
OLD, FRESH = "2026-11-23T07:00:00Z", "2026-11-23T07:59:00Z"
CCM = "cloud-controller-manager"
TOUCHED = ["service.k8s.alibaba/resources"]
FULL = "The backend server number has reached to the quota limit of this load balancer."
NO_IP = "Message: The specified VSwitch vsw-1 has no available ip."
MANAGED = Cluster(kit.CLUSTER_ID, type="ManagedKubernetes")


def lease(name: str = "ccm", seconds_ago: float = 5, **spec: Any) -> Lease:
    renewed = (kit.OBSERVED_AT - timedelta(seconds=seconds_ago)).isoformat()
    data = {
        "metadata": make.meta(name, "kube-system"),
        "spec": {"holderIdentity": f"{name}-0_x", "leaseDurationSeconds": 15, "renewTime": renewed, **spec},
    }
    return msgspec.convert(data, Lease)


def managed(*leases: Lease, state: str = "active", version: str = "v2.14.1", **more: Any) -> Landscape:
    """Make a cluster whose CCM ACK runs."""
    return kit.landscape(
        leases=leases or (lease(), lease("kube-scheduler")),
        addons=[Addon(CCM, version, state)],
        clusters=[MANAGED],
        **more,
    )


def pod(number: int, ready: bool = True, made: str = OLD, **status: Any) -> Pod:
    labels = {"app": CCM}
    name = f"kube-system/{CCM}-{number}"
    return make.pod(name, "m1", ready=ready, labels=labels, creationTimestamp=made, status=status)


def dedicated(*pods: Pod, wanted: int = 1, leases: tuple[Lease, ...] = (), **more: Any) -> Landscape:
    """Make a cluster that runs the CCM itself, as a DaemonSet."""
    data = {
        "metadata": make.meta(CCM, "kube-system", creationTimestamp=OLD),
        "spec": {"selector": {"matchLabels": {"app": CCM}}, "template": {"metadata": {"labels": {"app": CCM}}}},
        "status": {"desiredNumberScheduled": wanted},
    }
    return kit.landscape(
        daemonsets=[msgspec.convert(data, DaemonSet)],
        pods=pods,
        leases=leases or (lease(), lease("kube-scheduler")),
        clusters=[Cluster(kit.CLUSTER_ID, type="Kubernetes")],
        **more,
    )


def service(key: str = "shop/web", waits: bool = True, **more: Any) -> Service:
    given = {
        "type": "LoadBalancer",
        "creationTimestamp": OLD,
        "uid": f"0-{key}",
        "ingress": None if waits else [{"ip": "192.168.0.9"}],
    }
    return make.service(key, **(given | more))


def event(reason: str, message: str = NO_IP, minutes_ago: float = 5, key: str = "shop/web", uid: str = "") -> Event:
    namespace, _, name = key.partition("/")
    at = (kit.OBSERVED_AT - timedelta(minutes=minutes_ago)).isoformat()
    data = {
        "metadata": make.meta(f"{name}.{reason}.{minutes_ago}", namespace),
        "involvedObject": {"kind": "Service", "namespace": namespace, "name": name, "uid": uid or f"0-{key}"},
        "reason": reason,
        "message": message,
        "type": "Warning",
        "lastTimestamp": at,
    }
    return msgspec.convert(data, Event)


def one(base: Landscape, subject: str) -> ReportedFinding:
    findings = kit.finds(CHECK, base, subject)
    assert len(findings) == 1
    return findings[0]


def broken(finding: ReportedFinding) -> list[str]:
    return [hop.ref.kind for hop in finding.trail if hop.state is HopState.BROKEN]


CRASHING: dict[str, Any] = {
    "containerStatuses": [{"name": "ccm", "restartCount": 9, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]
}

# --- the component -----------------------------------------------------------------------------------------------


def test_pods_that_crash() -> None:
    finding = one(dedicated(pod(1, ready=False, **CRASHING)), f"kube-system/{CCM}")
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert finding.subject.kind == "DaemonSet"
    assert broken(finding) == ["Pod"]


def test_a_pod_that_is_not_ready() -> None:
    assert one(dedicated(pod(1, ready=False)), f"kube-system/{CCM}").severity is Severity.HIGH


def test_one_of_several_copies() -> None:
    three = (pod(1), pod(2), pod(3, ready=False, **CRASHING))
    assert one(dedicated(*three, wanted=3), f"kube-system/{CCM}").severity is Severity.MEDIUM
    stale = (lease(seconds_ago=600), lease("kube-scheduler"))
    assert one(dedicated(*three, wanted=3, leases=stale), f"kube-system/{CCM}").severity is Severity.HIGH
    holder = (lease(holderIdentity=f"{CCM}-3_uid"), lease("kube-scheduler"))
    assert one(dedicated(*three, wanted=3, leases=holder), f"kube-system/{CCM}").severity is Severity.HIGH


def test_a_workload_without_pods() -> None:
    stale = (lease(seconds_ago=600), lease("kube-scheduler"))
    finding = one(dedicated(leases=stale), f"kube-system/{CCM}")
    assert (finding.severity, broken(finding)) == (Severity.HIGH, ["DaemonSet"])


def test_a_lease_that_is_not_renewed() -> None:
    finding = one(managed(lease(seconds_ago=61), lease("kube-scheduler")), "kube-system/ccm")
    assert (finding.subject.kind, finding.severity, finding.certainty) == ("Lease", Severity.HIGH, Certainty.CONFIRMED)
    assert "56 seconds" in str(finding.message)
    one(managed(lease(seconds_ago=600)), "kube-system/ccm")


def test_a_lease_older_than_those_of_the_cluster_whatever_the_auditors_clock() -> None:
    one(managed(lease(seconds_ago=4000), lease("kube-scheduler", 3600)), "kube-system/ccm")
    one(managed(lease(seconds_ago=600), lease("kube-scheduler", 50_000)), "kube-system/ccm")


def test_a_lease_that_does_not_exist() -> None:
    finding = one(managed(lease("kube-scheduler")), "kube-system/ccm")
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.LIKELY)
    kit.stays_quiet(CHECK, managed(lease("kube-scheduler"), version="v1.9.3.313-g748f81e-aliyun"))


@pytest.mark.parametrize("state", ["unhealthy", "failed", "deleting", "deleted"])
def test_an_addon_that_is_not_active(state: str) -> None:
    finding = one(managed(state=state), f"kube-system/{CCM}")
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.LIKELY)
    assert broken(finding) == ["Addon"]


@pytest.mark.parametrize("state", ["updating", "Upgrading"])
def test_an_addon_that_is_being_upgraded_is_only_noted(state: str) -> None:
    assert one(managed(state=state), f"kube-system/{CCM}").severity is Severity.INFO


def test_nothing_at_all() -> None:
    base = kit.landscape(leases=[lease("kube-scheduler")], clusters=[MANAGED])
    finding = one(base, f"kube-system/{CCM}")
    assert (finding.subject.kind, finding.certainty) == ("Deployment", Certainty.LIKELY)
    registered = kit.landscape(clusters=[Cluster(kit.CLUSTER_ID, type="ExternalKubernetes")])
    kit.stays_quiet(CHECK, registered)


def test_what_is_healthy() -> None:
    kit.stays_quiet(CHECK, managed())
    kit.stays_quiet(CHECK, dedicated(pod(1), pod(2), wanted=2))
    kit.stays_quiet(CHECK, dedicated(pod(1), pod(2, ready=False, made=FRESH), wanted=2))
    kit.stays_quiet(CHECK, dedicated(wanted=0))  # what an older cluster left behind when ACK took over


def test_clocks_that_differ() -> None:
    kit.stays_quiet(CHECK, managed(lease(seconds_ago=4000), lease("kube-scheduler", 4001)))
    kit.stays_quiet(CHECK, managed(lease(seconds_ago=-300), lease("kube-scheduler", -300)))
    kit.stays_quiet(CHECK, managed(lease(seconds_ago=5), lease("by-hand", -200)))


def test_a_lease_of_a_longer_duration() -> None:
    kit.stays_quiet(CHECK, managed(lease(seconds_ago=90, leaseDurationSeconds=137), lease("kube-scheduler")))


# --- Services ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (NO_IP, "vswitch-full"),
        ("Message: The specified VSwitch does not exist.", "vswitch-missing"),
        ("ErrorCode: ShareSlbHaltSales", "not-for-sale"),
        ("service shop/web: not able to find loadbalancer named [lb-1] in openapi", "balancer-missing"),
        ("Forbidden.RAM: User not authorized to operate on the specified resource", "permission"),
        ("Message: The quota of slb_quota_instances_num is exceeded", "quota"),
        ("ListenerNumberOverLimit", "quota"),
        ("alicloud: can not reuse loadbalancer created by kubernetes", "not-reusable"),
        ("your account is arrearage", "arrears"),
        ("find multiple loadbalances by tag", "several-balancers"),
        ("Throttling.User: Request was denied due to user flow control.", "busy"),
        ("something that nobody knows", "other"),
    ],
)
def test_what_the_event_says(message: str, cause: str) -> None:
    base = managed(services=[service(finalizers=TOUCHED)], events=[event("SyncLoadBalancerFailed", message)])
    finding = one(base, "shop/web")
    assert (finding.severity, finding.evidence["cause"]) == (Severity.HIGH, cause)
    assert finding.certainty is (Certainty.LIKELY if cause == "busy" else Certainty.CONFIRMED)
    assert message in str(finding.message)
    assert broken(finding) == ["Service"]


def test_a_failure_of_a_service_that_has_its_address() -> None:
    base = managed(services=[service(waits=False)], events=[event("SyncLoadBalancerFailed")])
    assert one(base, "shop/web").severity is Severity.HIGH


def test_what_is_over() -> None:
    failed = event("SyncLoadBalancerFailed", minutes_ago=9)
    since = event("EnsuredLoadBalancer", "Ensured load balancer", 3)
    kit.stays_quiet(CHECK, managed(services=[service(waits=False)], events=[failed, since]))
    before = event("EnsuredLoadBalancer", "Ensured load balancer", 20)
    one(managed(services=[service(waits=False)], events=[failed, before]), "shop/web")


def test_the_event_of_a_former_service() -> None:
    former = event("SyncLoadBalancerFailed", uid="another")
    kit.stays_quiet(CHECK, managed(services=[service(waits=False)], events=[former]))


def test_a_busy_api_while_the_service_is_served() -> None:
    busy = event("SyncLoadBalancerFailed", "Throttling.User")
    kit.stays_quiet(CHECK, managed(services=[service(waits=False)], events=[busy]))


def test_a_full_load_balancer_is_another_checks_finding() -> None:
    base = managed(services=[service(finalizers=TOUCHED)], events=[event("SyncLoadBalancerFailed", FULL)])
    kit.stays_quiet(CHECK, base)


def test_no_node_for_a_service_that_has_ready_pods() -> None:
    unavailable = event("UnAvailableLoadBalancer", "There are no available nodes for LoadBalancer")
    pods = [make.endpoint_slice("shop/web", [{"addresses": ["172.20.0.1"], "nodeName": "m1"}])]
    base = managed(services=[service(waits=False)], events=[unavailable], endpoint_slices=pods)
    finding = one(base, "shop/web")
    assert (finding.certainty, finding.evidence["cause"]) == (Certainty.LIKELY, "no-node")
    kit.stays_quiet(CHECK, managed(services=[service(waits=False)], events=[unavailable]))
    ensured = event("EnsuredLoadBalancer", "Ensured load balancer")
    kit.stays_quiet(
        CHECK,
        managed(services=[service(waits=False)], events=[unavailable, ensured], endpoint_slices=pods),
    )


def test_a_service_that_nobody_touched() -> None:
    finding = one(managed(services=[service()]), "shop/web")
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.LIKELY)
    assert finding.evidence["ccm_state_known"] is True


@pytest.mark.parametrize(
    "of",
    [
        service(creationTimestamp=FRESH),
        service(finalizers=TOUCHED),
        service(finalizers=["service.k8s.alibaba/nlb"], loadBalancerClass="alibabacloud.com/nlb"),
        service(waits=False),
    ],
)
def test_a_service_that_was_touched_or_is_new(of: Service) -> None:
    result, findings = kit.run(CHECK, managed(services=[of]))
    assert not findings
    assert not result.reasons


def test_waiting_services_are_affected_by_a_dead_manager() -> None:
    base = managed(lease(seconds_ago=600), lease("kube-scheduler"), services=[service(), service("shop/api")])
    finding = one(base, "kube-system/ccm")
    assert sorted(ref.path for ref in finding.affected) == ["shop/api", "shop/web"]


def test_a_class_that_nobody_serves() -> None:
    finding = one(managed(services=[service(loadBalancerClass="example.com/lb")]), "shop/web")
    assert (finding.certainty, finding.evidence["class"]) == (Certainty.LIKELY, "example.com/lb")
    by_annotation = service(annotations={"service.beta.kubernetes.io/class": "other"})
    assert one(managed(services=[by_annotation]), "shop/web").evidence["class"] == "other"


@pytest.mark.parametrize(
    "more",
    [{"waits": False}, {"finalizers": ["example.com/cleanup"]}, {"creationTimestamp": FRESH}],
)
def test_a_class_that_another_controller_serves(more: dict[str, Any]) -> None:
    result, findings = kit.run(CHECK, managed(services=[service(loadBalancerClass="example.com/lb", **more)]))
    assert not findings
    assert not result.reasons


# --- what is not known -------------------------------------------------------------------------------------------

OF_COMPONENT = {"leases", "addons", "deployments", "daemonsets"}


def test_the_tables_are_these() -> None:
    assert kit.tables_needed(CHECK) == OF_COMPONENT | {"pods", "clusters", "services", "events", "endpoint_slices"}


@pytest.mark.parametrize("table", sorted(OF_COMPONENT | {"services"}))
def test_not_evaluated_without(table: str) -> None:
    kit.is_not_evaluated(CHECK, kit.without(managed(), table))


def test_pods_matter_where_the_manager_runs_in_the_cluster() -> None:
    kit.is_not_evaluated(CHECK, kit.without(dedicated(pod(1)), "pods"))
    kit.stays_quiet(CHECK, kit.without(managed(), "pods"))


def test_events_matter_to_services() -> None:
    kit.is_not_evaluated(CHECK, kit.without(managed(services=[service(waits=False)]), "events"))
    kit.is_not_evaluated(CHECK, kit.without(managed(services=[service()]), "events"))
    kit.stays_quiet(CHECK, kit.without(managed(), "events"))


@pytest.mark.parametrize("table", ["addons", "deployments", "daemonsets", "services", "events", "pods"])
def test_a_dead_manager_is_found_without(table: str) -> None:
    base = managed(lease(seconds_ago=600), lease("kube-scheduler"))
    _result, findings = kit.run(CHECK, kit.without(base, table))
    assert [finding.subject.path for finding in findings] == ["kube-system/ccm"]


def test_the_component_is_judged_without_services() -> None:
    base = managed(lease(seconds_ago=600), lease("kube-scheduler"))
    result, findings = kit.run(CHECK, kit.without(base, "services", "list services"))
    assert len(findings) == 1
    assert result.status is Status.FOUND
    assert result.reasons[0].missing == ("list services",)


def test_another_lease_that_is_not_known_may_be_as_old() -> None:
    base = managed(lease(seconds_ago=4000), lease("kube-scheduler", 4000))
    kit.is_not_evaluated(CHECK, kit.without_rows(base, "leases", "kube-system/kube-scheduler"))


def test_a_service_that_nobody_touched_without_the_state() -> None:
    base = kit.without(managed(services=[service()]), "leases")
    _result, findings = kit.run(CHECK, base)
    assert [finding.evidence["ccm_state_known"] for finding in findings] == [False]


def test_a_deployment_is_a_workload_too() -> None:
    data = {
        "metadata": make.meta(CCM, "kube-system", creationTimestamp=OLD),
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": CCM}}},
    }
    base = kit.landscape(
        deployments=[msgspec.convert(data, Deployment)],
        pods=[pod(1, ready=False, **CRASHING)],
        leases=[lease(), lease("kube-scheduler")],
    )
    assert one(base, f"kube-system/{CCM}").subject.kind == "Deployment"
