"""The checks of Services once more: forms of each fault, and what a sound cluster of ACK has that looks like one."""

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.scenarios.kit import Report, Scene
from tests.scenarios.services import (
    CCM,
    DAEMONSETS,
    DEPLOYMENTS,
    GATEWAY,
    GATEWAY_GROUP,
    GATEWAY_NODES,
    INGRESS,
    NODES,
    PODS,
    PREFIX,
    SERVICES,
    SHARED,
    Json,
    add_event,
    ago,
    annotate,
    ccm,
    copy,
    copy_slices,
    crashing,
    edit_pods,
    edit_service,
    edit_slices,
    empty_slices,
    gateway_weights,
    going,
    pods_of,
    refuse,
    remove_pods,
    scale,
    waiting,
    weigh,
)

ATTACHMENTS, MANAGER = "service/ecs-attachment-quota", "service/ccm-unhealthy"
DRIFTED, SKEWED = "service/lb-weights-drifted", "service/load-skewed-by-persistence"
OUTSIDE, PORTS, EMPTY = "service/clusterip-from-outside", "service/target-port-mismatch", "service/endpoints-empty"
LEASES = "/apis/coordination.k8s.io/v1/leases"
INGRESSES = "/apis/networking.k8s.io/v1/ingresses"
CRONJOBS, JOBS = "/apis/batch/v1/cronjobs", "/apis/batch/v1/jobs"
NODE, INSTANCE = "cn-hangzhou.192.168.0.11", "i-bp1vcw8abao0i6uxb1xi"
ATTACHED = "slb/slb_quota_backendserver_attached_num"
USUAL_ROOM = 44
"""How many entries of 50 the node has left."""
VPC, TABLE = "vpc-bp1uwjm8ddgvodpj5i2ba", "vtb-bp1ckdry1c9lmcfd0xfjw"
CATALOG_GRPC_GROUP = "rsp-bp1cq6ob1knwv"


def broken(finding: ReportedFinding) -> list[str]:
    """Return the kinds of the broken hops."""
    return [hop.ref.kind for hop in finding.trail if hop.state is HopState.BROKEN]


def paths(report: Report) -> set[str]:
    """Return the subjects of the findings above info."""
    return {finding.subject.path for finding in report.loud}


# --- ecs-attachment-quota ----------------------------------------------------------------------------------------


def foreign(scene: Scene, **fields: Any) -> str:
    """Add a load balancer of somebody else."""
    scene.cloud.state.slb.add_load_balancer("lb-bp1foreign", **{"Address": "192.168.3.3", **fields})
    return "lb-bp1foreign"


def vpc_of_cluster(scene: Scene) -> str:
    """Return the VPC of the cluster."""
    return str(scene.cloud.state.slb.load_balancers[SHARED]["VpcId"])


def in_groups(scene: Scene, balancer: str, times: int = 50) -> None:
    """Enter the node in so many server groups."""
    for number in range(times):
        scene.cloud.state.slb.add_vserver_group(f"rsp-f{number}", balancer, "theirs", [{"ServerId": INSTANCE}])


def in_pairs(scene: Scene, balancer: str) -> None:
    """Enter the node in 50 master-slave groups."""
    for number in range(50):
        servers = [{"ServerId": INSTANCE}, {"ServerId": "i-bp1other"}]
        scene.cloud.state.slb.add_master_slave_group(f"rsp-m{number}", balancer, "theirs", servers)


@pytest.mark.parametrize("enter", [in_groups, in_pairs])
@pytest.mark.parametrize("in_vpc", [True, False])
def test_a_full_node_by_load_balancers_of_others(enter: Callable[[Scene, str], None], in_vpc: bool) -> None:
    scene = Scene()
    public = {"VpcId": "", "AddressType": "internet", "Address": "203.0.113.77"}
    enter(scene, foreign(scene, **({"VpcId": vpc_of_cluster(scene)} if in_vpc else public)))
    finding = scene.audit(ATTACHMENTS).is_confirmed("Node", NODE)
    assert (finding.severity, finding.subject.id) == (Severity.HIGH, INSTANCE)
    assert broken(finding) == ["Instance"]


def test_default_groups_count_too() -> None:
    scene = Scene()
    scene.cloud.state.quotas.quotas[ATTACHED]["TotalQuota"] = 10
    for number in range(2):
        balancer = f"lb-bp1default{number}"
        scene.cloud.state.slb.add_load_balancer(balancer, VpcId=vpc_of_cluster(scene), Address=f"192.168.3.{number}")
        scene.cloud.state.slb.default_servers[balancer] = [{"ServerId": INSTANCE, "Weight": 100, "Type": "ecs"}]
    finding = scene.audit(ATTACHMENTS).loud_one
    assert finding.subject.name == NODE


def test_a_node_at_its_limit_with_nothing_waiting_is_a_warning() -> None:
    scene = Scene()
    in_groups(scene, foreign(scene, VpcId=vpc_of_cluster(scene)), USUAL_ROOM)
    finding = scene.audit(ATTACHMENTS).loud_one
    assert (finding.severity, finding.evidence["used"]) == (Severity.MEDIUM, 50), finding.evidence
    assert finding.certainty is Certainty.AT_RISK


def test_an_assumed_limit_is_shown_as_assumed() -> None:
    scene = Scene()
    del scene.cloud.state.quotas.quotas[ATTACHED]
    in_groups(scene, foreign(scene, VpcId=vpc_of_cluster(scene)))
    finding = scene.audit(ATTACHMENTS).loud_one
    assert finding.certainty is Certainty.LIKELY
    assert "assumed" in str(finding.message)


