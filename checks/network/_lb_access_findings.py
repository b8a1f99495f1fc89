"""Whom the listeners of a Service's load balancer refuse, and the findings on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from auditor.facts.cloud.nlb import NetworkLoadBalancer
from auditor.facts.cloud.slb import Listener
from auditor.facts.joins.services import AnyLoadBalancer
from auditor.facts.kubernetes.services import Service
from auditor.facts.rules.addresses import AddressSet
from auditor.judge.api import Evidence, Finding, Severity, Step, Text, broken, cloud_ref, ok, step, t
from checks.network._api_balancer import listener_ref

ACL_SETTINGS = ("acl-status", "acl-id", "acl-type")
MOST_BLOCKS = 20
"""How many ranges a finding names of each kind."""


@dataclass(frozen=True)
class Blocked:
    """A listener and whom it refuses. ``by`` names the list or the groups, ``ids`` are theirs.

    ``is_black`` tells a list that keeps out what is on it from one that lets it in.
    """

    port: int
    protocol: str
    by: str
    ids: Sequence[str]
    nodes: AddressSet = field(default_factory=AddressSet)
    pods: AddressSet = field(default_factory=AddressSet)
    clients: AddressSet = field(default_factory=AddressSet)
    is_black: bool = False

    def of(self, nodes: AddressSet, pods: AddressSet, clients: AddressSet) -> "Blocked":
        """Return the same listener with whom it refuses."""
        return replace(self, nodes=nodes, pods=pods, clients=clients)

    @property
    def name(self) -> str:
        """The listener as it is shown."""
        return f"{self.protocol}/{self.port}"


@dataclass(frozen=True)
class Empty:
    """A listener with a white list without entries, and the lists."""

    listener: Listener
    list_ids: tuple[str, ...]


@dataclass(frozen=True)
class Drift:
    """A listener, and in what it differs from the annotations, as ``setting: annotation, cloud``."""

    listener: Listener
    values: dict[str, str]

    @property
    def shown(self) -> list[str]:
        """The values as they are shown."""
        return [f"{setting}: {value}" for setting, value in self.values.items()]


def _shown(listener: Listener) -> str:
    return f"{listener.protocol}/{listener.port}"


def refused_finding(service: Service, balancer: AnyLoadBalancer, blocked: Sequence[Blocked], region: str) -> Finding:
    """Make the finding that listeners of a Service refuse nodes, Pods or configured clients."""
    nodes, pods, clients = (
        _united([one.nodes for one in blocked]),
        _united([one.pods for one in blocked]),
        _united([one.clients for one in blocked]),
    )
    who = _who(nodes, pods, clients)
    names = [f"{one.name} ({one.by})" for one in blocked]
    is_nlb = isinstance(balancer, NetworkLoadBalancer)
    kind = "SecurityGroup" if is_nlb else "AccessControlList"
    evidence: dict[str, Evidence] = {
        "load_balancer": balancer.id,
        "listeners": names,
        "refused_nodes": nodes.first_cidrs(MOST_BLOCKS),
        "refused_nodes_count": nodes.size,
        "refused_pods": pods.first_cidrs(MOST_BLOCKS),
        "refused_pods_count": pods.size,
        "refused_clients": clients.first_cidrs(MOST_BLOCKS),
    }
    kinds = {one: listener.is_black for listener in blocked for one in listener.ids}
    ids = list(kinds)
    return Finding(
        subject=service.ref,
        fault="refused",
        message=t(
            "load balancer {id} of Service {service} refuses {who} on {listeners}",
            id=balancer.id,
            service=service.key,
            who=who,
            listeners=names,
        ),
        trail=(
            ok(service.ref),
            ok(balancer.ref),
            *(
                ok(listener_ref(balancer.id, one.port, one.protocol), t("restricted by {by}", by=one.by))
                for one in blocked
            ),
            *(broken(cloud_ref(kind, one), t("refuses {who}", who=who)) for one in ids),
        ),
        evidence=evidence,
        remedy=_group_cure(region, ids) if is_nlb else _list_cure(service, region, kinds),
    )


def _united(sets: Sequence[AddressSet]) -> AddressSet:
    """Return the union. Listeners with the same list share one set, which then is the union."""
    distinct = list({id(one): one for one in sets}.values())
    whole = distinct[0]
    for one in distinct[1:]:
        whole |= one
    return whole


def _who(nodes: AddressSet, pods: AddressSet, clients: AddressSet) -> Text:
    parts: list[Text] = []
    if nodes:
        parts.append(
            t("{count} addresses of nodes ({addresses})", count=nodes.size, addresses=nodes.first_cidrs(MOST_BLOCKS))
        )
    if pods:
        parts.append(
            t("{count} addresses of Pods ({addresses})", count=pods.size, addresses=pods.first_cidrs(MOST_BLOCKS))
        )
    if clients:
        parts.append(t("configured clients ({addresses})", addresses=clients.first_cidrs(MOST_BLOCKS)))
    whole = parts[-1]
    for part in reversed(parts[:-1]):
        whole = t("{part}, {others}", part=part, others=whole)
    return whole


def empty_finding(service: Service, balancer: AnyLoadBalancer, empty: Sequence[Empty], region: str) -> Finding:
    """Make the finding that listeners have a white list without entries."""
    listeners = [_shown(one.listener) for one in empty]
    ids = list(dict.fromkeys(list_id for one in empty for list_id in one.list_ids))
    return Finding(
        subject=service.ref,
        fault="empty-white-list",
        severity=Severity.MEDIUM,
        message=t(
            "the white list ({lists}) of load balancer {id} of Service {service} has no entries; listeners with it: "
            "{listeners}",
            listeners=listeners,
            id=balancer.id,
            service=service.key,
            lists=ids or ["-"],
        ),
        why=t(
            "The documentation says both that such a list admits everybody and that it admits nobody: either the "
            "Service can't be reached, or a restriction that somebody wanted is not there."
        ),
        trail=(
            ok(service.ref),
            ok(balancer.ref),
            *(
                broken(
                    listener_ref(balancer.id, one.listener.port, one.listener.protocol), t("white list without entries")
                )
                for one in empty
            ),
        ),
        evidence={"acl_ids": ids, "acl_type": "white", "listeners": listeners},
        remedy=_list_cure(service, region, dict.fromkeys(ids, False)),
    )


def drift_of(service: Service, listener: Listener) -> dict[str, str]:
    """Return in what a listener differs from the Service's annotations, as ``setting: annotation, cloud``.

    What an annotation does not say may be anything. Raises NotKnown for nothing: what the answer left out is left out.
    """
    found: dict[str, str] = {}
    status = (service.setting("acl-status") or "").strip().lower()
    actual = (listener.acl_status or "").lower()
    if status in ("on", "off") and actual and status != actual:
        found["acl-status"] = f"{status}, {actual}"
    if actual != "on" or status == "off":
        return found
    wanted = {one.strip() for one in (service.setting("acl-id") or "").split(",") if one.strip()}
    if wanted and wanted != set(listener.acl_ids):
        found["acl-id"] = f"{','.join(sorted(wanted))}, {','.join(sorted(listener.acl_ids))}"
    kind = (service.setting("acl-type") or "").strip().lower()
    if kind and listener.acl_type and kind != listener.acl_type.lower():
        found["acl-type"] = f"{kind}, {listener.acl_type.lower()}"
    return found


def drift_finding(service: Service, balancer: AnyLoadBalancer, drifts: Sequence[Drift], region: str) -> Finding:
    """Make the finding that the access control of listeners is not what the annotations say."""
    values = list(dict.fromkeys(value for one in drifts for value in one.shown))
    listeners = [_shown(one.listener) for one in drifts]
    return Finding(
        subject=service.ref,
        fault="drift",
        severity=Severity.LOW,
        message=t(
            "the access control of load balancer {id} is not what the annotations of Service {service} say, on "
            "listeners {listeners} (annotation, then cloud): {values}",
            listeners=listeners,
            id=balancer.id,
            service=service.key,
            values=values,
        ),
        why=t(
            "Somebody changed it past the Service, or the cloud controller manager has not carried the annotation out: "
            "on a load balancer of your own it touches listeners only with force-override-listeners. With the next "
            "change of the Service the cloud may become what the annotation says, and shut out or let in others."
        ),
        trail=(
            ok(service.ref, t("annotations: {values}", values=_annotations(service))),
            ok(balancer.ref),
            *(
                broken(
                    listener_ref(balancer.id, one.listener.port, one.listener.protocol),
                    t("differs: {values}", values=one.shown),
                )
                for one in drifts
            ),
        ),
        evidence={"differs": values, "listeners": listeners, "annotations": _annotations(service)},
        remedy=(
            step(
                t("Confirm what the Service says."),
                "kubectl",
                "-n",
                service.namespace,
                "get",
                "svc",
                service.name,
                "-o",
                "yaml",
            ),
            step(
                t("Confirm what the listener has."),
                *("aliyun", "slb", "DescribeLoadBalancerListeners", "--RegionId", region),
                *("--LoadBalancerId.1", balancer.id),
            ),
            step(
                t(
                    "Decide which is right and write that into the annotation: the cloud controller manager then makes "
                    "the listener so, at once. A list that lacks a client shuts it out at that moment."
                )
            ),
        ),
    )


def _annotations(service: Service) -> list[str]:
    return [f"{name}={value}" for name in ACL_SETTINGS if (value := service.setting(name)) is not None]


def _list_cure(service: Service, region: str, lists: Mapping[str, bool]) -> tuple[Step, ...]:
    """Return what to do about the first of the lists; each is black or not."""
    acl, is_black = next(iter(lists.items()), ("<acl>", False))
    change = ("aliyun", "slb", "RemoveAccessControlListEntry" if is_black else "AddAccessControlListEntry")
    entry = '[{"entry":"<range>"}]' if is_black else '[{"entry":"<range>","comment":"<who>"}]'
    text = (
        t(
            "Take the ranges that keep out nodes, Pods and clients off the black list, or put narrower ones in their "
            "place. It holds at once, for every listener that uses the list."
        )
        if is_black
        else t(
            "Add the ranges of nodes, Pods and clients that need it to the white list. It holds at once, for every "
            "listener that uses the list."
        )
    )
    return (
        step(
            t("Confirm: see what is on the list."),
            *("aliyun", "slb", "DescribeAccessControlListAttribute", "--RegionId", region, "--AclId", acl),
        ),
        step(text, *change, "--RegionId", region, "--AclId", acl, "--AclEntrys", entry),
        step(
            t(
                "From inside the cluster, call the Service by its name {name}: that passes no load balancer.",
                name=f"{service.name}.{service.namespace}.svc",
            )
        ),
    )


def _group_cure(region: str, ids: Sequence[str]) -> tuple[Step, ...]:
    group = ids[0] if ids else "<group>"
    return (
        step(
            t("Confirm: see the inbound rules of the load balancer's security groups."),
            *("aliyun", "ecs", "DescribeSecurityGroupAttribute", "--RegionId", region),
            *("--SecurityGroupId", group, "--Direction", "ingress"),
        ),
        step(
            t(
                "Accept the listener's port from the ranges of nodes, Pods and clients that need it. It holds at once, "
                "for everything in the group."
            ),
            *("aliyun", "ecs", "AuthorizeSecurityGroup", "--RegionId", region, "--SecurityGroupId", group),
            *("--Permissions.1.IpProtocol", "<protocol>", "--Permissions.1.PortRange", "<port/port>"),
            *("--Permissions.1.SourceCidrIp", "<range>"),
        ),
    )
