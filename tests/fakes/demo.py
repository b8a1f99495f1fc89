"""The demo cluster: the recorded healthy one, with faults planted on both sides as they happen to real teams.

Each function plants one fault and says what an operator would have noticed of it. The embedded demo landscape is
collected from this cluster, and its findings are part of the tests.
"""

from copy import deepcopy
from typing import Any

from tests.fakes.cloud import FakeCloud
from tests.fakes.kubernetes import FakeKubernetes

Json = dict[str, Any]

PODS = "/api/v1/pods"
SERVICES = "/api/v1/services"
VOLUMES = "/api/v1/persistentvolumes"
CLAIMS = "/api/v1/persistentvolumeclaims"
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
ATTACHMENTS = "/apis/storage.k8s.io/v1/volumeattachments"

NODE_K_AUTO = "cn-hangzhou.192.168.2.43"
INSTANCE_K_AUTO = "i-bp1f7vgjfyi0dlurzy67"
INSTANCE_H = "i-bp1n0rd3fa7nmtaomxdg"
INGRESS_LOAD_BALANCER = "lb-bp1qivht16qrbpfnz1a1c"
SHARED_LOAD_BALANCER = "lb-bp1bhizbam3l7pwunzwwr"


def plant(cloud: FakeCloud, kubernetes: FakeKubernetes) -> None:
    """Plant all faults of the demo."""
    disk_restored_in_another_zone(cloud)
    replica_waits_for_a_zone_without_nodes(cloud, kubernetes)
    backup_volume_without_zone(kubernetes)
    disks_became_subscription(cloud, kubernetes)
    instance_locked(cloud)
    permission_group_leaves_out_a_zone(cloud)
    archive_can_only_be_read(cloud)
    hardened_group_closes_the_kubelet(cloud)
    shared_load_balancer_is_full(cloud, kubernetes)
    weights_were_never_updated(cloud)
    service_selects_nobody(kubernetes)
    service_names_a_port_that_nobody_has(kubernetes)
    rollout_never_gets_ready(kubernetes)
    autoscaler_lost_its_permissions(cloud)
    one_load_balancer_can_not_be_read(cloud)


def disk_restored_in_another_zone(cloud: FakeCloud) -> None:
    """A disk was restored from a snapshot by hand, in the wrong zone, under the handle that the volume names."""
    cloud.state.ecs.disks["d-bp1dgkv4xmy49qfhhlnm"]["ZoneId"] = "cn-hangzhou-i"


def replica_waits_for_a_zone_without_nodes(cloud: FakeCloud, kubernetes: FakeKubernetes) -> None:
    """A database replica is pending: its disk is in a zone whose nodes were removed long ago."""
    disk_id = "d-bp1demozonej000000001"
    cloud.state.ecs.add_disk(
        disk_id,
        like="d-bp1dgkv4xmy49qfhhlnm",
        ZoneId="cn-hangzhou-j",
        Status="Available",
        InstanceId="",
        Attachments={"Attachment": []},
    )

    def to_zone_j(volume: Json) -> None:
        volume["spec"]["csi"]["volumeHandle"] = disk_id
        volume["spec"]["claimRef"] = {"kind": "PersistentVolumeClaim", "namespace": "data", "name": "data-mysql-3"}
        for expression in _zone_expressions(volume):
            expression["values"] = ["cn-hangzhou-j"]

    def pending(pod: Json) -> None:
        pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"] = "3"
        pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = "mysql-3"
        for mounted in pod["spec"]["volumes"]:
            if "persistentVolumeClaim" in mounted:
                mounted["persistentVolumeClaim"]["claimName"] = "data-mysql-3"
        del pod["spec"]["nodeName"]
        pod["status"] = {
            "phase": "Pending",
            "conditions": [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/8 nodes are available: 8 node(s) had volume node affinity conflict.",
                }
            ],
        }

    _copy(kubernetes, VOLUMES, "d-bp1dgkv4xmy49qfhhlnm", "", disk_id, to_zone_j)
    _copy(kubernetes, CLAIMS, "data-mysql-2", "data", "data-mysql-3", lambda c: c["spec"].update(volumeName=disk_id))
    _copy(kubernetes, PODS, "mysql-2", "data", "mysql-3", pending)


def backup_volume_without_zone(kubernetes: FakeKubernetes) -> None:
    """A volume was made by hand and forgot to say in which zone its disk is."""
    kubernetes.patch(VOLUMES, "mysql-backup-disk", lambda volume: volume["spec"].pop("nodeAffinity"))