@pytest.mark.parametrize("label", ["service.alibabacloud.com/exclude-node", "node-role.kubernetes.io/control-plane"])
def test_a_full_node_that_a_waiting_service_does_not_need(label: str) -> None:
    scene = Scene()
    scene.kubernetes.patch(NODES, NODE, lambda node: node["metadata"]["labels"].update({label: "true"}))
    in_groups(scene, foreign(scene, VpcId=vpc_of_cluster(scene)), USUAL_ROOM)
    waiting(scene, "catalog-admin", "")
    finding = scene.audit(ATTACHMENTS).loud_one
    assert (finding.subject.name, finding.severity, finding.affected) == (NODE, Severity.MEDIUM, ())


@pytest.mark.parametrize(
    "change",
    [
        lambda service: service["metadata"].update(deletionTimestamp=ago(minutes=5)),
        lambda service: service["spec"].update(loadBalancerClass="example.com/metal"),
        lambda service: service["metadata"].update(creationTimestamp=ago(seconds=50)),
        lambda service: service["spec"].update(type="NodePort"),
    ],
)
def test_services_that_wait_for_no_entry(change: Callable[[Json], object]) -> None:
    scene = Scene()
    scene.cloud.state.quotas.quotas[ATTACHED]["TotalQuota"] = 7
    waiting(scene, "catalog-admin", "")
    edit_service(scene, "shop", "catalog-admin", change)
    report = scene.audit(ATTACHMENTS)
    assert {finding.severity for finding in report.findings} == {Severity.MEDIUM}


def test_a_virtual_node_has_no_entries() -> None:
    scene = Scene()

    def virtual(node: Json) -> None:
        node["metadata"]["labels"]["type"] = "virtual-kubelet"
        node["spec"].pop("providerID")

    copy(scene, NODES, NODE, "", "virtual-kubelet-cn-hangzhou-k", virtual)
    report = scene.audit(ATTACHMENTS)
    report.is_quiet()
    assert report.result.subjects == 8


def test_an_unread_group_elsewhere_does_not_hide_a_full_node() -> None:
    scene = Scene()
    in_groups(scene, foreign(scene, VpcId=vpc_of_cluster(scene)))
    scene.cloud.deny("slb:DescribeMasterSlaveServerGroups")
    report = scene.audit(ATTACHMENTS)
    report.is_confirmed("Node", NODE)
    assert "slb:DescribeMasterSlaveServerGroups" in report.missing


# --- ccm-unhealthy -----------------------------------------------------------------------------------------------


