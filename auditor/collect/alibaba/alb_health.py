"""ALB: which servers its listeners do not find healthy."""

from collections.abc import Iterator

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.failures import CallFailed
from auditor.collect.alibaba.fields import BadField, Fields
from auditor.collect.alibaba.filling import one_by_one
from auditor.collect.alibaba.paging import MOST_PAGES
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.alb import AlbListener, AlbRule
from auditor.facts.cloud.nlb import ListenerHealth, UnhealthyServer
from auditor.facts.ref import Layer
from auditor.facts.table import NotKnown, ReasonKind, Table
from auditor.facts.text import t

PAGE_SIZE = 30
"""The most entries that a page may have."""


@provides(
    "alb_listener_health",
    source="alb",
    layer=Layer.CLOUD,
    permissions=("alb:GetListenerHealthStatus",),
    tolerates=("alb_rules",),
)
def collect_alb_listener_health(
    client: CloudClient, alb_listeners: Table[AlbListener], alb_rules: Table[AlbRule]
) -> Table[ListenerHealth]:
    """Fill ``alb_listener_health`` for all known listeners, with the groups of their rules."""

    def read(listener_id: str) -> ListenerHealth:
        params = {"ListenerId": listener_id, "IncludeRule": True}
        pages = list(_health_pages(client, Request("alb", "GetListenerHealthStatus", params)))
        infos = _group_infos(pages, "ListenerHealthStatus", may_be_absent=False)
        infos += _group_infos(pages, "RuleHealthStatus", may_be_absent=_has_no_rule(alb_rules, listener_id))
        return ListenerHealth(
            listener_id,
            # A group that serves the listener and several of its rules is told of each time.
            list(dict.fromkeys(server for info in infos for server in _unhealthy(info))),
            list(dict.fromkeys(info.required("ServerGroupId") for info in infos if not _is_checked(info))),
        )

    ids = [listener.id for listener in alb_listeners.known_rows()]
    return one_by_one(client, "alb_listener_health", "alb", ids, read)


def _health_pages(client: CloudClient, request: Request) -> Iterator[Fields]:
    """Yield the answers, whose two lists share their pages. Raises CallFailed if there is no end to them."""
    tokens: list[str] = []
    for _ in range(MOST_PAGES):
        following = {"NextToken": tokens[-1]} if tokens else {}
        answer = Fields(client.call(request.having(MaxResults=PAGE_SIZE, **following)))
        yield answer
        token = answer.word("NextToken")
        if not token:
            return
        if token in tokens:
            break
        tokens.append(token)
    text = t("the pages of {action} do not end", action=request.permission)
    raise CallFailed(request.product, ReasonKind.TRUNCATED, text, action=request.permission)


def _group_infos(pages: list[Fields], outer: str, *, may_be_absent: bool) -> list[Fields]:
    found = [records for page in pages if (records := page.records(outer)) is not None]
    if not found and not may_be_absent:
        raise BadField(outer)
    return [info for records in found for record in records for info in record.required_records("ServerGroupInfos")]


def _has_no_rule(alb_rules: Table[AlbRule], listener_id: str) -> bool:
    try:
        return not alb_rules.where("listener", lambda rule: rule.listener_id, listener_id)
    except NotKnown:
        return False


def _is_checked(info: Fields) -> bool:
    value = info.required("HealthCheckEnabled").lower()
    if value not in ("on", "off"):
        raise BadField("HealthCheckEnabled")
    return value == "on"


def _unhealthy(info: Fields) -> list[UnhealthyServer]:
    has_none = not _is_checked(info) or info.integer("ServerCount") == 0
    servers = info.records("NonNormalServers") or [] if has_none else info.required_records("NonNormalServers")
    return [
        UnhealthyServer(
            group_id=info.required("ServerGroupId"),
            server_id=server.word("ServerId"),
            ip=server.word("ServerIp"),
            port=server.integer("Port"),
            status=server.word("Status"),
            reason=server.child("Reason").word("ReasonCode"),
        )
        for server in servers
    ]
