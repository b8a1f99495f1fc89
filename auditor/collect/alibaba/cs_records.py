"""Container Service: what it did with the cluster, what it knows as the cluster's, and what it allows."""

import re

import msgspec

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.failures import CallFailed, malformed
from auditor.collect.alibaba.fields import BadField, Fields
from auditor.collect.alibaba.filling import complete, from_list, one_by_one
from auditor.collect.alibaba.paging import WHOLE, NumberedOrTokened, gather
from auditor.collect.alibaba.sdk import BARE_LIST, Request
from auditor.collect.provider import provides
from auditor.facts.cloud.cs import (
    ClusterEvent,
    ClusterResource,
    ClusterTask,
    ContainerQuota,
    ControlPlaneLog,
    Grant,
    UserPermissions,
)
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.ref import Layer
from auditor.facts.table import Gap, ReasonKind, Table

_NEWEST_EVENTS = 300
_NEWEST_TASKS = 100
_NAMED = ("SLB", "ALIYUN::SLB::LoadBalancer")
"""Resources that say nothing without their id. Others may have none: what a file in the cluster is, for example."""
_QUOTA = re.compile(r"[a-z_]+_quota")
_ACK_USER = re.compile(r"(?P<uid>\d+)-\d+")
"""How ACK names a RAM user in the certificates that it hands out: the user's id, and a number of the certificate."""
_LOGGING_OFF = re.compile(
    r"log.*(not[ ._-]?(yet )?(been )?(enabled?|open(ed)?|activated?|found|exists?)|disabled)", re.IGNORECASE
)


@provides("cluster_events", source="cs", layer=Layer.CLOUD, permissions=("cs:DescribeClusterEvents",))
def collect_cluster_events(client: CloudClient) -> Table[ClusterEvent]:
    """Fill ``cluster_events`` with the newest 300, in pages of 100: older ones explain nothing of today.

    They are left out by choice, and are no gap.
    """
    request = Request(
        "cs", "DescribeClusterEvents", {"ClusterId": client.cluster_id}, path="/clusters/[ClusterId]/events"
    )
    style = NumberedOrTokened(100, _NEWEST_EVENTS)
    return from_list(
        client, "cluster_events", request, ("events", ""), style, _event, lambda one: one.required("event_id")
    )


@provides("cluster_tasks", source="cs", layer=Layer.CLOUD, permissions=("cs:DescribeClusterTasks",))
def collect_cluster_tasks(client: CloudClient) -> Table[ClusterTask]:
    """Fill ``cluster_tasks`` with the newest 100, in pages of 50; older ones are left out by choice, and are no gap."""
    request = Request(
        "cs", "DescribeClusterTasks", {"ClusterId": client.cluster_id}, path="/clusters/[ClusterId]/tasks"
    )
    style = NumberedOrTokened(50, _NEWEST_TASKS)
    return from_list(client, "cluster_tasks", request, ("tasks", ""), style, _task, lambda one: one.required("task_id"))


@provides("cluster_resources", source="cs", layer=Layer.CLOUD, permissions=("cs:DescribeClusterResources",))
def collect_cluster_resources(client: CloudClient) -> Table[ClusterResource]:
    """Fill ``cluster_resources`` with those of the cluster and of its add-ons."""
    request = Request(
        "cs",
        "DescribeClusterResources",
        {"ClusterId": client.cluster_id, "with_addon_resources": "true"},
        path="/clusters/[ClusterId]/resources",
        bare_list=True,
    )
    return from_list(
        client, "cluster_resources", request, (BARE_LIST, ""), WHOLE, _resource, lambda one: _which_resource(one).key
    )


@provides("control_plane_logs", source="cs", layer=Layer.CLOUD, permissions=("cs:CheckControlPlaneLogEnable",))
def collect_control_plane_logs(client: CloudClient) -> Table[ControlPlaneLog]:
    """Fill ``control_plane_logs`` for the cluster. One whose logs are not collected has no components."""

    def read(cluster_id: str) -> ControlPlaneLog:
        request = Request(
            "cs",
            "CheckControlPlaneLogEnable",
            {"ClusterId": cluster_id},
            path="/clusters/[ClusterId]/controlplanelog",
        )
        try:
            return _control_plane_log(cluster_id, Fields(client.call(request)))
        except CallFailed as failure:
            if _says_that_logging_is_off(failure):
                return ControlPlaneLog(cluster_id)
            raise

    # A cluster that is not found is a wrong configuration, and no cluster without logs.
    return one_by_one(client, "control_plane_logs", "cs", [client.cluster_id], read, may_be_absent=False)