def renew(scene: Scene, name: str, seconds_ago: float) -> None:
    """Set when a Lease of the control plane was renewed."""
    at = (datetime.now(UTC) - timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    scene.kubernetes.patch(LEASES, name, lambda lease: lease["spec"].update(renewTime=at), "kube-system")


def renew_all(scene: Scene, seconds_ago: float = 3) -> None:
    """Set when all Leases of the control plane were renewed."""
    for lease in scene.kubernetes.objects.all(LEASES):
        if lease["metadata"]["namespace"] == "kube-system":
            renew(scene, lease["metadata"]["name"], seconds_ago)


@pytest.mark.parametrize(("seconds", "is_dead"), [(45, False), (75, True), (3600, True)])
def test_the_age_of_the_lease(seconds: float, is_dead: bool) -> None:
    scene = Scene()
    renew_all(scene)
    renew(scene, "ccm", seconds)
    report = scene.audit(MANAGER)
    if is_dead:
        finding = report.is_confirmed("Lease", "kube-system/ccm")
        assert (finding.severity, broken(finding)) == (Severity.HIGH, ["Lease"])
    else:
        report.is_quiet()


def test_a_lease_that_is_gone() -> None:
    scene = Scene()
    scene.kubernetes.remove(LEASES, "ccm", "kube-system")
    finding = scene.audit(MANAGER).loud_one
    assert (finding.subject.kind, finding.subject.path) == ("Lease", "kube-system/ccm")
    assert finding.severity is Severity.HIGH


def test_an_old_version_has_no_lease() -> None:
    scene = Scene()
    scene.kubernetes.remove(LEASES, "ccm", "kube-system")
    ccm(scene, "v1.9.3.276-g372aa98-aliyun")
    scene.audit(MANAGER).is_quiet()


def set_addon(scene: Scene, state: str) -> None:
    """Set the state of the add-on."""

    def change(answer: Json) -> None:
        for addon in answer["addons"]:
            if addon["name"] == CCM:
                addon["state"] = state

    scene.cloud.mutate("cs:ListClusterAddonInstances", change)


@pytest.mark.parametrize(("state", "loud"), [("upgrade_failed", True), ("unhealthy", True), ("updating", False)])
def test_states_of_the_addon(state: str, loud: bool) -> None:
    scene = Scene()
    set_addon(scene, state)
    report = scene.audit(MANAGER)
    assert bool(report.loud) is loud
    assert report.findings


def own_ccm(scene: Scene, change: Callable[[Json], object], pods: int = 1) -> None:
    """Run the manager in the cluster, as a dedicated one does."""
    labels = {"app": CCM}

    def workload(daemonset: Json) -> None:
        daemonset["metadata"]["labels"] = labels
        daemonset["spec"]["selector"] = {"matchLabels": labels}
        daemonset["status"]["desiredNumberScheduled"] = max(pods, 1)

    copy(scene, DAEMONSETS, "kube-flannel-ds", "kube-system", CCM, workload)
    like = next(name for name in pods_of(scene, "kube-system") if name.startswith("kube-flannel-ds"))

    def pod(made: Json) -> None:
        made["metadata"]["labels"] = labels
        change(made)

    for number in range(pods):
        copy(scene, PODS, like, "kube-system", f"{CCM}-{number}", pod)


def test_a_manager_without_pods_whose_lease_is_stale_is_one_fault() -> None:
    scene = Scene()
    own_ccm(scene, lambda pod: None, pods=0)
    renew_all(scene)
    renew(scene, "ccm", 900)
    finding = scene.audit(MANAGER).is_confirmed("DaemonSet", f"kube-system/{CCM}")
    assert broken(finding) == ["DaemonSet"]


def test_managers_of_a_dedicated_cluster_that_work() -> None:
    scene = Scene()
    own_ccm(scene, lambda pod: None, pods=3)
    renew_all(scene)
    scene.audit(MANAGER).is_quiet()


MESSAGES = [
    ("Message: The specified VSwitch vsw-1 has no available ip.", "vswitch-full"),
    ("[SDKError] Code: ShareSlbHaltSales Message: The share instance has been discontinued.", "not-for-sale"),
    ("alicloud: not able to find loadbalancer named [lb-bp1gone] in openapi, but it's defined", "balancer-missing"),
    ("Message: User not authorized to operate on the specified resource, or this API", "permission"),
    ("Message: quota of slb instances exceeded: slb_quota_instances_num", "quota"),
    ("Error: can not reuse loadbalancer created by kubernetes", "not-reusable"),
    ("Message: Your account is arrearage.", "arrears"),
    ("Message: The specified VSwitch does not exist.", "vswitch-missing"),
    ("alicloud: can not change LoadBalancer AddressType once created", "unchangeable"),
    ("Message: no permission to modify to spec slb.s1.small of PayByCLCU", "billing"),
    ("Message: something that nobody has seen before", "other"),
]


@pytest.mark.parametrize(("message", "cause"), MESSAGES)
def test_why_a_service_is_refused(message: str, cause: str) -> None:
    scene = Scene()
    renew_all(scene)
    waiting(scene, "catalog-admin", "")
    refuse(scene, "catalog-admin", message)
    finding = scene.audit(MANAGER).is_confirmed("Service", "shop/catalog-admin")
    assert (finding.severity, finding.evidence["cause"]) == (Severity.HIGH, cause)
    assert broken(finding) == ["Service"]
    assert message in str(finding.message)


def test_a_full_load_balancer_is_another_checks_finding() -> None:
    scene = Scene()
    waiting(scene, "catalog-admin", "")
    refuse(scene, "catalog-admin", "The backend server number has reached to the quota limit of this load balancer.")
    scene.audit(MANAGER).is_quiet()


def test_that_no_backend_was_found_does_not_hide_the_refusal() -> None:
    scene = Scene()
    waiting(scene, "catalog-admin", "", slices=False)
    refuse(scene, "catalog-admin", "Message: The specified VSwitch vsw-1 has no available ip.", minutes_ago=3)
    text = "There are no available nodes for LoadBalancer"
    add_event(scene, "catalog-admin", "UnAvailableLoadBalancer", text, minutes_ago=1)
    finding = scene.audit(MANAGER).is_confirmed("Service", "shop/catalog-admin")
    assert finding.evidence["cause"] == "vswitch-full"


def test_no_node_for_pods_that_are_ready() -> None:
    scene = Scene()
    waiting(scene, "catalog-admin", "")
    text = "There are no available nodes for LoadBalancer"
    add_event(scene, "catalog-admin", "UnAvailableLoadBalancer", text, minutes_ago=1)
    finding = scene.audit(MANAGER).loud_one
    assert (finding.subject.path, finding.evidence["cause"]) == ("shop/catalog-admin", "no-node")


def untouched(scene: Scene) -> None:
    """Add a Service that waits, without the finalizer."""
    waiting(scene, "catalog-admin", "")
    edit_service(scene, "shop", "catalog-admin", lambda service: service["metadata"].pop("finalizers"))


def sign(scene: Scene, reason: str, component: str) -> None:
    """Add an event of some component about the waiting Service."""
    add_event(scene, "catalog-admin", reason, "whatever")
    name = f"catalog-admin.{reason}.5"

    def change(event: Json) -> None:
        event["source"] = {"component": component}
        event["reportingComponent"] = component

    scene.kubernetes.patch("/api/v1/events", name, change, "shop")


@pytest.mark.parametrize(
    ("reason", "component"),
    [
        ("FailedToUpdateEndpointSlices", "endpoint-slice-controller"),
        ("PolicyViolation", "kyverno-admission"),
        ("ClusterIPNotAllocated", "ipallocator-repair-controller"),
    ],
)
def test_events_of_others_are_no_sign_of_the_manager(reason: str, component: str) -> None:
    scene = Scene()
    renew_all(scene)
    untouched(scene)
    sign(scene, reason, component)
    finding = scene.audit(MANAGER).loud_one
    assert (finding.subject.path, finding.certainty) == ("shop/catalog-admin", Certainty.LIKELY)
    assert finding.severity is Severity.HIGH


@pytest.mark.parametrize(
    ("reason", "component"), [("EnsuringLoadBalancer", "service-controller"), ("Anything", "nlb-controller")]
)
def test_events_of_the_manager_are_a_sign_of_it(reason: str, component: str) -> None:
    scene = Scene()
    untouched(scene)
    sign(scene, reason, component)
    scene.audit(MANAGER).is_quiet()


def test_a_class_that_nobody_serves() -> None:
    scene = Scene()
    untouched(scene)
    edit_service(scene, "shop", "catalog-admin", lambda one: one["spec"].update(loadBalancerClass="example.com/metal"))
    sign(scene, "FailedToUpdateEndpointSlices", "endpoint-slice-controller")
    finding = scene.audit(MANAGER).loud_one
    assert (finding.subject.path, finding.evidence["class"]) == ("shop/catalog-admin", "example.com/metal")


@pytest.mark.parametrize(
    "change",
    [
        lambda service: service["status"].update(loadBalancer={"ingress": [{"ip": "192.168.7.7"}]}),
        lambda service: service["metadata"].update(finalizers=["metal.example.com/cleanup"]),
        lambda service: service["metadata"].update(creationTimestamp=ago(seconds=30)),
        lambda service: service["metadata"].update(deletionTimestamp=ago(minutes=9)),
    ],
)
def test_a_class_that_somebody_serves(change: Callable[[Json], object]) -> None:
    scene = Scene()
    untouched(scene)
    edit_service(scene, "shop", "catalog-admin", lambda one: one["spec"].update(loadBalancerClass="example.com/metal"))
    edit_service(scene, "shop", "catalog-admin", change)
    scene.audit(MANAGER).is_quiet()


def test_events_of_a_former_service_of_the_name() -> None:
    scene = Scene()
    refuse(scene, "catalog-grpc", "Message: The specified VSwitch vsw-1 has no available ip.")

    def former(event: Json) -> None:
        event["involvedObject"]["uid"] = "uid-of-a-former-one"

    scene.kubernetes.patch("/api/v1/events", "catalog-grpc.SyncLoadBalancerFailed.5", former, "shop")
    scene.audit(MANAGER).is_quiet()


def test_a_dead_manager_is_told_though_the_addons_are_not_known() -> None:
    scene = Scene()
    renew_all(scene)
    renew(scene, "ccm", 900)
    scene.cloud.deny("cs:ListClusterAddonInstances")
    scene.kubernetes.deny("list events")
    waiting(scene, "catalog-admin", "")
    report = scene.audit(MANAGER)
    report.is_confirmed("Lease", "kube-system/ccm")
    assert "list events" in report.missing


# --- lb-weights-drifted ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "weights", "drifted"),
    [
        ("v1.9.3.105-gfd4e547-aliyun", (100, 100, 100), False),
        ("v1.9.3.105-gfd4e547-aliyun", (1, 1, 2), True),
        ("v1.9.3.239-g40d97e1-aliyun", (25, 25, 50), False),
        ("v1.9.3.239-g40d97e1-aliyun", (1, 1, 2), True),
        ("v1.9.3.276-g372aa98-aliyun", (1, 1, 2), False),
        ("v1.9.3.276-g372aa98-aliyun", (25, 25, 50), True),
        ("v1.9.3.380-gd6d0962-aliyun", (1, 1, 2), False),
        ("v2.1.0", (1, 1, 2), False),
    ],
)
def test_weights_by_version(version: str, weights: tuple[int, int, int], drifted: bool) -> None:
    scene = Scene()
    ccm(scene, version)
    gateway_weights(scene, *weights)
    report = scene.audit(DRIFTED)
    found = [finding for finding in report.loud if finding.subject.path == "payments/gateway"]
    assert bool(found) is drifted
    for finding in found:
        assert (finding.severity, finding.certainty) == (Severity.MEDIUM, Certainty.CONFIRMED)
        assert broken(finding) == ["ServerGroup"]


