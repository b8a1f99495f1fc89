"""ALB: application load balancers, their listeners, rules, access lists and server groups."""

from collections.abc import Iterable
from typing import Any

from auditor.collect.alibaba.alb_scope import alb_ids, may_use_alb, named_albs
from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.ecs import vpc_ids, vpc_not_said
from auditor.collect.alibaba.fields import BadField, Fields
from auditor.collect.alibaba.filling import complete, from_batches, from_lists, nothing_asked, one_by_one
from auditor.collect.alibaba.paging import Tokened, gather
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.alb import (
    AlbAcl,
    AlbGroupBackends,
    AlbListener,
    AlbListenerAccess,
    AlbRule,
    AlbServerGroup,
    ApplicationLoadBalancer,
)
from auditor.facts.cloud.ecs import Instance
from auditor.facts.cloud.slb import Backend
from auditor.facts.kubernetes.ingresses import AlbConfig, Ingress
from auditor.facts.ref import Layer
from auditor.facts.table import Gap, Table

PAGE = Tokened(100)
MOST_IDS = 20
"""How many ids one call takes."""
MOST_VPCS = 10
SCOPE = ("alb_configs", "ingresses")
"""What names the cluster's ALBs. Where it is not known, the list is read, and the tags tell."""
FORWARD = "ForwardGroup"


@provides(
    "application_load_balancers",
    source="alb",
    layer=Layer.CLOUD,
    permissions=("alb:ListLoadBalancers",),
    tolerates=(*SCOPE, "instances"),
)
def collect_application_load_balancers(
    client: CloudClient, instances: Table[Instance], alb_configs: Table[AlbConfig], ingresses: Table[Ingress]
) -> Table[Any]:
    """Fill ``application_load_balancers`` with those of the VPC, if the cluster uses any.

    Those that an AlbConfig names and that are not in the VPC are asked for by id, before they are said to be absent.
    """
    if not may_use_alb(alb_configs, ingresses):
        return nothing_asked("application_load_balancers")
    if instances.is_unavailable:
        return Table.unavailable("application_load_balancers", *instances.reasons)
    vpcs = vpc_ids(instances)
    if not vpcs:
        return vpc_not_said("application_load_balancers", instances, "alb")
    listed = from_lists(
        client,
        "application_load_balancers",
        [Request("alb", "ListLoadBalancers", {"VpcIds": batch}) for batch in _batches(vpcs, MOST_VPCS)],
        ("LoadBalancers", "LoadBalancer"),
        PAGE,
        _load_balancer,
        _load_balancer_key,
    )
    if listed.is_unavailable:
        return listed
    seen = {row.id for row in listed.known_rows()}
    elsewhere = _by_id(client, named_albs(alb_configs) - seen)
    return Table(
        "application_load_balancers",
        [*listed.known_rows(), *elsewhere.known_rows()],
        gaps=[*listed.gaps, *elsewhere.gaps],
        asked=seen | (elsewhere.asked or frozenset()),
    )


def _by_id(client: CloudClient, ids: set[str]) -> Table[ApplicationLoadBalancer]:
    table = from_batches(
        client,
        "application_load_balancers",
        ids,
        MOST_IDS,
        lambda batch: Request("alb", "ListLoadBalancers", {"LoadBalancerIds": batch}),
        ("LoadBalancers", "LoadBalancer"),
        PAGE,
        _load_balancer,
        _load_balancer_key,
    )
    if not table.is_unavailable:
        return table
    return Table(table.name, gaps=[Gap(reason, frozenset(ids)) for reason in table.reasons], asked=ids)


@provides("alb_listeners", source="alb", layer=Layer.CLOUD, permissions=("alb:ListListeners",), tolerates=SCOPE)
def collect_alb_listeners(
    client: CloudClient,
    application_load_balancers: Table[ApplicationLoadBalancer],
    alb_configs: Table[AlbConfig],
    ingresses: Table[Ingress],
) -> Table[Any]:
    """Fill ``alb_listeners`` for the ALBs in scope."""
    ids = alb_ids(application_load_balancers, alb_configs, ingresses, client.cluster_id)
    if not ids:
        return nothing_asked("alb_listeners")
    return from_lists(
        client,
        "alb_listeners",
        [Request("alb", "ListListeners", {"LoadBalancerIds": batch}) for batch in _batches(ids, MOST_IDS)],
        ("Listeners", "Listener"),
        PAGE,
        lambda fields: AlbListener(
            id=fields.required("ListenerId"),
            load_balancer_id=fields.required("LoadBalancerId"),
            port=fields.integer("ListenerPort"),
            protocol=(fields.known("ListenerProtocol") or "").upper() or None,
            status=fields.known("ListenerStatus"),
            group_ids=[group for action in _forwards(fields, "DefaultActions") for group in _groups_of(action)],
        ),
        lambda fields: fields.required("ListenerId"),
    )


