"""A cluster on ALB: what the fake cloud holds of it, and the objects that name it."""

from typing import Any

import msgspec

from auditor.facts.kubernetes.ingresses import AlbConfig, Ingress
from auditor.facts.table import Table
from tests.collect.alibaba.kit import CLUSTER_ID
from tests.fakes.cloud import FakeCloud

VPC = "vpc-bp1uwjm8ddgvodpj5i2ba"
NODE = "i-bp1vcw8abao0i6uxb1xi"
HTTP = "lsn-own-80"
HTTPS = "lsn-own-443"


def with_alb(cloud: FakeCloud) -> FakeCloud:
    """Add the cluster's ALB with two listeners, a rule and an access list, and an ALB of a neighbour."""
    alb = cloud.state.alb
    alb.add_load_balancer("alb-own", VPC, Tags=[{"Key": "ack.aliyun.com", "Value": CLUSTER_ID}])
    alb.add_load_balancer("alb-neighbour", VPC)
    for group_id in ("sgp-shop", "sgp-api", "sgp-neighbour"):
        alb.add_server_group(group_id, VPC, [{"ServerId": NODE, "Port": 30080}])
    alb.add_listener("alb-own", 80, "sgp-shop")
    alb.add_listener("alb-own", 443, "sgp-shop", "HTTPS")
    alb.add_listener("alb-neighbour", 80, "sgp-neighbour")
    alb.add_rule(HTTPS, "rule-api", ["sgp-api"], source_ips=["10.0.0.0/8"], sticky=True)
    alb.add_rule("lsn-neighbour-80", "rule-neighbour", ["sgp-neighbour"])
    alb.add_acl("acl-office", ["203.0.113.0/24"], listener_ids=[HTTPS])
    return cloud


def alb_config(name: str = "alb", *, made: str = "alb-own", used: str = "") -> AlbConfig:
    """Make an AlbConfig: of an ALB that was made, or that exists and is to be used."""
    data: dict[str, Any] = {"metadata": {"name": name}, "spec": {"config": {"id": used} if used else {}}}
    if made:
        data["status"] = {"loadBalancer": {"id": made, "dnsname": f"{made}.cn-hangzhou.alb.aliyuncs.com"}}
    return msgspec.convert(data, AlbConfig)


def ingress(name: str = "shop", host: str = "", class_name: str = "nginx") -> Ingress:
    """Make an Ingress, published under a host name if one is given."""
    published = {"loadBalancer": {"ingress": [{"hostname": host}]}} if host else {}
    data = {
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"ingressClassName": class_name},
        "status": published,
    }
    return msgspec.convert(data, Ingress)


def alb_configs(*rows: AlbConfig, **options: Any) -> Table[Any]:
    """Make the table of AlbConfigs."""
    return Table("alb_configs", rows, **options)


def ingresses(*rows: Ingress, **options: Any) -> Table[Any]:
    """Make the table of Ingresses."""
    return Table("ingresses", rows, **options)