@pytest.mark.parametrize("prefix", [PREFIX, "service.beta.kubernetes.io/alicloud-loadbalancer-"])
@pytest.mark.parametrize(
    ("name", "value", "quiet"),
    [
        ("ignore-weight-update", "on", True),
        ("weight", "60", True),
        ("default-weight", "50", True),
        ("ignore-weight-update", "off", False),
        ("scheduler", "wrr", False),
    ],
)
def test_annotations_that_say_so(prefix: str, name: str, value: str, quiet: bool) -> None:
    scene = Scene()
    gateway_weights(scene, 50, 50, 50)
    edit_service(
        scene, "payments", "gateway", lambda one: one["metadata"]["annotations"].update({prefix + name: value})
    )
    report = scene.audit(DRIFTED)
    assert paths(report) == (set() if quiet else {"payments/gateway"})


def new_pod(pod: Json) -> None:
    """Let a Pod have become ready just now."""
    for condition in pod["status"]["conditions"]:
        if condition["type"] == "Ready":
            condition["lastTransitionTime"] = ago(seconds=20)


def test_a_rollout_that_is_on_its_way() -> None:
    scene = Scene()
    gateway_weights(scene, 2, 1, 1)
    edit_pods(scene, "payments", new_pod, app="gateway")
    scene.audit(DRIFTED).is_quiet()


