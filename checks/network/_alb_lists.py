"""Lists of an ALB that say who may come in: access lists of listeners, and rules for some sources only."""

import json
from collections.abc import Iterator, Mapping, Sequence

from auditor.facts.cloud.alb import AlbAcl, AlbListener, AlbListenerAccess, AlbRule, ApplicationLoadBalancer
from auditor.facts.kubernetes.ingresses import AlbConfig, Ingress
from auditor.facts.ref import Ref, cloud_ref
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.ingress_values import ALB_PREFIX
from auditor.judge.api import (
    Certainty,
    Finding,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    ReasonKind,
    Severity,
    Step,
    Table,
    Verdict,
    broken,
    ok,
    said,
    step,
    t,
)

CLUSTER_TAG = "ack.aliyun.com"
"""The tag of what ACK made for a cluster; its value is the cluster's id."""


def of_rule(
    rule: AlbRule,
    ingresses: Table[Ingress],
    alb_listeners: Table[AlbListener],
    alb_rules: Table[AlbRule],
    clients: AddressSet,
) -> Iterator[Verdict]:
    """Judge a rule of an ALB that holds for some sources only."""
    try:
        sources = AddressSet.of(*rule.source_ips)
    except ValueError:
        message = t("the sources of rule {rule} can't be read: {sources}", rule=rule.id, sources=rule.source_ips)
        raise NotKnown(Reason("alb", ReasonKind.MALFORMED, message)) from None
    refused = clients.ipv4 - sources
    if clients and not refused:
        yield Passed()
        return
    siblings = alb_rules.where("listener", lambda row: row.listener_id, rule.listener_id)
    if rule.group_ids and any(not one.source_ips and set(one.group_ids) & set(rule.group_ids) for one in siblings):
        yield Passed()  # others reach the same backends by another rule
        return
    balancer = _balancer_of(rule.listener_id, alb_listeners)
    yield alb_rule(_holder(rule, ingresses), balancer, rule, refused)


def _holder(rule: AlbRule, ingresses: Table[Ingress]) -> Ref:
    """Return the Ingress whose conditions name the sources of a rule; the rule itself if none does."""
    found: Sequence[Ingress] = ()
    if not ingresses.is_unavailable:
        found = ingresses.known_where("alb_sources", _sources_of, frozenset(rule.source_ips))
    return found[0].ref if found else cloud_ref("ListenerRule", rule.id, rule.name)


def _sources_of(ingress: Ingress) -> frozenset[str]:
    return frozenset(
        source
        for name, value in ingress.annotations.items()
        if name.startswith(f"{ALB_PREFIX}/conditions.")
        for source in _sources(value)
    )


def _sources(conditions: str) -> set[str]:
    try:
        read = json.loads(conditions)
    except (ValueError, RecursionError):
        return set()
    found: set[str] = set()
    for condition in read if isinstance(read, list) else ():
        config = condition.get("sourceIpConfig") if isinstance(condition, Mapping) else None
        values = config.get("values") if isinstance(config, Mapping) else None
        found |= {value for value in values if isinstance(value, str)} if isinstance(values, list) else set()
    return found


def _balancer_of(listener_id: str, alb_listeners: Table[AlbListener]) -> str:
    try:
        listener = alb_listeners.get(listener_id)
    except NotKnown:
        return ""
    return listener.load_balancer_id if listener else ""


def of_listener(
    access: AlbListenerAccess, alb_listeners: Table[AlbListener], alb_acls: Table[AlbAcl], clients: AddressSet
) -> Iterator[Verdict]:
    """Judge the access lists of a listener of an ALB."""
    entries: list[str] = []
    for list_id in access.acl_ids:
        row = said(alb_acls.get(list_id), "alb", t("the entries of access control list {id}", id=list_id))
        entries += row.entries
    try:
        listed = AddressSet.of(*entries)
    except ValueError:
        message = t("an entry of the lists {lists} can't be read: {entries}", lists=access.acl_ids, entries=entries[:5])
        raise NotKnown(Reason("alb", ReasonKind.MALFORMED, message)) from None
    balancer = _balancer_of(access.listener_id, alb_listeners)
    is_white = (access.acl_type or "").lower() == "white"
    if is_white and not listed:
        yield alb_empty_list(balancer, access.listener_id, access.acl_ids)
        return
    refused = clients.ipv4 - listed if is_white else clients.ipv4 & listed
    kind = "white" if is_white else "black"
    if refused or (not clients and listed):
        yield alb_list(balancer, access.listener_id, access.acl_ids, kind, refused)
    else:
        yield Passed()


