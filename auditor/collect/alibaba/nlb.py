"""NLB: load balancers, server groups and their servers."""

from auditor.collect.alibaba.balancer_scope import may_use_nlb, nlb_ids
from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.fields import Fields
from auditor.collect.alibaba.filling import complete, from_list, nothing_asked, one_by_one
from auditor.collect.alibaba.paging import Tokened, gather
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.nlb import NetworkLoadBalancer, NlbGroupBackends, NlbServerGroup
from auditor.facts.cloud.slb import Backend
from auditor.facts.kubernetes.services import Service
from auditor.facts.ref import Layer
from auditor.facts.table import Table


@provides("network_load_balancers", source="nlb", layer=Layer.CLOUD, permissions=("nlb:ListLoadBalancers",))
def collect_network_load_balancers(client: CloudClient, services: Table[Service]) -> Table[NetworkLoadBalancer]:
    """Fill ``network_load_balancers`` with all of the region, if the cluster uses any."""
    # Most clusters use no NLB, and their operators need not grant the right to list them.
    if not may_use_nlb(services):
        return nothing_asked("network_load_balancers")
    return from_list(
        client,
        "network_load_balancers",
        Request("nlb", "ListLoadBalancers"),
        ("LoadBalancers", "LoadBalancer"),
        Tokened(100),
        lambda fields: NetworkLoadBalancer(
            id=fields.required("LoadBalancerId"),
            name=fields.word("LoadBalancerName"),
            dns_name=fields.given("DNSName"),
            status=fields.known("LoadBalancerStatus"),
            vpc_id=fields.word("VpcId"),
            security_group_ids=fields.texts("SecurityGroupIds", "SecurityGroupId") or [],
            tags=fields.tags(),
        ),
        lambda fields: fields.required("LoadBalancerId"),
    )


@provides("nlb_server_groups", source="nlb", layer=Layer.CLOUD, permissions=("nlb:ListServerGroups",))
def collect_nlb_server_groups(client: CloudClient, services: Table[Service]) -> Table[NlbServerGroup]:
    """Fill ``nlb_server_groups`` with all of the region, if the cluster uses an NLB."""
    if not may_use_nlb(services):
        return nothing_asked("nlb_server_groups")
    return from_list(
        client,
        "nlb_server_groups",
        Request("nlb", "ListServerGroups"),
        ("ServerGroups", "ServerGroup"),
        Tokened(100),
        lambda fields: NlbServerGroup(
            id=fields.required("ServerGroupId"),
            name=fields.given("ServerGroupName"),
            type=fields.word("ServerGroupType"),
            scheduler=fields.known("Scheduler"),
            server_count=fields.integer("ServerCount"),
            load_balancer_ids=fields.texts("RelatedLoadBalancerIds", "RelatedLoadBalancerId") or [],
        ),
        lambda fields: fields.required("ServerGroupId"),
    )


@provides("nlb_group_backends", source="nlb", layer=Layer.CLOUD, permissions=("nlb:ListServerGroupServers",))
def collect_nlb_group_backends(
    client: CloudClient,
    nlb_server_groups: Table[NlbServerGroup],
    network_load_balancers: Table[NetworkLoadBalancer],
    services: Table[Service],
) -> Table[NlbGroupBackends]:
    """Fill ``nlb_group_backends`` for the groups of the load balancers in scope."""

    def read(group_id: str) -> NlbGroupBackends:
        request = Request("nlb", "ListServerGroupServers", {"ServerGroupId": group_id})
        items = complete(gather(client, request, "Servers", "Server", Tokened(100)), request)
        return NlbGroupBackends(group_id, [_backend(item) for item in items])

    balancers = set(nlb_ids(network_load_balancers, services, client.cluster_id))
    ids = [group.id for group in nlb_server_groups.known_rows() if balancers.intersection(group.load_balancer_ids)]
    return one_by_one(client, "nlb_group_backends", "nlb", ids, read)


def _backend(fields: Fields) -> Backend:
    return Backend(
        server_id=fields.required("ServerId"),
        port=fields.integer("Port"),
        weight=fields.integer("Weight"),
        type=fields.word("ServerType").lower(),
        ip=fields.word("ServerIp"),
    )