def test_a_node_that_was_edited_while_pods_roll() -> None:
    scene = Scene()
    scene.cloud.state.slb.backends(CATALOG_GRPC_GROUP)[0]["Weight"] = 10
    edit_pods(scene, "shop", new_pod, app="catalog")
    scene.audit(DRIFTED).is_confirmed("Service", "shop/catalog-grpc")


def test_weights_of_one_value_on_all_nodes_do_no_harm() -> None:
    scene = Scene()
    for server in scene.cloud.state.slb.backends(CATALOG_GRPC_GROUP):
        server["Weight"] = 50
    scene.audit(DRIFTED).is_quiet()


def test_no_node_gets_anything() -> None:
    scene = Scene()
    for server in scene.cloud.state.slb.backends(CATALOG_GRPC_GROUP):
        server["Weight"] = 0
    scene.audit(DRIFTED).is_confirmed("Service", "shop/catalog-grpc")


def test_a_drained_node_may_weigh_nothing() -> None:
    scene = Scene()
    server = scene.cloud.state.slb.backends(CATALOG_GRPC_GROUP)[0]
    server["Weight"] = 0
    name = next(
        node["metadata"]["name"]
        for node in scene.kubernetes.objects.all(NODES)
        if node["spec"]["providerID"].endswith(server["ServerId"])
    )
    scene.kubernetes.patch(NODES, name, lambda node: node["spec"].update(unschedulable=True))
    scene.audit(DRIFTED).is_quiet()


def test_groups_that_the_manager_did_not_make() -> None:
    scene = Scene()
    gateway_weights(scene, 9, 9, 9)
    scene.cloud.state.slb.vserver_groups[GATEWAY_GROUP]["VServerGroupName"] = "made-by-hand"
    annotate(scene, "payments", "gateway", vgroup_port=f"{GATEWAY_GROUP}:443")
    assert "payments/gateway" not in paths(scene.audit(DRIFTED))


def test_a_pod_that_hangs_while_it_is_deleted_hides_no_drift() -> None:
    scene = Scene()
    gateway_weights(scene, 100, 100, 100)
    name = pods_of(scene, "payments", app="gateway")[0]
    copy(scene, PODS, name, "payments", "gateway-hangs", going)

    def more(piece: Json) -> None:
        gone = {**piece["endpoints"][0], "addresses": ["172.20.9.99"]}
        gone["targetRef"] = {"kind": "Pod", "namespace": "payments", "name": "gateway-hangs"}
        gone["conditions"] = {"ready": False, "serving": False, "terminating": True}
        piece["endpoints"] = [*piece["endpoints"], gone]

    edit_slices(scene, "payments", "gateway", more)
    scene.audit(DRIFTED).is_confirmed("Service", "payments/gateway")


@pytest.mark.parametrize("permission", ["list services", "list endpointslices.discovery.k8s.io", "list pods"])
def test_drift_without_a_permission_of_the_cluster(permission: str) -> None:
    scene = Scene()
    gateway_weights(scene, 100, 100, 100)
    scene.kubernetes.deny(permission)
    scene.audit(DRIFTED).is_open(ReasonKind.FORBIDDEN, permission)


def test_drift_of_nodes_needs_no_pods() -> None:
    scene = Scene()
    scene.cloud.state.slb.backends(CATALOG_GRPC_GROUP)[0]["Weight"] = 10
    scene.kubernetes.deny("list pods")
    report = scene.audit(DRIFTED)
    report.is_confirmed("Service", "shop/catalog-grpc")
    assert not report.reasons


def test_a_version_that_nobody_states() -> None:
    scene = Scene()
    gateway_weights(scene, 7, 3, 5)
    scene.cloud.deny("cs:ListClusterAddonInstances")
    scene.cloud.deny("cs:DescribeClusterDetail")
    report = scene.audit(DRIFTED)
    assert "payments/gateway" not in {f.subject.path for f in report.loud if f.certainty is Certainty.CONFIRMED}
    assert "cs:ListClusterAddonInstances" in report.missing


# --- load-skewed-by-persistence ----------------------------------------------------------------------------------


def test_a_listener_by_source() -> None:
    scene = Scene()
    scene.cloud.state.slb.listeners[f"{GATEWAY}/443/tcp"]["Scheduler"] = "sch"
    finding = scene.audit(SKEWED).is_confirmed("Service", "payments/gateway")
    assert (finding.severity, broken(finding)) == (Severity.LOW, ["Listener"])


@pytest.mark.parametrize("kind", ["insert", "server"])
def test_a_sticky_session(kind: str) -> None:
    scene = Scene()
    slb = scene.cloud.state.slb
    group = slb.listeners.pop(f"{GATEWAY}/443/tcp")["VServerGroupId"]
    config = {"StickySession": "on", "StickySessionType": kind, "CookieTimeout": 500}
    slb.add_listener(GATEWAY, 443, "http", group, Scheduler="wrr", config=config)
    finding = scene.audit(SKEWED).is_confirmed("Service", "payments/gateway")
    assert finding.evidence["kinds"] == ["sticky-session"]


def test_several_settings_are_one_finding() -> None:
    scene = Scene()
    listener = scene.cloud.state.slb.listeners[f"{GATEWAY}/443/tcp"]
    listener["Scheduler"] = "sch"
    listener["TCPListenerConfig"]["PersistenceTimeout"] = 600
    edit_service(scene, "payments", "gateway", lambda service: service["spec"].update(sessionAffinity="ClientIP"))
    finding = scene.audit(SKEWED).is_confirmed("Service", "payments/gateway")
    assert finding.evidence["kinds"] == ["persistence-timeout", "scheduler", "session-affinity"]
    assert sorted(broken(finding)) == ["Listener", "Listener", "Service"]


