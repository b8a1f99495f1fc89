"""Which ALBs are asked about beyond the list: those of this cluster.

Most clusters have no ALB, and their operators need not grant the right to list them: nothing is asked unless an
AlbConfig exists, or an Ingress is on ALB. Of the ALBs of the VPC, which may serve other clusters too, those are this
cluster's that its AlbConfigs name, that its Ingresses are published by, or that carry its tag.
"""

from collections.abc import Iterator
from typing import Any

from auditor.collect.alibaba.balancer_scope import CLUSTER_TAG
from auditor.facts.cloud.alb import ApplicationLoadBalancer
from auditor.facts.kubernetes.ingresses import AlbConfig, Ingress
from auditor.facts.table import NotKnown, Table

ALB_CLASS = "alb"
"""The name that ACK gives to the class of Ingresses on ALB, when it installs the controller."""
ALB_DOMAIN = ".alb.aliyuncs"
"""What the names of all ALBs have in common: ``alb-….cn-hangzhou.alb.aliyuncs.com``, or ``….aliyuncsslb.com``."""


def may_use_alb(alb_configs: Table[AlbConfig], ingresses: Table[Ingress]) -> bool:
    """Tell whether the cluster has an ALB, or may have one: what is not known may name one."""
    if alb_configs.gaps or ingresses.gaps or alb_configs.known_rows():
        return True
    return any(_is_on_alb(ingress) for ingress in ingresses.known_rows())


def named_albs(alb_configs: Table[AlbConfig]) -> set[str]:
    """Return the ids that known AlbConfigs name: of the ALB that was made, or of one that is to be used."""
    named = set()
    for config in _known(alb_configs):
        made = config.status.load_balancer.id if config.status and config.status.load_balancer else ""
        used = config.spec.config.id if config.spec.config else ""
        named |= {made, used} - {""}
    return named


def alb_ids(
    application_load_balancers: Table[ApplicationLoadBalancer],
    alb_configs: Table[AlbConfig],
    ingresses: Table[Ingress],
    cluster_id: str,
) -> list[str]:
    """Return the ALBs to ask about; those that are known to be absent are none of them."""
    if not may_use_alb(alb_configs, ingresses):
        return []
    hosts = {host for ingress in _known(ingresses) for host in _published_hosts(ingress)}
    own = {
        balancer.id
        for balancer in application_load_balancers.known_rows()
        if balancer.tags.get(CLUSTER_TAG) == cluster_id or balancer.dns_name.lower() in hosts
    }
    own |= {alb_id for alb_id in named_albs(alb_configs) if _may_exist(application_load_balancers, alb_id)}
    return sorted(own)


def _is_on_alb(ingress: Ingress) -> bool:
    return ingress.class_name == ALB_CLASS or any(ALB_DOMAIN in host for host in _published_hosts(ingress))


def _published_hosts(ingress: Ingress) -> Iterator[str]:
    for address in ingress.status.load_balancer.ingress or ():
        if address.hostname:
            yield address.hostname.lower()


def _may_exist(application_load_balancers: Table[ApplicationLoadBalancer], alb_id: str) -> bool:
    try:
        return application_load_balancers.get(alb_id) is not None
    except NotKnown:
        return True


def _known(table: Table[Any]) -> list[Any]:
    """Return the rows that are known of a table that may be unavailable."""
    return [] if table.is_unavailable else list(table.known_rows())