@provides("alb_rules", source="alb", layer=Layer.CLOUD, permissions=("alb:ListRules",), tolerates=SCOPE)
def collect_alb_rules(
    client: CloudClient,
    application_load_balancers: Table[ApplicationLoadBalancer],
    alb_configs: Table[AlbConfig],
    ingresses: Table[Ingress],
) -> Table[Any]:
    """Fill ``alb_rules`` for the ALBs in scope, with the rules for requests: those for responses forward nothing."""
    ids = alb_ids(application_load_balancers, alb_configs, ingresses, client.cluster_id)
    if not ids:
        return nothing_asked("alb_rules")
    return from_lists(
        client,
        "alb_rules",
        [Request("alb", "ListRules", {"LoadBalancerIds": batch}) for batch in _batches(ids, MOST_IDS)],
        ("Rules", "Rule"),
        PAGE,
        _rule,
        lambda fields: fields.required("RuleId"),
    )


@provides("alb_listener_access", source="alb", layer=Layer.CLOUD, permissions=("alb:GetListenerAttribute",))
def collect_alb_listener_access(client: CloudClient, alb_listeners: Table[AlbListener]) -> Table[AlbListenerAccess]:
    """Fill ``alb_listener_access`` for all known listeners: their list says nothing of access lists."""

    def read(listener_id: str) -> AlbListenerAccess:
        fields = Fields(client.call(Request("alb", "GetListenerAttribute", {"ListenerId": listener_id})))
        fields.required("ListenerId")
        if "AclConfig" not in fields:
            return AlbListenerAccess(listener_id)
        config = fields.child("AclConfig")
        acl_type = config.known("AclType")
        relations = config.required_records("AclRelations") if acl_type else config.records("AclRelations") or []
        if relations and not acl_type:
            raise BadField("AclType")  # whom the lists let in, or keep out, is not told
        return AlbListenerAccess(listener_id, acl_type, [relation.required("AclId") for relation in relations])

    ids = [listener.id for listener in alb_listeners.known_rows()]
    table = one_by_one(client, "alb_listener_access", "alb", ids, read)
    if table.is_unavailable or not alb_listeners.gaps:
        return table
    # A listener that can't be read may let nobody in, too.
    return Table(table.name, table.known_rows(), gaps=[*table.gaps, *alb_listeners.gaps], asked=table.asked)


@provides("alb_acls", source="alb", layer=Layer.CLOUD, permissions=("alb:ListAclEntries",))
def collect_alb_acls(client: CloudClient, alb_listener_access: Table[AlbListenerAccess]) -> Table[AlbAcl]:
    """Fill ``alb_acls`` for the access lists that listeners have."""

    def read(acl_id: str) -> AlbAcl:
        request = Request("alb", "ListAclEntries", {"AclId": acl_id})
        items = complete(gather(client, request, "AclEntries", "AclEntry", PAGE), request)
        return AlbAcl(acl_id, [item.required("Entry") for item in items])

    ids = {acl_id for access in alb_listener_access.known_rows() for acl_id in access.acl_ids}
    return one_by_one(client, "alb_acls", "alb", ids, read, may_be_absent=False)


@provides("alb_server_groups", source="alb", layer=Layer.CLOUD, permissions=("alb:ListServerGroups",), tolerates=SCOPE)
def collect_alb_server_groups(
    client: CloudClient,
    application_load_balancers: Table[ApplicationLoadBalancer],
    alb_configs: Table[AlbConfig],
    ingresses: Table[Ingress],
) -> Table[Any]:
    """Fill ``alb_server_groups`` with those of the VPC, if an ALB is in scope.

    A group that was not found is not known to be absent: those of functions are in no VPC.
    """
    ids = set(alb_ids(application_load_balancers, alb_configs, ingresses, client.cluster_id))
    if not ids:
        return nothing_asked("alb_server_groups")
    own = [balancer for balancer in application_load_balancers.known_rows() if balancer.id in ids]
    vpcs = sorted({balancer.vpc_id for balancer in own if balancer.vpc_id})
    listed = from_lists(
        client,
        "alb_server_groups",
        # An ALB that could not be read, and is in scope by its name alone, says no VPC: then all of the region.
        [Request("alb", "ListServerGroups", {"VpcId": vpc} if vpc else {}) for vpc in vpcs or [""]],
        ("ServerGroups", "ServerGroup"),
        PAGE,
        _server_group,
        lambda fields: fields.required("ServerGroupId"),
    )
    if listed.is_unavailable:
        return listed
    rows = listed.known_rows()
    return Table("alb_server_groups", rows, gaps=listed.gaps, asked={group.id for group in rows})