def test_affinity_of_a_single_pod_is_noted_only() -> None:
    scene = Scene()
    edit_service(scene, "shop", "storefront", lambda service: service["spec"].update(sessionAffinity="ClientIP"))
    edit_slices(scene, "shop", "storefront", lambda piece: piece.update(endpoints=piece["endpoints"][:1]))
    report = scene.audit(SKEWED)
    report.is_quiet()
    assert report.one.severity is Severity.INFO


@pytest.mark.parametrize(
    ("namespace", "name", "change"),
    [
        ("default", "kubernetes", {"sessionAffinity": "ClientIP"}),
        ("data", "redis-headless", {"sessionAffinity": "ClientIP"}),
        ("shop", "storefront", {"sessionAffinity": "None"}),
    ],
)
def test_affinity_that_holds_nobody(namespace: str, name: str, change: Json) -> None:
    scene = Scene()
    edit_service(scene, namespace, name, lambda service: service["spec"].update(change))
    scene.audit(SKEWED).is_quiet()


@pytest.mark.parametrize("scheduler", ["wrr", "rr", "wlc", "tch"])
def test_schedulers_that_hold_nobody(scheduler: str) -> None:
    scene = Scene()
    scene.cloud.state.slb.listeners[f"{GATEWAY}/443/tcp"]["Scheduler"] = scheduler
    scene.audit(SKEWED).is_quiet()


@pytest.mark.parametrize(
    ("new", "open_now", "found"), [(0.5, 2000.0, True), (10.0, 2000.0, False), (0.0, 5.0, False), (0.0, 400.0, True)]
)
def test_rates_of_connections(new: float, open_now: float, found: bool) -> None:
    scene = Scene()
    scene.cloud.state.cms.set_metric(INGRESS, "InstanceNewConnection", [new] * 60)
    scene.cloud.state.cms.set_metric(INGRESS, "InstanceMaxConnection", [open_now] * 60)
    report = scene.audit(SKEWED)
    assert bool(report.loud) is found
    if found:
        finding = report.loud_one
        assert (finding.severity, finding.certainty) == (Severity.LOW, Certainty.LIKELY)
        assert broken(finding) == ["LoadBalancer"]


def test_metrics_that_are_denied_hide_no_setting() -> None:
    scene = Scene()
    scene.cloud.state.slb.listeners[f"{GATEWAY}/443/tcp"]["TCPListenerConfig"]["PersistenceTimeout"] = 600
    scene.cloud.deny("cms:QueryMetricList")
    report = scene.audit(SKEWED)
    report.is_confirmed("Service", "payments/gateway")
    assert "cms:QueryMetricList" in report.missing


# --- clusterip-from-outside --------------------------------------------------------------------------------------


@pytest.mark.parametrize("hop", ["VpcPeer", "Attachment", "RouterInterface", "VpnGateway", "Instance"])
@pytest.mark.parametrize("cidr", ["172.21.0.0/16", "172.21.4.0/24", "172.16.0.0/12"])
def test_routes_into_the_range(hop: str, cidr: str) -> None:
    scene = Scene()
    scene.cloud.state.vpc.add_route(TABLE, cidr, hop, "x-1")
    finding = scene.audit(OUTSIDE).is_confirmed("Cluster", "shop-prod")
    assert (finding.severity, broken(finding)) == (Severity.HIGH, ["RouteTable"])


@pytest.mark.parametrize("cidr", ["172.22.0.0/16", "172.21.16.0/20", "0.0.0.0/0", "128.0.0.0/1", "10.0.0.0/8"])
def test_routes_beside_the_range(cidr: str) -> None:
    scene = Scene()
    scene.cloud.state.vpc.add_route(TABLE, cidr, "VpcPeer", "pcc-1")
    scene.audit(OUTSIDE).is_quiet()


@pytest.mark.parametrize(
    "change",
    [
        {"CidrBlock": "172.16.0.0/12"},
        {"SecondaryCidrBlocks": {"SecondaryCidrBlock": ["10.9.0.0/16", "172.21.8.0/24"]}},
        {"UserCidrs": {"UserCidr": ["172.21.0.0/16"]}},
    ],
)
def test_ranges_of_the_vpc(change: Json) -> None:
    scene = Scene()
    scene.cloud.state.vpc.vpcs[VPC].update(change)
    finding = scene.audit(OUTSIDE).is_confirmed("Cluster", "shop-prod")
    assert broken(finding) == ["Vpc"]


def test_several_overlaps_are_one_finding() -> None:
    scene = Scene()
    scene.cloud.state.vpc.vpcs[VPC]["SecondaryCidrBlocks"] = {"SecondaryCidrBlock": ["172.21.8.0/24"]}
    scene.cloud.state.vpc.add_route(TABLE, "172.21.0.0/22", "VpcPeer", "pcc-1")
    finding = scene.audit(OUTSIDE).is_confirmed("Cluster", "shop-prod")
    assert sorted(broken(finding)) == ["RouteTable", "Vpc"]


def test_an_overlap_is_told_though_the_routes_are_not_known() -> None:
    scene = Scene()
    scene.cloud.state.vpc.vpcs[VPC]["SecondaryCidrBlocks"] = {"SecondaryCidrBlock": ["172.21.8.0/24"]}
    scene.cloud.deny("vpc:DescribeRouteEntryList")
    scene.audit(OUTSIDE).is_confirmed("Cluster", "shop-prod")


