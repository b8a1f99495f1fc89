"""Whom the access control list of the API server's listener refuses, and the findings on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from auditor.facts.cloud.slb import LoadBalancer
from auditor.facts.joins.networks import ACK_CONTROL_PLANE
from auditor.facts.rules.access_list import AccessFilter, AccessKind
from auditor.facts.rules.addresses import AddressSet
from auditor.judge.api import Certainty, Evidence, Finding, Hop, Severity, Step, Text, broken, cloud_ref, ok, step, t
from checks.network._api_balancer import API_PORT, listener_ref

MOST_ENTRIES = 50
"""How many entries one call takes."""


class Caller(StrEnum):
    """Who calls the API server through its load balancer."""

    ACK = "ack"
    CONTROL_PLANE = "control_plane"
    NODES = "nodes"
    PODS = "pods"
    CLIENTS = "clients"

    @property
    def called(self) -> Text:
        """What they are called in a sentence."""
        match self:
            case Caller.ACK:
                return t("ACK and its console")
            case Caller.CONTROL_PLANE:
                return t("the vSwitches of the control plane")
            case Caller.NODES:
                return t("the nodes")
            case Caller.PODS:
                return t("the Pods")
            case Caller.CLIENTS:
                return t("configured clients")


@dataclass(frozen=True)
class Refusal:
    """What is refused of one kind of callers.

    Attributes:
        caller: whose addresses.
        addresses: those that are refused.
        is_sure: whether one of them is theirs for certain.
        is_in_use: whether somebody calls from there today; else further nodes and Pods will.
        bypasses: whether they don't come through the load balancer at all.
    """

    caller: Caller
    addresses: AddressSet
    is_sure: bool = True
    is_in_use: bool = True
    bypasses: bool = False


def refusal_findings(
    balancer: LoadBalancer, access: AccessFilter, refusals: Sequence[Refusal], region: str
) -> Iterator[Finding]:
    """Make the findings: on who is refused today, on who will be, and on who does not come this way."""
    today = [one for one in refusals if one.is_in_use and not one.bypasses]
    told = AddressSet()
    for one in today:
        told |= one.addresses
    later = [one for one in refusals if not one.is_in_use and not one.bypasses and not one.addresses <= told]
    beside = [one for one in refusals if one.bypasses]
    if today:
        yield _refused(balancer, access, today, region)
    if later:
        yield _refused_later(balancer, access, later, region)
    if beside:
        yield _refused_beside(balancer, access, beside, region)


def empty_finding(balancer: LoadBalancer, access: AccessFilter, region: str) -> Finding:
    """Make the finding that the white list has no entries."""
    return Finding(
        subject=balancer.ref,
        fault="empty-white-list",
        severity=Severity.MEDIUM,
        message=t(
            "listener TCP {port} of the API server's load balancer {id} has a white list without entries ({lists})",
            port=API_PORT,
            id=balancer.id,
            lists=list(access.list_ids),
        ),
        why=t(
            "The documentation says both that such a list admits everybody and that it admits nobody: either nobody "
            "reaches the API server through the load balancer, or a restriction that somebody wanted is not there."
        ),
        trail=_trail(balancer, access, t("white list without entries"), []),
        evidence=_evidence(access, []),
        remedy=(_confirm(_first(access), region), _add_entries(access, region, [ACK_CONTROL_PLANE])),
    )


def _refused(balancer: LoadBalancer, access: AccessFilter, refusals: Sequence[Refusal], region: str) -> Finding:
    message = (
        t(
            "the white list of listener TCP {port} of the API server's load balancer {id} lacks, and so refuses: {who}",
            port=API_PORT,
            id=balancer.id,
            who=_listed(refusals),
        )
        if access.kind is AccessKind.WHITE
        else t(
            "the black list of listener TCP {port} of the API server's load balancer {id} refuses: {who}",
            port=API_PORT,
            id=balancer.id,
            who=_listed(refusals),
        )
    )
    sure = any(one.is_sure for one in refusals)
    return Finding(
        subject=balancer.ref,
        fault="refused",
        certainty=Certainty.CONFIRMED if sure else Certainty.LIKELY,
        message=message,
        trail=_trail(balancer, access, t("refuses {who}", who=_listed(refusals)), refusals),
        evidence=_evidence(access, refusals),
        remedy=_cure(access, refusals, region),
    )


def _refused_later(balancer: LoadBalancer, access: AccessFilter, refusals: Sequence[Refusal], region: str) -> Finding:
    return Finding(
        subject=balancer.ref,
        fault="refused-later",
        # Single addresses on a black list were put there on purpose; what a white list lacks was forgotten.
        severity=Severity.MEDIUM if access.kind is AccessKind.WHITE else Severity.INFO,
        certainty=Certainty.AT_RISK,
        message=t(
            "the access control list of listener TCP {port} of the API server's load balancer {id} refuses addresses "
            "that nobody in the cluster has today, but may get: {who}",
            port=API_PORT,
            id=balancer.id,
            who=_listed(refusals),
        ),
        why=t(
            "A node that joins, or a control plane that is moved, gets any free address of its vSwitches. One that "
            "is refused never becomes Ready, which shows first when the cluster scales out."
        ),
        trail=_trail(balancer, access, t("refuses {who}", who=_listed(refusals)), refusals),
        evidence=_evidence(access, refusals),
        remedy=_cure(access, refusals, region),
    )


def _refused_beside(balancer: LoadBalancer, access: AccessFilter, refusals: Sequence[Refusal], region: str) -> Finding:
    return Finding(
        subject=balancer.ref,
        fault="pods-beside",
        severity=Severity.INFO,
        certainty=Certainty.AT_RISK,
        message=t(
            "the access control list of listener TCP {port} of the API server's load balancer {id} refuses {who}; "
            "they reach the API server without it today",
            port=API_PORT,
            id=balancer.id,
            who=_listed(refusals),
        ),
        why=t(
            "ACK's documentation asks for the Pods' ranges in a white list. In this cluster Service default/kubernetes "
            "leads to the API servers themselves, so that only a Pod that calls the load balancer's address is refused."
        ),
        trail=_trail(balancer, access, t("refuses {who}", who=_listed(refusals)), refusals),
        evidence=_evidence(access, refusals),
        remedy=_cure(access, refusals, region),
    )


def _listed(refusals: Sequence[Refusal]) -> Text:
    """Return who is refused, as one text: the first, and the others nested behind it."""
    first, *others = refusals
    addresses = first.addresses.first_cidrs(MOST_ENTRIES)
    if not others:
        return t("{who} ({addresses})", who=first.caller.called, addresses=addresses)
    return t("{who} ({addresses}), {others}", who=first.caller.called, addresses=addresses, others=_listed(others))


def _evidence(access: AccessFilter, refusals: Sequence[Refusal]) -> dict[str, Evidence]:
    return {
        "acl_type": str(access.kind),
        "acl_ids": list(access.list_ids),
        "entries": access.entries.cidrs,
        **{f"refused_{one.caller}": one.addresses.first_cidrs(MOST_ENTRIES) for one in refusals},
    }


def _trail(balancer: LoadBalancer, access: AccessFilter, detail: Text, refusals: Sequence[Refusal]) -> tuple[Hop, ...]:
    deciding = access.deciding(_refused_by(refusals))
    lists = [
        ok(cloud_ref("AccessControlList", one), t("holds none of these"))
        if deciding and one not in deciding
        else broken(cloud_ref("AccessControlList", one), detail)
        for one in access.list_ids
    ]
    listener = listener_ref(balancer.id)
    kind = t("access control is on, type {kind}", kind=str(access.kind))
    own = ok(listener, kind) if lists else broken(listener, detail)
    return (ok(balancer.ref, t("address {address}", address=balancer.address)), own, *lists)


def _refused_by(refusals: Sequence[Refusal]) -> AddressSet:
    refused = AddressSet()
    for one in refusals:
        refused |= one.addresses
    return refused


def _confirm(list_id: str, region: str) -> Step:
    return step(
        t("Confirm: see what is on the list."),
        *("aliyun", "slb", "DescribeAccessControlListAttribute", "--RegionId", region, "--AclId", list_id),
    )


def _cure(access: AccessFilter, refusals: Sequence[Refusal], region: str) -> tuple[Step, ...]:
    if access.kind is AccessKind.WHITE:
        addresses = _refused_by(refusals).first_cidrs(MOST_ENTRIES)
        return (_confirm(_first(access), region), _add_entries(access, region, addresses))
    steps: list[Step] = []
    for list_id, entries in access.deciding(_refused_by(refusals)).items():
        words = ",".join(f'{{"entry":"{entry}"}}' for entry in entries[:MOST_ENTRIES])
        steps += [
            _confirm(list_id, region),
            step(
                t(
                    "Take the entries {entries} off black list {id}, or narrow them. It holds at once, for every "
                    "listener that uses the list. Ask first who made them and why.",
                    entries=entries[:MOST_ENTRIES],
                    id=list_id,
                ),
                *("aliyun", "slb", "RemoveAccessControlListEntry", "--RegionId", region),
                *("--AclId", list_id, "--AclEntrys", f"[{words}]"),
            ),
        ]
    return tuple(steps)


def _first(access: AccessFilter) -> str:
    return access.list_ids[0] if access.list_ids else "<acl>"


def _add_entries(access: AccessFilter, region: str, addresses: Sequence[str]) -> Step:
    blocks = [one if "/" in one else f"{one}/{128 if ':' in one else 32}" for one in addresses[:MOST_ENTRIES]]
    entries = ",".join(f'{{"entry":"{block}","comment":"ack"}}' for block in blocks)
    return step(
        t(
            "Add what is missing: 100.104.0.0/16, the vSwitches of the control plane and of the nodes, and the "
            "addresses of administrators. It holds at once, for every listener that uses the list, and lets in nobody "
            "else; never clear the list or take it off in a hurry on a public address."
        ),
        *("aliyun", "slb", "AddAccessControlListEntry", "--RegionId", region),
        *("--AclId", _first(access), "--AclEntrys", f"[{entries}]"),
    )