def disks_became_subscription(cloud: FakeCloud, kubernetes: FakeKubernetes) -> None:
    """Two nodes were converted to subscription, and their disks with them; one is to be detached, and can't be."""
    for disk_id in ("d-bp15yuf0ce0dw7pze0xk", "d-bp15gd27ig7gvbu2zp5h"):
        cloud.state.ecs.disks[disk_id].update(DiskChargeType="PrePaid", Portable=False)

    def detaching(attachment: Json) -> None:
        attachment["metadata"]["deletionTimestamp"] = "2026-11-22T22:33:00Z"
        attachment["status"]["detachError"] = {
            "time": "2026-11-22T22:34:00Z",
            "message": "rpc error: code = Internal desc = DiskNotPortable: The specified disk is not a portable disk.",
        }

    kubernetes.patch(ATTACHMENTS, _attachment_of(kubernetes, "d-bp15yuf0ce0dw7pze0xk"), detaching)


def instance_locked(cloud: FakeCloud) -> None:
    """An instance is locked for security reasons: nothing can be attached to it or detached from it."""
    cloud.state.ecs.instances[INSTANCE_H]["OperationLocks"] = {
        "LockReason": [{"LockReason": "security", "LockMsg": "abnormal outbound traffic"}]
    }


def permission_group_leaves_out_a_zone(cloud: FakeCloud) -> None:
    """The NAS permission group was tidied up, and the rule of one zone's nodes went with it."""
    rules = cloud.state.nas.access_rules["standard/shop-prod-nodes"]
    rules[:] = [rule for rule in rules if rule["SourceCidrIp"] != "192.168.2.0/24"]


def archive_can_only_be_read(cloud: FakeCloud) -> None:
    """The archive's mount target was given a group that lets the nodes only read."""
    cloud.state.nas.add_access_group("archive-readers")
    cloud.state.nas.add_rule("archive-readers", "192.168.0.0/16", RWAccess="RDONLY")
    for target in cloud.state.nas.mount_targets("e5bc4e67df"):
        target["AccessGroupName"] = "archive-readers"


def hardened_group_closes_the_kubelet(cloud: FakeCloud) -> None:
    """A node was moved into a hardened group of its own: logs and exec of its Pods fail, everything else works."""
    group = "sg-bp1demohardened00001"
    cloud.state.ecs.add_security_group(group, SecurityGroupName="hardened-nodes", SecurityGroupType="normal")
    cloud.state.ecs.remove_rules(group, "ingress")
    for port in ("22/22", "30000/32767"):
        cloud.state.ecs.add_rule(group, "ingress", PortRange=port, IpProtocol="TCP", SourceCidrIp="192.168.0.0/16")
    cloud.state.ecs.instances[INSTANCE_K_AUTO]["SecurityGroupIds"] = {"SecurityGroupId": [group]}
    for interface in cloud.state.ecs.network_interfaces.values():
        if interface["InstanceId"] == INSTANCE_K_AUTO:
            interface["SecurityGroupIds"] = {"SecurityGroupId": [group]}


def shared_load_balancer_is_full(cloud: FakeCloud, kubernetes: FakeKubernetes) -> None:
    """A Service reuses a load balancer whose backends are used up by machines outside the cluster: it stays pending."""
    machines = [f"i-bp1legacybilling{number:04d}" for number in range(23)]
    backends = [{"ServerId": machine, "Port": port} for machine in machines for port in range(7001, 7009)]
    cloud.state.slb.add_vserver_group("rsp-bp1demolegacy", SHARED_LOAD_BALANCER, "legacy-billing", backends)

    def waiting(service: Json) -> None:
        service["metadata"].update(uid="1f0e2d3c-demo-4000-8000-000000000001", creationTimestamp="2026-11-22T22:31:00Z")
        service["spec"]["ports"] = [{**service["spec"]["ports"][0], "port": 9191, "nodePort": 31919}]
        service["status"] = {"loadBalancer": {}}

    _copy(kubernetes, SERVICES, "catalog-grpc", "shop", "catalog-admin", waiting)
    _copy_slices(kubernetes, "shop", "catalog-grpc", "catalog-admin")


def weights_were_never_updated(cloud: FakeCloud) -> None:
    """The weights of a Service with policy Local were set to 100 by an old version, and never since."""
    balancer = "lb-bp1gtkt6e00p48o14l325"
    for group in cloud.state.slb.vserver_groups.values():
        if group["LoadBalancerId"] == balancer:
            for server in group["BackendServers"]["BackendServer"]:
                server["Weight"] = 100


