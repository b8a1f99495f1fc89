"""A cluster with an API server behind its load balancer, in parts that tests replace."""

from datetime import timedelta
from typing import Any

from auditor.facts.cloud.cms import Metric
from auditor.facts.cloud.cs import Cluster, NodePool
from auditor.facts.cloud.slb import AccessControlList, Listener, LoadBalancer, LoadBalancerHealth, ServerHealth
from auditor.facts.cloud.vpc import Eip, VSwitch
from auditor.facts.kubernetes.observations import ApiHealth, HealthPoint
from auditor.facts.landscape import ClusterIdentity, Landscape
from tests.checks import kit, make

BALANCER = "lb-api1"
NAME = "ManagedK8SSlbIntranet-test"
PUBLIC = "203.0.113.67"
ENI = ("192.168.0.5", "192.168.1.5")
WHITE = ["100.104.0.0/16", "192.168.0.0/24", "192.168.1.0/24", "172.20.0.0/16"]
AN_HOUR_AGO = kit.OBSERVED_AT - timedelta(hours=1)


def balancer(**more: Any) -> LoadBalancer:
    given: dict[str, Any] = {
        "name": NAME,
        "address": "192.168.0.167",
        "address_type": "intranet",
        "status": "active",
        "spec": "slb.s1.small",
        "charge_type": "PayBySpec",
        "vpc_id": make.VPC,
        "bandwidth": 5120,
        "internet_charge_type": "paybytraffic",
        **more,
    }
    return LoadBalancer(id=BALANCER, **given)


def listener(**more: Any) -> Listener:
    given: dict[str, Any] = {"status": "running", "acl_status": "off", "health_check": "on", **more}
    return Listener(BALANCER, given.pop("port", 6443), given.pop("protocol", "tcp"), **given)


def with_list(kind: str, entries: list[str], **more: Any) -> dict[str, Any]:
    """Return the tables of a listener with one access control list."""
    return {
        "listeners": [listener(acl_status="on", acl_type=kind, acl_ids=["acl-1"], **more)],
        "access_control_lists": [AccessControlList("acl-1", "own", entries)],
    }


def health(*statuses: str | None) -> LoadBalancerHealth:
    servers = [
        ServerHealth(f"eni-{number}", 6443, "tcp", ENI[number % 2], 6443, status)
        for number, status in enumerate(statuses)
    ]
    return LoadBalancerHealth(BALANCER, servers)


def cluster(**more: Any) -> Cluster:
    given: dict[str, Any] = {
        "name": "test",
        "type": "ManagedKubernetes",
        "state": "running",
        "vpc_id": make.VPC,
        "vswitch_ids": ["vsw-h", "vsw-i"],
        "container_cidr": "172.20.0.0/16",
        "service_cidr": "172.21.0.0/20",
        "network": "Flannel",
        "api_load_balancer_ids": [BALANCER],
        "api_endpoints": {
            "api_server_endpoint": f"https://{PUBLIC}:6443",
            "intranet_api_server_endpoint": "https://192.168.0.167:6443",
        },
        **more,
    }
    return Cluster(id=kit.CLUSTER_ID, **given)


def eip(**more: Any) -> Eip:
    given: dict[str, Any] = {
        "status": "InUse",
        "instance_id": BALANCER,
        "instance_type": "SlbInstance",
        "bandwidth": 100,
        "business_status": "Normal",
        "lock_reasons": [],
        **more,
    }
    return Eip("eip-1", given.pop("address", PUBLIC), **given)


def page(path: str, status: int = 200, *failing: str, **more: Any) -> ApiHealth:
    points = [HealthPoint(name, name not in failing) for name in ("ping", "etcd", "log")]
    return ApiHealth(path, status, more.pop("seconds", 0.01), points, **more)


def vswitch(letter: str, third: int, **more: Any) -> VSwitch:
    given = {"cidr": f"192.168.{third}.0/24", "network_acl_id": "", **more}
    return VSwitch(id=f"vsw-{letter}", zone=make.zone(letter), vpc_id=make.VPC, **given)


def metric(name: str, highest: float | None = 0.0) -> Metric:
    points = 0 if highest is None else 60
    return Metric(BALANCER, name, points, highest, highest, highest, AN_HOUR_AGO, kit.OBSERVED_AT, AN_HOUR_AGO)


def endpoints(*addresses: str) -> Any:
    return make.endpoint_slice("default/kubernetes", [{"addresses": [one]} for one in addresses])


def landscape(**tables: Any) -> Landscape:
    """Make a managed cluster with Flannel and two nodes, in which everything is well."""
    given: dict[str, Any] = {
        "clusters": [cluster()],
        "load_balancers": [balancer()],
        "listeners": [listener()],
        "load_balancer_health": [health("normal", "normal")],
        "eips": [eip()],
        "api_health": [page("/livez"), page("/readyz"), ApiHealth("/api/v1/nodes", 200, 0.02)],
        "vswitches": [vswitch("h", 0), vswitch("i", 1)],
        "node_pools": [NodePool("np-1", vswitch_ids=["vsw-h", "vsw-i"])],
        "nodes": [make.node("a", "h", ip="192.168.0.11"), make.node("b", "i", ip="192.168.1.11")],
        "instances": [
            make.instance("a", "h", private_ips=["192.168.0.11"]),
            make.instance("b", "i", private_ips=["192.168.1.11"]),
        ],
        "pods": [make.pod("shop/web-1", "a", status={"phase": "Running", "podIP": "172.20.0.7"})],
        "endpoint_slices": [endpoints(*ENI)],
        **tables,
    }
    return kit.landscape(**given)


def called_by(base: Landscape, *client_cidrs: str) -> Landscape:
    """Return the landscape of an operator who says from where it must be reached."""
    identity = ClusterIdentity("test", kit.CLUSTER_ID, "cn-hangzhou", client_cidrs=list(client_cidrs))
    return Landscape(identity, base.observed_at, base.tables)