@pytest.mark.parametrize(("side", "permission"), [("kubernetes", "list nodes"), ("cloud", "ecs:DescribeInstances")])
@pytest.mark.parametrize("overlaps", [True, False])
def test_an_overlap_needs_no_node(side: str, permission: str, overlaps: bool) -> None:
    scene = Scene()
    if overlaps:
        scene.cloud.state.vpc.add_route(TABLE, "172.21.0.0/22", "VpcPeer", "pcc-1")
    (scene.kubernetes if side == "kubernetes" else scene.cloud).deny(permission)
    report = scene.audit(OUTSIDE)
    if overlaps:
        report.is_confirmed("Cluster", "shop-prod")
        assert not report.reasons
    else:
        report.is_quiet()


def test_a_route_to_an_instance_needs_the_nodes() -> None:
    scene = Scene()
    scene.cloud.state.vpc.add_route(TABLE, "172.21.0.0/20", "Instance", INSTANCE)
    scene.kubernetes.deny("list nodes")
    scene.audit(OUTSIDE).is_open(ReasonKind.FORBIDDEN, "list nodes")


def test_a_route_to_a_node_is_meant_so() -> None:
    scene = Scene()
    scene.cloud.state.vpc.add_route(TABLE, "172.21.0.0/20", "Instance", INSTANCE)
    report = scene.audit(OUTSIDE)
    report.is_quiet()
    assert report.one.severity is Severity.INFO


# --- target-port-mismatch ----------------------------------------------------------------------------------------


def aim(scene: Scene, namespace: str, name: str, target: object) -> None:
    """Let the first port of a Service aim at another port of its Pods."""
    edit_service(scene, namespace, name, lambda service: service["spec"]["ports"][0].update(targetPort=target))


def declare(scene: Scene, namespace: str, ports: list[Json] | None, **labels: str) -> None:
    """Set the ports that the first containers of Pods declare."""

    def change(pod: Json) -> None:
        container = pod["spec"]["containers"][0]
        container.pop("ports", None)
        if ports is not None:
            container["ports"] = ports
        for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
            container.pop(probe, None)

    edit_pods(scene, namespace, change, **labels)


def test_a_port_of_another_protocol() -> None:
    scene = Scene()
    declare(scene, "payments", [{"containerPort": 8080, "protocol": "UDP"}], app="ledger")
    finding = scene.audit(PORTS).loud_one
    assert (finding.subject.path, finding.certainty) == ("payments/ledger", Certainty.LIKELY)


def test_no_target_port_means_the_port_itself() -> None:
    scene = Scene()
    edit_service(scene, "shop", "media-uploader", lambda service: service["spec"]["ports"][0].pop("targetPort"))
    finding = scene.audit(PORTS).loud_one
    assert (finding.subject.path, finding.severity) == ("shop/media-uploader", Severity.MEDIUM)
    assert broken(finding) == ["Service"]


def test_pods_that_declare_nothing() -> None:
    scene = Scene()
    declare(scene, "payments", None, app="ledger")
    scene.audit(PORTS).is_quiet()


def test_a_mesh_declares_nothing_for_the_pod() -> None:
    scene = Scene()
    declare(scene, "payments", None, app="ledger")
    mesh = {"name": "istio-proxy", "image": "proxyv2", "ports": [{"name": "http-envoy-prom", "containerPort": 15090}]}
    edit_pods(scene, "payments", lambda pod: pod["spec"]["containers"].append(mesh), app="ledger")
    scene.audit(PORTS).is_quiet()


def test_old_and_new_pods_of_a_rollout() -> None:
    scene = Scene()
    name = pods_of(scene, "shop", app="catalog")[0]

    def new(pod: Json) -> None:
        pod["spec"]["containers"][0]["ports"] = [{"name": "web", "containerPort": 8085, "protocol": "TCP"}]

    scene.kubernetes.patch(PODS, name, new, "shop")
    aim(scene, "shop", "catalog", "web")
    scene.audit(PORTS).is_quiet()


@pytest.mark.parametrize(
    "change",
    [
        {"selector": None},
        {"type": "ExternalName", "externalName": "db.example.com"},
        {"selector": {"app": "not-there"}},
        {"clusterIP": "None"},
    ],
)
def test_services_whose_number_says_nothing(change: Json) -> None:
    scene = Scene()
    aim(scene, "payments", "ledger", 9999)
    edit_service(scene, "payments", "ledger", lambda service: service["spec"].update(change))
    scene.audit(PORTS).is_quiet()


@pytest.fixture
def listening() -> Iterator[int]:
    """Yield a port on which a Pod's process listens."""
    with socket.create_server(("127.9.0.1", 0)) as server:
        yield server.getsockname()[1]


def reachable(scene: Scene, declared: int) -> None:
    """Let the probe stand in the VPC, and the Pods of ``ledger`` be where it can reach them."""
    scene.probes = ("tcp",)
    vswitches = scene.cloud.state.vpc.vswitches
    next(iter(vswitches.values()))["CidrBlock"] = "127.0.0.0/24"

    def change(pod: Json) -> None:
        pod["spec"]["containers"][0]["ports"] = [{"containerPort": declared, "protocol": "TCP"}]
        pod["status"].update(podIP="127.9.0.1", podIPs=[{"ip": "127.9.0.1"}])

    declare(scene, "payments", None, app="ledger")
    edit_pods(scene, "payments", change, app="ledger")


