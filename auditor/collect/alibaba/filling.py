"""Fills fact tables: from one list, from batches of ids, or object by object. Partial results are kept."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.failures import CallFailed, malformed
from auditor.collect.alibaba.fields import BadField, Fields
from auditor.collect.alibaba.paging import Listing, Style, gather, shortfall
from auditor.collect.alibaba.sdk import Request
from auditor.facts.table import Gap, Reason, Row, Table

R = TypeVar("R", bound=Row)

Parse = Callable[[Fields], R | None]
"""Makes a row of an item; None for an item that the table leaves out. Raises BadField for a spoilt one."""


class Rows:
    """Rows as they are gathered: one for each key, and the gaps in what is known."""

    def __init__(self) -> None:
        """Start without rows."""
        self.rows: dict[str, Any] = {}
        self.gaps: list[Gap] = []

    def add(self, listing: Listing, request: Request, parse: Parse[Any], key: Callable[[Fields], str]) -> None:
        """Add the items of a listing.

        ``key`` finds the key of an item whose row is spoilt, so that only that row is not known.
        """
        seen = 0
        for item in listing.items:
            seen += self._add_item(item, request, parse, key)
        reasons = list(listing.reasons)
        if not reasons and listing.announced is not None and seen < min(listing.announced, len(listing.items)):
            # The count was right, but rows came twice: others were pushed off the pages.
            reasons.append(shortfall(request, seen, listing.announced))
        self.gaps += [Gap(reason) for reason in reasons]

    def _add_item(self, item: Any, request: Request, parse: Parse[Any], key: Callable[[Fields], str]) -> int:
        try:
            row = parse(Fields(item))
        except BadField as bad:
            reason = malformed(request.product, request.permission, bad.name).reason
            self.gaps.append(Gap(reason, _key_of(item, key)))
            return 1
        if row is None:
            return 1
        is_new = row.key not in self.rows
        self.rows.setdefault(row.key, row)
        return int(is_new)

    def table(self, name: str, asked: Iterable[str] | None = None) -> Table[Any]:
        """Return the table; unavailable if there is nothing but a gap without bounds."""
        unbounded = [gap.reason for gap in self.gaps if gap.keys is None]
        if unbounded and not self.rows:
            return Table.unavailable(name, *_unique(gap.reason for gap in self.gaps))
        return Table(name, self.rows.values(), gaps=_merged(self.gaps), asked=asked)


def _key_of(item: Any, key: Callable[[Fields], str]) -> frozenset[str] | None:
    try:
        return frozenset({key(Fields(item))})
    except BadField:
        return None


def _merged(gaps: Iterable[Gap]) -> list[Gap]:
    """Return the gaps with one for each reason: a thousand denied calls are one denial."""
    merged: dict[tuple[Any, ...], Gap] = {}
    for gap in gaps:
        reason = gap.reason
        identity = (reason.source, reason.kind, str(reason.message), reason.missing)
        old = merged.get(identity)
        if old is None:
            merged[identity] = gap
        else:
            keys = None if old.keys is None or gap.keys is None else old.keys | gap.keys
            merged[identity] = Gap(reason, keys)
    return list(merged.values())


def _unique(reasons: Iterable[Reason]) -> list[Reason]:
    return list({(r.kind, str(r.message), r.missing): r for r in reasons}.values())


def from_list(
    client: CloudClient,
    name: str,
    request: Request,
    path: tuple[str, str],
    style: Style,
    parse: Parse[Any],
    key: Callable[[Fields], str],
) -> Table[Any]:
    """Fill a table from one list, which says all that there is."""
    return from_lists(client, name, [request], path, style, parse, key)


def from_lists(
    client: CloudClient,
    name: str,
    requests: Sequence[Request],
    path: tuple[str, str],
    style: Style,
    parse: Parse[Any],
    key: Callable[[Fields], str],
) -> Table[Any]:
    """Fill a table from several lists, which together say all that there is (one for each VPC, for example)."""
    rows = Rows()
    for request, listing in zip(
        requests, client.each(lambda request: gather(client, request, *path, style), requests), strict=True
    ):
        rows.add(listing, request, parse, key)
    return rows.table(name)


def from_batches(
    client: CloudClient,
    name: str,
    ids: Iterable[str],
    size: int,
    request: Callable[[list[str]], Request],
    path: tuple[str, str],
    style: Style,
    parse: Parse[Any],
    key: Callable[[Fields], str],
    *,
    also_asked: Iterable[str] = (),
    absent: Callable[[str], Any] | None = None,
) -> Table[Any]:
    """Fill a table by ids, so many with each call. An id that a complete answer leaves out is known to be absent.

    Args:
        client: the client.
        name: the table.
        ids: what to ask for.
        size: how many ids a call takes.
        request: makes the call for some ids.
        path: the keys of the list in the answer.
        style: its paging.
        parse: makes a row of an item.
        key: finds the key of a spoilt item.
        also_asked: keys that are known to be absent without asking: no resource can have such an id.
        absent: makes the row that stands for an id without an item, for tables that have one.
    """
    wanted = sorted(set(ids))
    batches = [wanted[start : start + size] for start in range(0, len(wanted), size)]
    requests = [request(batch) for batch in batches]
    listings = client.each(lambda one: gather(client, one, *path, style), requests)
    whole = Rows()
    for batch, made, listing in zip(batches, requests, listings, strict=True):
        part = Rows()
        part.add(listing, made, parse, key)
        unseen = frozenset(batch) - set(part.rows)
        whole.gaps += [gap if gap.keys is not None else Gap(gap.reason, unseen) for gap in part.gaps]
        if absent and not part.gaps:
            part.rows |= {one: absent(one) for one in unseen}
        whole.rows |= part.rows
    asked = {*wanted, *also_asked}
    hidden = frozenset().union(*(gap.keys or () for gap in whole.gaps))
    if wanted and hidden >= set(wanted):
        return Table.unavailable(name, *_unique(gap.reason for gap in whole.gaps))
    return Table(name, whole.rows.values(), gaps=_merged(whole.gaps), asked=asked)


def one_by_one(
    client: CloudClient,
    name: str,
    source: str,
    keys: Iterable[str],
    read: Callable[[str], Any],
    *,
    may_be_absent: bool = True,
) -> Table[Any]:
    """Fill a table object by object, some at a time.

    ``read`` returns the row of a key. It raises CallFailed, or BadField for a spoilt answer: then just this key
    is not known. An error that says "not found" means absent; but not for objects that others refer to, and
    that may belong to another account (``may_be_absent=False``): those exist, and can't be seen.
    """
    asked = sorted(set(keys))
    results = client.each(lambda key: _read_one(source, name, key, read, may_be_absent), asked)
    gaps = [result for result in results if isinstance(result, Gap)]
    rows = [result for result in results if result is not None and not isinstance(result, Gap)]
    return by_keys(name, asked, rows, gaps)


def by_keys(name: str, asked: Collection[str], rows: Iterable[Row], gaps: Sequence[Gap]) -> Table[Any]:
    """Return the table of the keys that were asked for, the gaps among them; unavailable if those hide all."""
    hidden = frozenset().union(*(gap.keys or () for gap in gaps))
    if asked and hidden.issuperset(asked):
        return Table.unavailable(name, *_unique(gap.reason for gap in gaps))
    return Table(name, rows, gaps=_merged(gaps), asked=asked)


def _read_one(source: str, name: str, key: str, read: Callable[[str], Any], may_be_absent: bool) -> Any:
    try:
        return read(key)
    except CallFailed as failure:
        if may_be_absent and (failure.is_absent or failure.is_not_opened):
            return None
        return Gap(failure.reason, frozenset({key}))
    except BadField as bad:
        return Gap(malformed(source, name, bad.name).reason, frozenset({key}))


def complete(listing: Listing, request: Request) -> list[Fields]:
    """Return the items of a list that a row holds whole. Raises CallFailed if any may be missing."""
    if listing.failure:
        raise listing.failure
    for reason in listing.reasons:
        raise CallFailed(request.product, reason.kind, reason.message, missing=reason.missing)
    return [Fields(item) for item in listing.items]


def nothing_asked(name: str) -> Table[Any]:
    """Return the table of which nothing needed to be asked: known, and it says nothing about any key."""
    return Table(name, asked=())
