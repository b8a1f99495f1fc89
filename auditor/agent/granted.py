"""What a collection has shown of each permission: granted, missing, not needed, or not told."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from auditor.collect.permissions import switched_on
from auditor.collect.plan import Side, Unanswered
from auditor.collect.provider import Provider
from auditor.collect.registry import providers
from auditor.collect.tally import Use
from auditor.facts.ref import Layer
from auditor.facts.table import Reason, ReasonKind, Table


class Grant(StrEnum):
    """What is known of a permission. The values are part of the doctor's JSON."""

    OK = "ok"
    MISSING = "missing"
    NOT_NEEDED = "not_needed"
    NOT_TOLD = "not_told"


@dataclass(frozen=True)
class Permission:
    """What a collection has shown of one permission.

    Attributes:
        name: the RAM action or the Kubernetes right.
        layer: the side.
        source: the API that it is for.
        grant: what is known of it.
        tables: the tables that are read by it.
        calls: the calls that needed it, repeats not counted.
        denied: those of them that were refused for want of it.
        reason: why it is missing or not told; None otherwise.
    """

    name: str
    layer: Layer
    source: str
    grant: Grant
    tables: tuple[str, ...]
    calls: int = 0
    denied: int = 0
    reason: Reason | None = None


@dataclass(frozen=True)
class Unread:
    """A table that could not be read, or not as a whole, for another cause than a missing permission."""

    table: str
    reason: Reason


class Counting(Protocol):
    """A client that notes what became of the calls for each permission."""

    def use(self, permission: str) -> Use:
        """Return what became of the calls that needed a permission."""


def permissions_shown(
    tables: Mapping[str, Table[Any]], sides: Mapping[Layer, Side], probes: Iterable[str], *, secret_metadata: bool
) -> list[Permission]:
    """Return what the collection of these tables has shown of each permission that they take.

    A permission is granted only if a call that needs it was made and answered. One that a probe takes is left out
    unless the probe is switched on.
    """
    known = providers()
    asked = switched_on(tables.keys() & known.keys(), set(probes), secret_metadata=secret_metadata)
    takers: dict[tuple[Layer, str], list[Provider]] = {}
    for name in sorted(asked):
        for right in known[name].permissions:
            takers.setdefault((known[name].layer, right), []).append(known[name])
    shown = [_shown(right, those, tables, sides[layer]) for (layer, right), those in sorted(takers.items())]
    return sorted(shown, key=lambda one: (one.layer is Layer.CLOUD, one.source, one.name))


def unread(
    tables: Mapping[str, Table[Any]], permissions: Iterable[Permission], known: Collection[Reason]
) -> list[Unread]:
    """Return what could not be read, once for each reason, where no missing permission and no choice is the cause.

    ``known`` are reasons that are told elsewhere: those of a whole side.
    """
    missing = {one.name for one in permissions if one.grant is Grant.MISSING}
    found: dict[tuple[str, str], Unread] = {}
    for name, table in sorted(tables.items()):
        for reason in table.reasons:
            is_told = reason in known or bool(missing & set(reason.missing))
            if reason.kind is not ReasonKind.SWITCHED_OFF and not is_told:
                found.setdefault((reason.source, str(reason.message)), Unread(name, reason))
    return list(found.values())


def _shown(right: str, takers: list[Provider], tables: Mapping[str, Table[Any]], side: Side) -> Permission:
    first = takers[0]
    use = _use_of(side, right)
    reasons = [
        reason
        for taker in takers
        if (table := tables.get(taker.table)) is not None
        for reason in table.reasons
        if reason.kind is not ReasonKind.SWITCHED_OFF
    ]
    grant, reason = _grant(right, use, reasons)
    names = tuple(taker.table for taker in takers)
    return Permission(right, first.layer, first.source, grant, names, use.asked, use.denied, reason)


def _grant(right: str, use: Use, reasons: list[Reason]) -> tuple[Grant, Reason | None]:
    denied = [reason for reason in reasons if right in reason.missing]
    if use.denied or denied:
        return Grant.MISSING, denied[0] if denied else use.failure
    if use.answered:
        return Grant.OK, None
    if use.failed:
        return Grant.NOT_TOLD, use.failure
    return (Grant.NOT_TOLD, reasons[0]) if reasons else (Grant.NOT_NEEDED, None)


def _use_of(side: Side, right: str) -> Use:
    client: Any = side.client if isinstance(side, Unanswered) else side
    counting: Counting | None = None if isinstance(client, Reason) else client
    return counting.use(right) if counting else Use()
