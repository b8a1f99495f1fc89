"""Reading lists: page by page, straight from bytes into rows, with a gap for whatever was not read.

Lists are read consistently: without a ``resourceVersion``, all pages show the one moment at which the first was
answered. A read from the watch cache (``resourceVersion=0``) would spare a server before 1.31 the way to etcd, but
may show a state of any age, older than what another list has just told, so that the joins of two lists would find
faults that never were; and the cache does not know ``limit``: it answers with the whole list at once.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from auditor.collect.kubernetes.answers import Decoded, Expected, Malformed, decode_list
from auditor.collect.kubernetes.calls import JSON
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.failures import CallFailed, reason, single_line
from auditor.collect.kubernetes.sharing import Sharing
from auditor.facts.kubernetes.meta import KubernetesObject
from auditor.facts.table import Gap, Reason, ReasonKind, Table
from auditor.facts.text import Text, t

PAGE_ROWS = 500
"""The page size of ``kubectl``."""
PAGES = 10_000
"""No list is read further than this: the server must be repeating itself."""
ITEM_GAPS = 50
"""How many unreadable items get a reason of their own; the others share one."""

R = TypeVar("R", bound=KubernetesObject)

Decode = Callable[[bytes, Expected, type[Any]], Decoded[Any]]


@dataclass(frozen=True)
class Listing(Expected):
    """One list of the API: its path, the kind of answer that is expected, and the form that is asked for.

    Attributes:
        accept: the form of the answer to ask for.
        query: further parameters, beside those of paging.
        decode: what reads an answer of that form.
    """

    accept: str = JSON
    query: Mapping[str, str] = field(default_factory=dict)
    decode: Decode = decode_list

    @property
    def permission(self) -> str:
        """``list <resource>[.<group>]``."""
        return f"list {resource_of(self.path)}"


@dataclass
class Page(Generic[R]):
    """A part of a list.

    Attributes:
        rows: what was read.
        gaps: what was not.
        announced: on the last page, how many items the whole list was said to have, if it was said.
        is_answered: whether the server answered with a list at all.
        starts_again: whether the list had to be begun anew, so that what came before is out of date.
    """

    rows: list[R] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    announced: int | None = None
    is_answered: bool = False
    starts_again: bool = False


def resource_of(path: str) -> str:
    """Return ``<resource>[.<group>]`` of the path of a list, in all namespaces or in one."""
    parts = path.strip("/").split("/")
    return parts[-1] if parts[0] == "api" else f"{parts[-1]}.{parts[1]}"


def read_table(
    client: KubernetesClient,
    table: str,
    listing: Listing,
    row_type: type[R],
    *,
    wire_type: type[Any] | None = None,
    converted: Callable[[Any], R] | None = None,
) -> Table[R]:
    """Read a whole list into a table, whatever happens on the way.

    Args:
        client: of the cluster.
        table: the name of the table.
        listing: the list.
        row_type: the type of the rows.
        wire_type: the type of the items in the answer, if it is another one.
        converted: makes a row from an item of ``wire_type``.
    """
    rows: dict[str, R] = {}
    earlier: dict[str, R] = {}
    gaps: list[Gap] = []
    is_known = False
    sharing = Sharing(row_type)
    for wire in list_pages(client, listing, wire_type or row_type):
        page: Page[Any] = wire if converted is None else replace(wire, rows=[converted(row) for row in wire.rows])
        if page.starts_again:
            earlier, rows, gaps = rows, {}, []
        is_known = is_known or page.is_answered
        sharing.rows(page.rows)
        rows.update((row.key, row) for row in page.rows)
        gaps += page.gaps
        if not any(gap.keys is None for gap in gaps) and len(rows) + len(gaps) < (page.announced or 0):
            twice = t("GET {path}: items came twice, and others not at all", path=listing.path)
            gaps.append(Gap(reason(ReasonKind.TRUNCATED, twice)))
    if any(gap.keys is None for gap in gaps):
        rows = earlier | rows
    if gaps and not is_known:
        return Table.unavailable(table, *(gap.reason for gap in _joined(gaps)))
    return Table(table, rows.values(), gaps=_joined(gaps))


def list_pages(
    client: KubernetesClient, listing: Listing, row_type: type[R], *, limit: int | None = None
) -> Iterator[Page[R]]:
    """Read a list page by page, ``PAGE_ROWS`` items at a time if no other ``limit`` is given.

    Never raises for what the API does: the last page has a gap if the list could not be read to its end. An
    expired continue token is replaced by the one that the server offers, else the list is begun anew, once.
    """
    progress = _Progress()
    token = ""
    tokens: set[str] = set()
    began_anew = False
    for _ in range(PAGES):
        query: dict[str, str | int] = {"limit": limit or PAGE_ROWS, **listing.query}
        if token:
            query["continue"] = token
        page: Page[R] = Page(starts_again=began_anew and not token)
        try:
            body = client.get(listing.path, query, permission=listing.permission, accept=listing.accept)
            answer: Decoded[R] = listing.decode(body, listing, row_type)
        except CallFailed as failure:
            if failure.code != HTTPStatus.GONE:
                yield progress.ended_by(page, failure.reason)
                return
            if not token:
                yield progress.ended_by(page, reason(ReasonKind.ERROR, _gone_at_once(listing.path, failure)))
                return
            fresh = failure.status.metadata.continue_ if failure.status else ""
            if fresh and fresh not in tokens:
                token = fresh
                # The rest is listed as it is now, so what was announced before no longer binds.
                progress.total = None
            elif not began_anew:
                token, began_anew, progress = "", True, _Progress()
                tokens.clear()
                continue
            else:
                yield progress.ended_by(page, reason(ReasonKind.TRUNCATED, failure.reason.message))
                return
            tokens.add(token)
            continue
        except Malformed as problem:
            yield progress.ended_by(page, reason(ReasonKind.MALFORMED, problem.text))
            return
        page.is_answered, page.rows, page.gaps = True, answer.rows, answer.gaps
        progress.add(answer.items, answer.meta.remaining_item_count)
        token = answer.meta.continue_
        if not token:
            yield progress.ended(page, listing.path)
            return
        if token in tokens:
            repeated = t("GET {path}: the server repeats its pages", path=listing.path)
            yield progress.ended_by(page, reason(ReasonKind.TRUNCATED, repeated))
            return
        tokens.add(token)
        yield page
    endless = t("GET {path}: the list has no end after {pages} pages", path=listing.path, pages=PAGES)
    yield progress.ended_by(Page(), reason(ReasonKind.TRUNCATED, endless))


def _gone_at_once(path: str, failure: CallFailed) -> Text:
    """Say of a list whose first page is answered with 410 that no token was at fault: none had been sent."""
    return t(
        "GET {path}: the API server answered 410 Gone though the list was begun anew, so it has lost the state to read "
        "from; it may be restoring its store or its cache: look at its health, and audit again ({words})",
        path=path,
        words=single_line(failure.status.message) if failure.status else "",
    )


@dataclass
class _Progress:
    """How many items were read, of how many that were announced."""

    read: int = 0
    total: int | None = None

    def add(self, items: int, remaining: int | None) -> None:
        self.read += items
        if remaining is not None:
            # A list is of one moment: if two pages announce different totals, items are missing in between.
            self.total = max(self.total or 0, self.read + remaining)

    def ended_by(self, page: Page[R], why: Reason) -> Page[R]:
        """Return the page with a gap over all that was not read."""
        message = why.message
        if self.read and self.total is not None:
            message = t("{why}; {read} of {total} were read", why=message, read=self.read, total=self.total)
        elif self.read:
            message = t("{why}; only the first {read} were read", why=message, read=self.read)
        page.gaps.append(Gap(Reason(why.source, why.kind, message, why.missing)))
        return page

    def ended(self, page: Page[R], path: str) -> Page[R]:
        """Return the last page, with a gap if less was read than announced."""
        if self.total is not None and self.read < self.total:
            short = t("GET {path}: the list ended early", path=path)
            return self.ended_by(page, reason(ReasonKind.TRUNCATED, short))
        page.announced = self.total
        return page


def _joined(gaps: list[Gap]) -> list[Gap]:
    """Return the gaps, those of single items beyond the first ones put into one."""
    single = [gap for gap in gaps if gap.keys is not None]
    if len(single) <= ITEM_GAPS:
        return gaps
    rest = single[ITEM_GAPS:]
    keys = frozenset[str]().union(*(gap.keys or () for gap in rest))
    message = t("{count} further items can't be read, as those before", count=len(rest))
    return [
        *single[:ITEM_GAPS],
        Gap(reason(ReasonKind.MALFORMED, message), keys),
        *(gap for gap in gaps if gap.keys is None),
    ]


def listings(paths: Mapping[str, str], row_types: Mapping[str, type[Any]]) -> dict[str, Listing]:
    """Return the listings of these paths by table; the kind of the answer is that of the rows."""
    return {table: Listing(path, f"{row_types[table].KIND}List") for table, path in paths.items()}
