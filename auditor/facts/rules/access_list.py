"""The access control of a CLB listener: which source addresses does it refuse?

A listener is restricted while its access control is on: a white list lets only the listed ranges in, a black list
keeps them out, and several lists count as one. A black list without entries refuses nobody. What a white list
without entries does is contradicted by the documentation itself, so that no effect is predicted of it. (The pages on
access control of Classic Load Balancer, "Enable access control" and "Access control overview".)
"""

from dataclasses import dataclass, field
from enum import StrEnum

from auditor.facts.cloud.slb import AccessControlList, Listener
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.table import NotKnown, Reason, ReasonKind, Table, said
from auditor.facts.text import t


class AccessKind(StrEnum):
    """What a listener's access control is. The values are the API's own, but for ``off``."""

    OFF = "off"
    WHITE = "white"
    BLACK = "black"


@dataclass(frozen=True)
class AccessFilter:
    """The access control of one listener.

    Attributes:
        kind: what it is.
        entries: the ranges of all its lists.
        list_ids: the lists.
        written: the entries of each list, as they are written there.
    """

    kind: AccessKind
    entries: AddressSet = field(default_factory=AddressSet)
    list_ids: tuple[str, ...] = ()
    written: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def is_unpredictable(self) -> bool:
        """Whether it is a white list without entries."""
        return self.kind is AccessKind.WHITE and not self.entries

    def refused(self, sources: AddressSet) -> AddressSet:
        """Return those of the source addresses that it refuses. Raises NotKnown if nobody can say."""
        if self.is_unpredictable:
            message = t(
                "the white list {lists} has no entries, of which the documentation says both that it admits "
                "everybody and that it admits nobody",
                lists=list(self.list_ids),
            )
            raise NotKnown(Reason("slb", ReasonKind.UNDECIDABLE, message))
        match self.kind:
            case AccessKind.WHITE:
                return sources - self.entries
            case AccessKind.BLACK:
                return sources & self.entries
            case _:
                return AddressSet()

    def deciding(self, refused: AddressSet) -> dict[str, list[str]]:
        """Return the black lists that hold some of the refused addresses, each with the entries that do."""
        found: dict[str, list[str]] = {}
        for list_id, entries in self.written if self.kind is AccessKind.BLACK else ():
            holding = [entry for entry in entries if AddressSet.of(entry) & refused]
            if holding:
                found[list_id] = holding
        return found


def access_filter(listener: Listener, access_control_lists: Table[AccessControlList]) -> AccessFilter:
    """Return the access control of a listener. Raises NotKnown if its lists, or what they hold, are not known."""
    place = f"{listener.load_balancer_id}:{listener.port}"
    status = said(listener.acl_status, "slb", t("whether listener {listener} has access control", listener=place))
    if status.lower() != "on":
        return AccessFilter(AccessKind.OFF)
    kind = said(
        listener.acl_type, "slb", t("whether the list of listener {listener} is white or black", listener=place)
    )
    try:
        access = AccessKind(kind.lower())
    except ValueError:
        raise NotKnown(_malformed(place, kind)) from None
    entries = AddressSet()
    written: list[tuple[str, tuple[str, ...]]] = []
    for list_id in listener.acl_ids:
        found = said(access_control_lists.get(list_id), "slb", t("the entries of access control list {id}", id=list_id))
        entries |= _entries_of(found)
        written.append((list_id, tuple(found.entries)))
    return AccessFilter(access, entries, tuple(listener.acl_ids), tuple(written))


def _entries_of(found: AccessControlList) -> AddressSet:
    try:
        return AddressSet.of(*found.entries)
    except ValueError:
        message = t(
            "an entry of access control list {id} is no address range: {entries}", id=found.id, entries=found.entries
        )
        raise NotKnown(Reason("slb", ReasonKind.MALFORMED, message)) from None


def _malformed(place: str, kind: str) -> Reason:
    message = t(
        "the access control of listener {listener} is of kind {kind}, which is not known", listener=place, kind=kind
    )
    return Reason("slb", ReasonKind.MALFORMED, message)
