"""Reading lists: page by page, straight from bytes into rows, with a gap for whatever was not read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec

from auditor.collect.kubernetes.client import JSON, KubernetesClient
from auditor.collect.kubernetes.failures import CallFailed, reason
from auditor.collect.kubernetes.sharing import Sharing
from auditor.facts.cycles import search_held_off
from auditor.facts.kubernetes.meta import AnnotatedObject, KubernetesObject
from auditor.facts.table import Gap, Reason, ReasonKind, Table
from auditor.facts.text import Text, t

PAGE_ROWS = 500
"""The page size of ``kubectl``."""
PAGES = 10_000
"""No list is read further than this: the server must be repeating itself."""
ITEM_GAPS = 50
"""How many unreadable items get a reason of their own; the others share one."""
ANNOTATION_CHARACTERS = 4096
"""A longer annotation is none that steers a component."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""A copy of the whole object, which may hold what somebody once took out of it."""

R = TypeVar("R", bound=KubernetesObject)


@dataclass(frozen=True)
class Listing:
    """One list of the API: its path, the permission that it takes and the kind of answer that is expected."""

    path: str
    kind: str
    accept: str = JSON
    needs_kind: bool = False
    """Whether an answer that doesn't say its kind is refused too."""

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


class _ListMeta(msgspec.Struct, rename="camel", frozen=True):
    continue_: str = msgspec.field(default="", name="continue")
    remaining_item_count: int | None = None


class _Answer(msgspec.Struct, Generic[R], frozen=True):
    items: list[R]
    kind: str = ""
    metadata: _ListMeta = _ListMeta()


class _RawAnswer(msgspec.Struct, frozen=True):
    items: list[msgspec.Raw] | None = None
    kind: str = ""
    metadata: _ListMeta = _ListMeta()


class _Name(msgspec.Struct, frozen=True):
    name: str
    namespace: str = ""


class _Named(msgspec.Struct, frozen=True):
    metadata: _Name


@cache
def _answer_decoder(row_type: type[R]) -> msgspec.json.Decoder[_Answer[R]]:
    return msgspec.json.Decoder(_Answer[row_type])  # type: ignore[valid-type]


@cache
def _item_decoder(row_type: type[R]) -> msgspec.json.Decoder[R]:
    return msgspec.json.Decoder(row_type)


_RAW = msgspec.json.Decoder(_RawAnswer)
_NAMED = msgspec.json.Decoder(_Named)


class _Malformed(Exception):  # noqa: N818
    def __init__(self, text: Text) -> None:
        super().__init__(str(text))
        self.text = text


def resource_of(path: str) -> str:
    """Return ``<resource>[.<group>]`` of the path of a list in all namespaces."""
    parts = path.strip("/").split("/")
    return parts[-1] if parts[0] == "api" else f"{parts[-1]}.{parts[1]}"


def read_table(client: KubernetesClient, table: str, listing: Listing, row_type: type[R]) -> Table[R]:
    """Read a whole list into a table, whatever happens on the way."""
    rows: dict[str, R] = {}
    earlier: dict[str, R] = {}
    gaps: list[Gap] = []
    is_known = False
    sharing = Sharing(row_type)
    for page in list_pages(client, listing, row_type):
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
        query: dict[str, str | int] = {"limit": limit or PAGE_ROWS, **({"continue": token} if token else {})}
        page: Page[R] = Page(starts_again=began_anew and not token)
        try:
            body = client.get(listing.path, query, permission=listing.permission, accept=listing.accept)
            page, meta, items = _decode(body, listing, row_type, page)
        except CallFailed as failure:
            if failure.code != 410 or not token:
                yield progress.ended_by(page, failure.reason)
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
        except _Malformed as problem:
            yield progress.ended_by(page, reason(ReasonKind.MALFORMED, problem.text))
            return
        progress.add(items, meta.remaining_item_count)
        token = meta.continue_
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


def _decode(body: bytes, listing: Listing, row_type: type[R], page: Page[R]) -> tuple[Page[R], _ListMeta, int]:
    """Return the page with its rows, and the number of items that it had."""
    try:
        with search_held_off():
            answer = _answer_decoder(row_type).decode(body)
    except msgspec.ValidationError:
        return _decode_one_by_one(body, listing, row_type, page)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _Malformed(t("GET {path}: the answer is no whole JSON", path=listing.path)) from None
    _check_kind(answer.kind, listing)
    page.is_answered = True
    page.rows = answer.items
    _trim(page.rows, row_type)
    return page, answer.metadata, len(answer.items)


def _decode_one_by_one(
    body: bytes, listing: Listing, row_type: type[R], page: Page[R]
) -> tuple[Page[R], _ListMeta, int]:
    try:
        answer = _RAW.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _Malformed(t("GET {path}: the answer is no list of the API", path=listing.path)) from None
    _check_kind(answer.kind, listing)
    if answer.items is None:
        raise _Malformed(t("GET {path}: items of the answer is null or absent", path=listing.path))
    page.is_answered = True
    decoder = _item_decoder(row_type)
    for item in answer.items:
        try:
            page.rows.append(decoder.decode(item))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            page.gaps.append(_gap_of_item(bytes(item), listing.path, error))
    _trim(page.rows, row_type)
    return page, answer.metadata, len(answer.items)


def _gap_of_item(item: bytes, path: str, error: Exception) -> Gap:
    # The decoder names the place and the types, and quotes no value.
    what = str(error) if isinstance(error, msgspec.ValidationError) else "no valid UTF-8"
    try:
        named = _NAMED.decode(item).metadata
    except (msgspec.DecodeError, UnicodeDecodeError):
        message = t("GET {path}: an item without a name can't be read: {what}", path=path, what=what)
        return Gap(reason(ReasonKind.MALFORMED, message))
    key = f"{named.namespace}/{named.name}" if named.namespace else named.name
    message = t("GET {path}: {key} can't be read: {what}", path=path, key=key, what=what)
    return Gap(reason(ReasonKind.MALFORMED, message), frozenset({key}))


def _check_kind(kind: str, listing: Listing) -> None:
    if kind != listing.kind and (kind or listing.needs_kind):
        raise _Malformed(
            t(
                "GET {path}: the answer is of kind {kind}, {expected} expected",
                path=listing.path,
                kind=kind or "-",
                expected=listing.kind,
            )
        )


def _trim(rows: list[R], row_type: type[R]) -> None:
    if not issubclass(row_type, AnnotatedObject):
        return
    for row in rows:
        annotations = row.metadata.annotations if isinstance(row, AnnotatedObject) else None
        for name in [name for name, value in (annotations or {}).items() if _is_ballast(name, value)]:
            del (annotations or {})[name]


def _is_ballast(name: str, value: str) -> bool:
    return name == LAST_APPLIED or len(value) > ANNOTATION_CHARACTERS


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