def unused_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.9.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_port_that_refuses_while_another_accepts(listening: int) -> None:
    scene = Scene()
    reachable(scene, declared=listening)
    aim(scene, "payments", "ledger", unused_port())
    finding = scene.audit(PORTS).is_confirmed("Service", "payments/ledger")
    assert (finding.severity, broken(finding)) == (Severity.HIGH, ["Service"])


def test_an_undeclared_port_that_accepts(listening: int) -> None:
    scene = Scene()
    reachable(scene, declared=unused_port())
    aim(scene, "payments", "ledger", listening)
    assert "payments/ledger" not in paths(scene.audit(PORTS))


# --- endpoints-empty ---------------------------------------------------------------------------------------------


def of_a_run(scene: Scene, selector: Json) -> None:
    """Add a Service for the Pods of a CronJob or Job, with none of them left."""

    def change(service: Json) -> None:
        service["spec"].update(selector=selector, clusterIP="172.21.3.99", clusterIPs=["172.21.3.99"])

    copy(scene, SERVICES, "catalog", "shop", "price-sync", change)
    copy_slices(scene, "shop", "catalog", "price-sync")
    empty_slices(scene, "shop", "price-sync")
    remove_pods(scene, "shop", app="price-sync")


def test_a_cron_job_that_is_suspended() -> None:
    scene = Scene()
    of_a_run(scene, {"app": "price-sync"})
    scene.kubernetes.patch(CRONJOBS, "price-sync", lambda one: one["spec"].update(suspend=True), "shop")
    report = scene.audit(EMPTY)
    report.is_quiet()
    assert report.one.subject.path == "shop/price-sync"


def test_a_cron_job_is_no_excuse_for_a_deployment() -> None:
    scene = Scene()
    of_a_run(scene, {"app": "price-sync"})

    def same(deployment: Json) -> None:
        deployment["spec"]["template"]["metadata"]["labels"]["app"] = "price-sync"
        deployment["spec"]["replicas"] = 2

    copy(scene, DEPLOYMENTS, "media-uploader", "shop", "price-server", same)
    finding = scene.audit(EMPTY).is_confirmed("Service", "shop/price-sync")
    assert finding.severity is Severity.HIGH


def test_a_selector_that_the_cron_job_does_not_fulfil() -> None:
    scene = Scene()
    of_a_run(scene, {"app": "price-sync", "tier": "none"})
    scene.audit(EMPTY).is_confirmed("Service", "shop/price-sync")


def test_a_cron_job_of_another_namespace() -> None:
    scene = Scene()

    def change(service: Json) -> None:
        service["spec"].update(selector={"app": "price-sync"})

    copy(scene, SERVICES, "ledger", "payments", "price-sync", change)
    scene.audit(EMPTY).is_confirmed("Service", "payments/price-sync")


def test_a_cron_job_whose_pods_are_not_ready() -> None:
    scene = Scene()
    of_a_run(scene, {"app": "price-sync"})
    like = pods_of(scene, "shop", app="catalog")[0]

    def run(pod: Json) -> None:
        pod["metadata"]["labels"] = {"app": "price-sync"}
        crashing(pod)

    copy(scene, PODS, like, "shop", "price-sync-1", run)
    finding = scene.audit(EMPTY).is_confirmed("Service", "shop/price-sync")
    assert "price-sync-1" in str(finding.message)


@pytest.mark.parametrize("permission", ["list cronjobs.batch", "list jobs.batch"])
def test_a_lasting_workload_needs_no_jobs(permission: str) -> None:
    scene = Scene()
    edit_pods(scene, "payments", crashing, app="ledger")
    for_all: Json = {"ready": False, "serving": False, "terminating": False}

    def none(piece: Json) -> None:
        for endpoint in piece["endpoints"]:
            endpoint["conditions"] = for_all

    edit_slices(scene, "payments", "ledger", none)
    scene.kubernetes.deny(permission)
    report = scene.audit(EMPTY)
    report.is_confirmed("Service", "payments/ledger")
    assert not report.reasons


def test_a_deployment_scaled_to_zero_needs_no_jobs() -> None:
    scene = Scene()
    remove_pods(scene, "payments", app="ledger")
    empty_slices(scene, "payments", "ledger")
    scale(scene, DEPLOYMENTS, "payments", "ledger", 0)
    scene.kubernetes.deny("list jobs.batch", "list cronjobs.batch")
    report = scene.audit(EMPTY)
    report.is_quiet()
    assert report.status is Status.FOUND


@pytest.mark.parametrize("check", [ATTACHMENTS, MANAGER, DRIFTED, SKEWED, OUTSIDE, PORTS, EMPTY])
@pytest.mark.parametrize("version", ["1.20", "1.28"])
def test_a_sound_cluster_of_an_older_kubernetes(check: str, version: str) -> None:
    scene = Scene()
    scene.kubernetes.speaks(version)
    scene.audit(check).is_quiet()


def test_weights_of_the_gateway_are_those_recorded() -> None:
    scene = Scene()
    weigh(scene, GATEWAY_GROUP, {GATEWAY_NODES[0]: 40})
    finding = scene.audit(DRIFTED).is_confirmed("Service", "payments/gateway")
    assert finding.evidence["expected"]
