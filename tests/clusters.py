"""The fake clusters that whole audits and single tables are tried with.

``healthy`` is the recorded cluster; ``demo`` has faults in every area and uses what the recorded one does not: an NLB,
an ALB, a network ACL, a port list; ``everything`` has a row in every table that can be filled.
"""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from tests.fakes.cloud import FakeCloud
from tests.fakes.demo import INGRESS_LOAD_BALANCER, PODS, SERVICES, SLICES, plant
from tests.fakes.kubernetes import FakeKubernetes

REGION = "cn-hangzhou"
NLB = "nlb-edge0000000001"
ALB = "alb-edge0000000001"
ALB_CONFIGS = "/apis/alibabacloud.com/v1/albconfigs"
POD_NETWORKINGS = "/apis/network.alibabacloud.com/v1beta1/podnetworkings"
DEPLOYMENTS = "/apis/apps/v1/deployments"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
PASSWORD = "canary-password-of-the-shop"
"""It stands in a workload, in the open; nothing that the auditor writes may hold it."""
HELD_DISK = "d-bp1meuryy17fee8kib4h"
"""The disk of a volume that a machine outside of the cluster holds."""
DEPLOYER = "system:serviceaccount:ci:deployer"
"""Who the operator says must be able to deploy to the shop."""
EDGE_LIKE = "catalog-grpc"
"""The Service whose slices and node ports the Service on the NLB takes over."""


@dataclass
class FakeCluster:
    """Both sides of one cluster."""

    cloud: FakeCloud
    kubernetes: FakeKubernetes


def healthy() -> FakeCluster:
    """Return the recorded cluster, in which the one who must be able to deploy may do so."""
    cluster = FakeCluster(FakeCloud.recorded(), FakeKubernetes.recorded())
    for verb in ("create", "patch"):
        cluster.kubernetes.grant(DEPLOYER, verb, "deployments", "apps", "shop")
    return cluster


def demo() -> FakeCluster:
    """Return the cluster with faults in every area, and with everything that a check reads."""
    cluster = healthy()
    plant(cluster.cloud, cluster.kubernetes)
    cluster.cloud.heal()
    _use_rare_resources(cluster.cloud)
    _use_an_nlb(cluster)
    _use_an_alb(cluster)
    _use_directory_quotas(cluster)
    _name_an_address(cluster)
    return cluster


def everything() -> FakeCluster:
    """Return the demo cluster with a row in every table, whether a check reads it or not."""
    cluster = demo()
    _use_what_no_check_reads(cluster)
    return cluster


CLUSTERS: dict[str, Callable[[], FakeCluster]] = {"healthy": healthy, "demo": demo}
"""The clusters that are audited."""


def _use_rare_resources(cloud: FakeCloud) -> None:
    accept = [{"Policy": "accept"}]
    cloud.state.vpc.add_network_acl("nacl-open", list(cloud.state.vpc.vswitches), accept, accept)
    cloud.state.ecs.port_range_lists["prl-web"] = {"Entries": [{"PortRange": "80/80"}]}
    for group in cloud.state.ecs.security_groups:
        cloud.state.ecs.add_rule(group, "ingress", SourceCidrIp="10.0.0.0/8", PortRangeListId="prl-web", PortRange="")
    own = next(iter(cloud.state.slb.load_balancers))
    cloud.state.slb.add_master_slave_group("rsp-pair", own, "pair", _pair(cloud))


def _pair(cloud: FakeCloud) -> list[dict[str, Any]]:
    return [{"ServerId": instance} for instance in list(cloud.state.ecs.instances)[:2]]


def _use_an_nlb(cluster: FakeCluster) -> None:
    kubernetes, state = cluster.kubernetes, cluster.cloud.state
    service = deepcopy(kubernetes.objects.get(SERVICES, EDGE_LIKE, "shop"))
    assert service is not None
    service["metadata"].update(name="edge", uid="0e06e000-0000-4000-8000-000000000001", labels={}, annotations={})
    service["spec"]["loadBalancerClass"] = "alibabacloud.com/nlb"
    address = state.nlb.add_load_balancer(NLB)["DNSName"]
    service["status"] = {"loadBalancer": {"ingress": [{"hostname": address}]}}
    kubernetes.add(SERVICES, service)
    for piece in kubernetes.objects.all(SLICES):
        if piece["metadata"]["labels"].get("kubernetes.io/service-name") == EDGE_LIKE:
            made = deepcopy(piece)
            made["metadata"]["name"] = f"edge-{piece['metadata']['name']}"
            made["metadata"]["labels"]["kubernetes.io/service-name"] = "edge"
            kubernetes.add(SLICES, made)
    for port in service["spec"]["ports"]:
        name = f"k8s.{port['nodePort']}.{port['protocol']}.edge.shop.{state.cs.cluster_id}"
        servers = [{"ServerId": instance} for instance in state.ecs.instances]
        state.nlb.add_server_group(f"sgp-{port['nodePort']}", [NLB], servers, ServerGroupName=name)