def unseen_albs(
    alb_configs: Table[AlbConfig],
    application_load_balancers: Table[ApplicationLoadBalancer],
    alb_listeners: Table[AlbListener],
) -> Iterator[Verdict]:
    """Say that an ALB may be the cluster's and was not looked at, where nobody knows which ones AlbConfigs name.

    The tag of a cluster tells whose an ALB is; those that were taken over for a cluster, and others, have none.
    """
    if not alb_configs.gaps or application_load_balancers.is_unavailable or alb_listeners.is_unavailable:
        return
    seen = {listener.load_balancer_id for listener in alb_listeners.known_rows()}
    unnamed = (row for row in application_load_balancers.known_rows() if CLUSTER_TAG not in row.tags)
    if any(row.id not in seen for row in unnamed):
        yield NotEvaluated(alb_configs.reasons)


def alb_list(balancer_id: str, listener: str, list_ids: Sequence[str], kind: str, refused: AddressSet) -> Finding:
    """Say that the access lists of a listener of an ALB refuse configured clients."""
    holder = cloud_ref("AccessControlList", list_ids[0] if list_ids else listener)
    return Finding(
        subject=holder,
        fault="listener",
        severity=None if refused else Severity.INFO,
        message=t(
            "the {kind} list {lists} of ALB {balancer} refuses the clients {refused}; listeners with it: {affected}",
            kind=kind,
            lists=list(list_ids),
            balancer=balancer_id,
            refused=refused.cidrs,
        )
        if refused
        else t(
            "listeners {affected} of ALB {balancer} are restricted by the {kind} list {lists}",
            balancer=balancer_id,
            kind=kind,
            lists=list(list_ids),
        ),
        remedy=(_alb_cure(),),
        trail=(
            ok(cloud_ref("LoadBalancer", balancer_id)),
            ok(cloud_ref("Listener", listener), t("{kind} list {lists}", kind=kind, lists=list(list_ids))),
            (broken if refused else ok)(holder),
        ),
        evidence={"lists": list(list_ids), "kind": kind, "refused": refused.cidrs[:50]},
        affected=(cloud_ref("Listener", listener),),
    )


def alb_empty_list(balancer_id: str, listener: str, list_ids: Sequence[str]) -> Finding:
    """Say that a white list of a listener of an ALB has no entries."""
    holder = cloud_ref("AccessControlList", list_ids[0] if list_ids else listener)
    return Finding(
        subject=holder,
        fault="empty",
        message=t(
            "listeners {affected} of ALB {balancer} have a white list without entries: {lists}. Whether it admits "
            "everybody or nobody, the documentation says both.",
            balancer=balancer_id,
            lists=list(list_ids) or ["-"],
        ),
        certainty=Certainty.AT_RISK,
        remedy=(_alb_cure(),),
        trail=(ok(cloud_ref("Listener", listener)), broken(holder, t("no entries"))),
        evidence={"lists": list(list_ids)},
        affected=(cloud_ref("Listener", listener),),
    )


def alb_rule(holder: Ref, balancer_id: str, rule: AlbRule, refused: AddressSet) -> Finding:
    """Say that a forwarding rule of an ALB holds for some sources only, and not for configured clients."""
    return Finding(
        subject=holder,
        fault="rule",
        severity=None if refused else Severity.INFO,
        message=t(
            "rule {rule} of ALB {balancer} holds for {sources} only, and leaves out the clients {refused}",
            rule=rule.id,
            balancer=balancer_id,
            sources=rule.source_ips,
            refused=refused.cidrs,
        )
        if refused
        else t(
            "rule {rule} of ALB {balancer} holds for {sources} only",
            rule=rule.id,
            balancer=balancer_id,
            sources=rule.source_ips,
        ),
        certainty=Certainty.LIKELY if refused else Certainty.CONFIRMED,
        why=t(
            "A request from another source is taken by the next rule that matches, or by the listener's default. No "
            "rule without this limit leads to the same backends."
        ),
        remedy=(_alb_cure(),),
        trail=(
            ok(cloud_ref("LoadBalancer", balancer_id)),
            ok(cloud_ref("Listener", rule.listener_id)),
            (broken if refused else ok)(holder, t("sources {sources}", sources=rule.source_ips)),
        ),
        evidence={"rule": rule.id, "sources": rule.source_ips, "refused": refused.cidrs[:50]},
    )


def _alb_cure() -> Step:
    return step(
        t(
            "Change it where it is kept: in the AlbConfig or the Ingress (kubectl get albconfigs; annotations "
            "conditions.…). What is changed in the console is overwritten at the next change of an Ingress."
        ),
        *("kubectl", "get", "albconfigs", "-o", "yaml"),
    )