def service_selects_nobody(kubernetes: FakeKubernetes) -> None:
    """A label was renamed in the Deployment, but not in the selector of its Service."""
    kubernetes.patch(SERVICES, "fraud-scorer", lambda s: s["spec"].update(selector={"app": "fraud-score"}), "payments")
    _empty_slices(kubernetes, "payments", "fraud-scorer")


def service_names_a_port_that_nobody_has(kubernetes: FakeKubernetes) -> None:
    """A Service aims at a port by a name that its Pods do not declare."""

    def rename(service: Json) -> None:
        service["spec"]["ports"][0]["targetPort"] = "web"

    kubernetes.patch(SERVICES, "kibana", rename, "logging")
    _empty_slices(kubernetes, "logging", "kibana")


def rollout_never_gets_ready(kubernetes: FakeKubernetes) -> None:
    """Both Pods of a Service crash after a bad rollout."""
    for name in ("cart-5cdffc7cb4-2hr7r", "cart-5cdffc7cb4-6v2zz"):
        kubernetes.patch(PODS, name, _crashing, "shop")

    def not_ready(piece: Json) -> None:
        for endpoint in piece["endpoints"] or []:
            endpoint["conditions"].update(ready=False, serving=False)

    for name in _slices_of(kubernetes, "shop", "cart"):
        kubernetes.patch(SLICES, name, not_ready, "shop")


def autoscaler_lost_its_permissions(cloud: FakeCloud) -> None:
    """Somebody replaced the autoscaler's policy by a tighter one that may look, but not scale."""
    role = "AliyunCSManagedAutoScalerRole"
    cloud.state.ram.detach(role, "System/AliyunCSManagedAutoScalerRolePolicy")
    statements = [{"Effect": "Allow", "Action": ["ess:Describe*", "ecs:Describe*", "vpc:Describe*"], "Resource": "*"}]
    key = cloud.state.ram.add_policy("autoscaler-read-only", "Custom", {"Version": "1", "Statement": statements})
    cloud.state.ram.attach(role, key)


def one_load_balancer_can_not_be_read(cloud: FakeCloud) -> None:
    """The auditor's own policy was narrowed to some load balancers: the Ingress controller's is not among them."""
    slb = cloud.state.slb
    hidden = {key for key, group in slb.vserver_groups.items() if group["LoadBalancerId"] == INGRESS_LOAD_BALANCER}
    cloud.deny("slb:DescribeVServerGroupAttribute", when=lambda params: params["VServerGroupId"] in hidden)


def _crashing(pod: Json) -> None:
    for condition in pod["status"]["conditions"]:
        if condition["type"] in ("Ready", "ContainersReady"):
            condition.update(status="False", reason="ContainersNotReady")
    for status in pod["status"]["containerStatuses"]:
        status.update(
            ready=False,
            restartCount=14,
            started=False,
            state={"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}},
        )


def _zone_expressions(volume: Json) -> list[Json]:
    terms = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    return [expression for term in terms for expression in term["matchExpressions"] if "zone" in expression["key"]]


def _copy(kubernetes: FakeKubernetes, path: str, name: str, namespace: str, new_name: str, change: Any) -> None:
    original = kubernetes.objects.get(path, name, namespace)
    assert original is not None, (path, namespace, name)
    made = deepcopy(original)
    made["metadata"]["name"] = new_name
    change(made)
    kubernetes.add(path, made)


def _slices_of(kubernetes: FakeKubernetes, namespace: str, service: str) -> list[str]:
    return [
        piece["metadata"]["name"]
        for piece in kubernetes.objects.all(SLICES)
        if piece["metadata"]["namespace"] == namespace
        and piece["metadata"]["labels"].get("kubernetes.io/service-name") == service
    ]


def _empty_slices(kubernetes: FakeKubernetes, namespace: str, service: str) -> None:
    for name in _slices_of(kubernetes, namespace, service):
        kubernetes.patch(SLICES, name, lambda piece: piece.update(endpoints=None, ports=None), namespace)


def _copy_slices(kubernetes: FakeKubernetes, namespace: str, service: str, new_service: str) -> None:
    for name in _slices_of(kubernetes, namespace, service):
        _copy(
            kubernetes,
            SLICES,
            name,
            namespace,
            name.replace(service, new_service),
            lambda piece: piece["metadata"]["labels"].update({"kubernetes.io/service-name": new_service}),
        )


def _attachment_of(kubernetes: FakeKubernetes, volume: str) -> str:
    return next(
        str(attachment["metadata"]["name"])
        for attachment in kubernetes.objects.all(ATTACHMENTS)
        if attachment["spec"]["source"]["persistentVolumeName"] == volume
    )