@provides(
    "alb_group_backends", source="alb", layer=Layer.CLOUD, permissions=("alb:ListServerGroupServers",), tolerates=SCOPE
)
def collect_alb_group_backends(
    client: CloudClient,
    alb_server_groups: Table[AlbServerGroup],
    application_load_balancers: Table[ApplicationLoadBalancer],
    alb_configs: Table[AlbConfig],
    ingresses: Table[Ingress],
) -> Table[AlbGroupBackends]:
    """Fill ``alb_group_backends`` for the groups of the ALBs in scope. One that counts no server is not asked for."""

    def read(group_id: str) -> AlbGroupBackends:
        if groups[group_id].server_count == 0:
            return AlbGroupBackends(group_id)
        request = Request("alb", "ListServerGroupServers", {"ServerGroupId": group_id})
        items = complete(gather(client, request, "Servers", "Server", PAGE), request)
        return AlbGroupBackends(group_id, [_backend(item) for item in items])

    own = set(alb_ids(application_load_balancers, alb_configs, ingresses, client.cluster_id))
    groups = {group.id: group for group in alb_server_groups.known_rows() if own.intersection(group.load_balancer_ids)}
    return one_by_one(client, "alb_group_backends", "alb", groups, read)


def _load_balancer_key(fields: Fields) -> str:
    return fields.required("LoadBalancerId")


def _load_balancer(fields: Fields) -> ApplicationLoadBalancer:
    locks = fields.records("LoadBalancerOperationLocks")
    return ApplicationLoadBalancer(
        id=_load_balancer_key(fields),
        name=fields.word("LoadBalancerName"),
        dns_name=fields.given("DNSName"),
        address_type=fields.known("AddressType"),
        status=fields.known("LoadBalancerStatus"),
        # The API spells it so.
        business_status=fields.known("LoadBalancerBussinessStatus"),
        vpc_id=fields.word("VpcId"),
        security_group_ids=fields.texts("SecurityGroupIds", "SecurityGroupId") or [],
        lock_reasons=None if locks is None else [lock.given("LockReason") for lock in locks],
        tags=fields.tags(),
    )


def _rule(fields: Fields) -> AlbRule:
    sources = [
        source
        for condition in fields.required_records("RuleConditions")
        if condition.required("Type") == "SourceIp"
        for source in condition.child("SourceIpConfig").required_texts("Values")
    ]
    actions = _forwards(fields, "RuleActions")
    flags = [action.child("ServerGroupStickySession").flag("Enabled") for action in actions]
    return AlbRule(
        id=fields.required("RuleId"),
        listener_id=fields.required("ListenerId"),
        name=fields.word("RuleName"),
        status=fields.known("RuleStatus"),
        priority=fields.integer("Priority"),
        source_ips=sources,
        group_ids=[group for action in actions for group in _groups_of(action)],
        sticky=next((flag for flag in flags if flag is not None), None),
    )


def _forwards(fields: Fields, actions: str) -> list[Fields]:
    """Return what the actions say that forward to server groups; others redirect, or answer by themselves."""
    records = fields.required_records(actions)
    return [action.child("ForwardGroupConfig") for action in records if action.required("Type") == FORWARD]


def _groups_of(forward: Fields) -> list[str]:
    return [group.required("ServerGroupId") for group in forward.required_records("ServerGroupTuples")]


def _server_group(fields: Fields) -> AlbServerGroup:
    return AlbServerGroup(
        id=fields.required("ServerGroupId"),
        name=fields.word("ServerGroupName"),
        type=fields.word("ServerGroupType"),
        status=fields.known("ServerGroupStatus"),
        scheduler=fields.known("Scheduler"),
        server_count=fields.integer("ServerCount"),
        sticky=fields.child("StickySessionConfig").flag("StickySessionEnabled"),
        health_check=fields.child("HealthCheckConfig").flag("HealthCheckEnabled"),
        vpc_id=fields.word("VpcId"),
        # Left out, it would make the group nobody's, and its servers would not be asked for.
        load_balancer_ids=fields.required_texts("RelatedLoadBalancerIds"),
    )


def _backend(fields: Fields) -> Backend:
    return Backend(
        server_id=fields.required("ServerId"),
        port=fields.integer("Port"),
        weight=fields.integer("Weight"),
        type=fields.word("ServerType").lower(),
        ip=fields.word("ServerIp"),
    )


def _batches(ids: Iterable[str], size: int) -> list[list[str]]:
    whole = list(ids)
    return [whole[start : start + size] for start in range(0, len(whole), size)]