def _use_what_no_check_reads(cluster: FakeCluster) -> None:
    state = cluster.cloud.state
    nodes = list(state.ecs.instances)
    vpc_id = state.cs.clusters[state.cs.cluster_id]["vpc_id"]
    state.nlb.add_listener(NLB, 80, "TCP", next(iter(state.nlb.server_groups)))
    state.quotas.add_quota("nlb", "nlb_quota_listeners_num", 50)
    own, pair = next(iter(state.slb.load_balancers)), _pair(cluster.cloud)
    state.slb.add_listener(own, 8443, "https", next(iter(state.slb.vserver_groups)))
    state.slb.add_load_balancer("lb-foreign", VpcId=vpc_id)
    state.slb.add_vserver_group("rsp-foreign", "lb-foreign", "by-hand", pair)
    state.slb.add_master_slave_group("rsp-foreign-pair", "lb-foreign", "by-hand", pair)
    state.ecs.add_instance("i-bp1outsider", like=nodes[0], private_ip="192.168.0.99")
    holder = {"InstanceId": "i-bp1outsider"}
    state.ecs.disks[HELD_DISK].update(holder, Attachments={"Attachment": [holder]})
    networking = {"metadata": {"name": "fixed-ip"}, "spec": {"allocationType": {"type": "Fixed"}}}
    cluster.kubernetes.objects.declare(POD_NETWORKINGS, "PodNetworking", "network.alibabacloud.com/v1beta1")
    cluster.kubernetes.add(POD_NETWORKINGS, networking)


def _use_directory_quotas(cluster: FakeCluster) -> None:
    """Add a quota to each file system, and let Pods with a volume have an ``fsGroup``."""
    for system_id in cluster.cloud.state.nas.file_systems:
        cluster.cloud.state.nas.add_directory_quota(system_id, "/", 1_000_000, 500)
    for pod in cluster.kubernetes.objects.all(PODS):
        if any("persistentVolumeClaim" in volume for volume in pod["spec"].get("volumes", [])):
            meta = pod["metadata"]
            cluster.kubernetes.patch(PODS, meta["name"], _with_fs_group, meta["namespace"])


def _with_fs_group(pod: dict[str, Any]) -> None:
    pod["spec"]["securityContext"] = {"fsGroup": 1000}


def _name_an_address(cluster: FakeCluster) -> None:
    """Let a Deployment and a Pod that nobody controls call a load balancer, with a password in the URL."""
    address = cluster.cloud.state.slb.load_balancers[INGRESS_LOAD_BALANCER]["Address"]
    setting = {"name": "EDGE_URL", "value": f"http://shop:{PASSWORD}@{address}/api"}

    def call_it(workload: dict[str, Any]) -> None:
        workload["spec"]["template"]["spec"]["containers"][0].setdefault("env", []).append(setting)
        workload["metadata"].setdefault("annotations", {})[LAST_APPLIED] = json.dumps(workload["spec"])

    deployment = next(
        one for one in cluster.kubernetes.objects.all(DEPLOYMENTS) if one["metadata"]["namespace"] == "shop"
    )
    cluster.kubernetes.patch(DEPLOYMENTS, deployment["metadata"]["name"], call_it, "shop")
    pod = deepcopy(next(one for one in cluster.kubernetes.objects.all(PODS) if one["metadata"]["namespace"] == "shop"))
    pod["metadata"] = {"name": "by-hand", "namespace": "shop", "uid": "0e06e000-0000-4000-8000-000000000002"}
    pod["spec"]["containers"][0].setdefault("env", []).append(setting)
    cluster.kubernetes.add(PODS, pod)


def _use_an_alb(cluster: FakeCluster) -> None:
    alb, kubernetes = cluster.cloud.state.alb, cluster.kubernetes
    vpc_id = cluster.cloud.state.cs.clusters[cluster.cloud.state.cs.cluster_id]["vpc_id"]
    nodes = list(cluster.cloud.state.ecs.instances)
    tag = {"Key": "ack.aliyun.com", "Value": cluster.cloud.state.cs.cluster_id}
    alb.add_load_balancer(ALB, vpc_id, Tags=[tag])
    for group_id in ("sgp-web", "sgp-api"):
        alb.add_server_group(group_id, vpc_id, [{"ServerId": instance, "Port": 30080} for instance in nodes])
    listener_id = alb.add_listener(ALB, 443, "sgp-web", "HTTPS")["ListenerId"]
    alb.add_rule(listener_id, "rule-api", ["sgp-api"], source_ips=["10.0.0.0/8"], sticky=True)
    alb.add_acl("acl-office", ["203.0.113.0/24"], listener_ids=[listener_id])
    config = {"metadata": {"name": "alb"}, "spec": {"config": {}}, "status": {"loadBalancer": {"id": ALB}}}
    kubernetes.objects.declare(ALB_CONFIGS, "AlbConfig", "alibabacloud.com/v1")
    kubernetes.add(ALB_CONFIGS, config)