@provides("container_quotas", source="cs", layer=Layer.CLOUD, permissions=("cs:DescribeUserQuota",))
def collect_container_quotas(client: CloudClient) -> Table[ContainerQuota]:
    """Fill ``container_quotas`` with the account's limits. The map of quotas wins over the numbers beside it."""
    request = Request("cs", "DescribeUserQuota")
    try:
        limits, spoilt = _limits(Fields(client.call(request)))
    except CallFailed as failure:
        return Table.unavailable("container_quotas", failure.reason)
    except BadField as bad:
        return Table.unavailable("container_quotas", malformed("cs", request.permission, bad.name).reason)
    gaps = [Gap(malformed("cs", request.permission, code).reason, frozenset({code})) for code in sorted(spoilt)]
    return Table("container_quotas", [ContainerQuota(code, limit) for code, limit in sorted(limits.items())], gaps=gaps)


@provides("user_permissions", source="cs", layer=Layer.CLOUD, permissions=("cs:DescribeUserPermission",))
def collect_user_permissions(client: CloudClient, cluster: ClusterIdentity) -> Table[UserPermissions]:
    """Fill ``user_permissions`` for the RAM users among the identities that must be able to do something."""

    def read(uid: str) -> UserPermissions:
        request = Request("cs", "DescribeUserPermission", {"uid": uid}, path="/permissions/users/[uid]", bare_list=True)
        items = complete(gather(client, request, BARE_LIST, "", WHOLE), request)
        return UserPermissions(uid, [_grant(item) for item in items])

    return one_by_one(client, "user_permissions", "cs", _ram_users(cluster), read)


def _ram_users(cluster: ClusterIdentity) -> list[str]:
    matches = [_ACK_USER.fullmatch(identity.user) for identity in cluster.identities]
    return [match["uid"] for match in matches if match]


def _event(fields: Fields) -> ClusterEvent:
    data = fields.child("data")
    return ClusterEvent(
        id=fields.required("event_id"),
        type=fields.word("type"),
        level=data.word("level"),
        reason=data.word("reason"),
        message=data.word("message"),
        subject=fields.word("subject"),
        time=fields.moment("time"),
    )


def _task(fields: Fields) -> ClusterTask:
    error = fields.child("error")
    return ClusterTask(
        id=fields.required("task_id"),
        type=fields.word("task_type"),
        state=fields.known("state"),
        error_code=error.word("code"),
        error_message=error.word("message"),
        created_at=fields.moment("created"),
        updated_at=fields.moment("updated"),
    )


def _resource(fields: Fields) -> ClusterResource:
    auto_create = fields.integer("auto_create")
    return msgspec.structs.replace(
        _which_resource(fields),
        state=fields.known("state"),
        auto_create=None if auto_create is None else auto_create == 1,
    )


def _which_resource(fields: Fields) -> ClusterResource:
    owner, kind = fields.child("associated_object"), fields.word("resource_type")
    return ClusterResource(
        instance_id=fields.required("instance_id") if kind in _NAMED else fields.word("instance_id"),
        type=kind,
        kind=owner.word("kind"),
        namespace=owner.word("namespace"),
        name=owner.word("name"),
    )


def _control_plane_log(cluster_id: str, fields: Fields) -> ControlPlaneLog:
    if "log_project" not in fields and "components" not in fields:
        raise BadField("log_project")  # an answer that says nothing, and not that nothing is collected
    project = fields.word("log_project")
    components = fields.texts("components")
    if components is None and project:
        raise BadField("components")
    return ControlPlaneLog(cluster_id, project, _flat(components or []))


_NAMES = msgspec.json.Decoder(list[str])


def _flat(components: list[str]) -> list[str]:
    """Return the names, some of which the documents show as one JSON text inside the list."""
    names: list[str] = []
    for component in components:
        if not component.startswith("["):
            names.append(component)
            continue
        try:
            names += _NAMES.decode(component)
        except (msgspec.DecodeError, RecursionError):
            raise BadField("components") from None
    return names


def _says_that_logging_is_off(failure: CallFailed) -> bool:
    # The documents name no code for it. The name of the operation, which has "Log" in it, must not count.
    if failure.kind is not ReasonKind.ERROR or failure.code.startswith("ErrorClusterNotFound"):
        return False
    return bool(_LOGGING_OFF.search(f"{failure.code} {str(failure.text).replace(failure.action, '')}"))


def _limits(fields: Fields) -> tuple[dict[str, int | None], set[str]]:
    """Return the limits by code, and the codes whose limit can't be read."""
    newer = dict(fields.child("quotas").pairs())
    flat = {code for code, value in fields.pairs() if _QUOTA.fullmatch(code) and not isinstance(value, dict)}
    if not newer and not flat:
        raise BadField("quotas")
    limits: dict[str, int | None] = {}
    spoilt: set[str] = set()
    for code in {*newer, *flat}:
        try:
            limits[code] = Fields(newer[code], code).integer("quota") if code in newer else fields.integer(code)
        except BadField:
            spoilt.add(code)
    return limits, spoilt


def _grant(fields: Fields) -> Grant:
    return Grant(
        resource_id=fields.required("resource_id"),
        resource_type=fields.word("resource_type"),
        role_type=fields.word("role_type"),
        role_name=fields.word("role_name"),
    )
