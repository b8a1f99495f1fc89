"""Gathers lists that come in pages, and tells what is missing from them.

A list is complete when as much was gathered as was announced. What was gathered before a failure is kept. A list in
numbered pages that changes while it is read is begun once more: what is deleted pushes a row from the page that is
still to come to the one that has been.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from auditor.collect.alibaba.failures import CallFailed, malformed
from auditor.collect.alibaba.fields import BadField, Fields
from auditor.collect.alibaba.sdk import Request
from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import Text, t

MOST_PAGES = 1000
"""Far above what any account needs; ends a list whose pages never do."""
_MOST_STARTS = 2
"""How often a list is begun that changes while it is read."""


@dataclass(frozen=True)
class Numbered:
    """Paging by number: on until as much is gathered as the total announces."""

    size: int
    number_param: str = "PageNumber"
    size_param: str = "PageSize"
    total: str = "TotalCount"
    newest: int | None = None
    """So many rows are enough, of a list that begins with the newest: what comes after them is left, not missing."""


@dataclass(frozen=True)
class Tokened:
    """Paging by token: on until none is given. The total may be left out, or be 0 beside rows (ECS)."""

    size: int
    size_param: str = "MaxResults"
    total: str = "TotalCount"


@dataclass(frozen=True)
class NumberedOrTokened:
    """Paging of Container Service: by token where an answer hands one out, else by number.

    The total stands inside ``page_info``, and may be left out beside a token. ``newest`` is as in Numbered.
    """

    size: int
    newest: int
    total: str = "page_info.total_count"


@dataclass(frozen=True)
class Whole:
    """No paging: one answer holds the whole list, and announces no total."""

    total: str = "TotalCount"


PAGE_NUMBER = Numbered
ENTRY_PAGE = Numbered(50, "Page", "PageSize", "TotalAclEntry")
"""The pages of an access control list's entries (SLB), which has names of its own for all of it."""
ROUTE_PAGE = Tokened(100, "MaxResult")
"""The pages of a route table (VPC), whose size parameter is singular."""
WHOLE = Whole()

Style = Numbered | Tokened | NumberedOrTokened | Whole


class Caller(Protocol):
    """Who sends the calls: the client, or what stands before it and makes its answers readable."""

    def call(self, request: Request) -> dict[str, Any]:
        """Send a request and return its decoded answer. Raises CallFailed."""


@dataclass
class Listing:
    """What was gathered of a list.

    Attributes:
        items: as they came; None of them was looked into.
        reasons: why some may be missing; empty for a complete list.
        announced: how many there should be; None where the answers did not say.
        last: the last answer, for what stands beside the list.
        failure: the call that failed, if one did.
    """

    items: list[Any] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    announced: int | None = None
    last: Fields | None = None
    failure: CallFailed | None = None


def gather(client: Caller, request: Request, outer: str, inner: str, style: Style) -> Listing:
    """Read a whole list. Never raises for what the API answers: see ``reasons`` of the result.

    A product that the account has not opened has no such resources: its list is empty, and known.

    Args:
        client: the client.
        request: the operation, without the parameters of paging.
        outer: the key of the list.
        inner: the key inside, if the list is wrapped.
        style: how the operation cuts its list into pages.
    """
    listing = Listing()
    try:
        for _ in _pages(client, request, outer, inner, style, listing):
            pass
    except CallFailed as failure:
        listing.failure = failure
        if not failure.is_not_opened or listing.items:
            listing.reasons.append(failure.reason)
    except BadField as bad:
        listing.reasons.append(malformed(request.product, request.permission, bad.name).reason)
    return listing


def _pages(client: Caller, request: Request, outer: str, inner: str, style: Style, listing: Listing) -> Iterator[None]:
    advance = _Advance(request, style)
    starts = 1
    for _ in range(MOST_PAGES):
        answer = Fields(client.call(advance.next_request()))
        listing.last = answer
        total = _total(answer, style)
        if isinstance(style, Numbered) and _has_changed(listing.announced, total):
            if starts == _MOST_STARTS:
                listing.reasons.append(_cut(request, listing, t("it changed again and again while it was read")))
                return
            starts += 1
            advance = _Advance(request, style)
            listing.items.clear()
            listing.announced = None
            continue
        listing.announced = listing.announced if total is None else total
        page = answer.items(outer, inner)
        if page is None and not (total == 0 and not listing.items):
            # Absent is not empty: only an announced 0 says that there is nothing.
            raise BadField(outer)
        listing.items += page or []
        if advance.is_done(answer, page or [], listing):
            return
        yield
    listing.reasons.append(_cut(request, listing, t("the list did not end after {n} pages", n=MOST_PAGES)))


def _has_changed(before: int | None, now: int | None) -> bool:
    return before is not None and now is not None and now != before


def _total(answer: Fields, style: Style) -> int | None:
    outer, _, inner = style.total.rpartition(".")
    return (answer.child(outer) if outer else answer).integer(inner)


class _Advance:
    """Knows which page comes next, and whether one does."""

    def __init__(self, request: Request, style: Style) -> None:
        self._request = request
        self._style = style
        self._number = 0
        self._tokens: list[str] = []
        self._previous: list[Any] | None = None

    def next_request(self) -> Request:
        self._number += 1
        style = self._style
        if isinstance(style, Numbered):
            return self._request.having(**{style.number_param: self._number, style.size_param: style.size})
        if isinstance(style, Tokened):
            token = {"NextToken": self._tokens[-1]} if self._tokens else {}
            return self._request.having(**{style.size_param: style.size}, **token)
        if isinstance(style, NumberedOrTokened):
            if self._tokens:
                return self._request.having(next_token=self._tokens[-1], max_results=style.size)
            return self._request.having(page_number=self._number, page_size=style.size)
        return self._request

    def is_done(self, answer: Fields, page: list[Any], listing: Listing) -> bool:
        if isinstance(self._style, Numbered):
            return self._is_last_number(page, listing)
        if isinstance(self._style, Tokened):
            return self._is_last_token(answer.word("NextToken"), listing)
        if isinstance(self._style, NumberedOrTokened):
            return self._is_last_of_either(answer, page, listing, self._style)
        self._check_shortfall(listing)
        return True

    def _is_last_number(self, page: list[Any], listing: Listing) -> bool:
        if listing.announced is None:
            raise BadField(self._style.total)
        if len(listing.items) >= self._wanted(listing.announced):
            return True
        if not page:
            self._check_shortfall(listing)
            return True
        if page == self._previous:
            listing.reasons.append(_cut(self._request, listing, t("the same page came twice")))
            return True
        self._previous = page
        return False

    def _is_last_of_either(self, answer: Fields, page: list[Any], listing: Listing, style: NumberedOrTokened) -> bool:
        token = answer.word("next_token")
        if len(listing.items) >= style.newest or len(listing.items) == listing.announced:
            return True
        if token or self._tokens:
            return self._is_last_token(token, listing)
        if listing.announced is not None:
            return self._is_last_number(page, listing)
        if "next_token" not in answer and len(page) >= style.size:
            raise BadField(style.total)  # a full page that says neither how much there is nor how to go on
        return True

    def _is_last_token(self, token: str, listing: Listing) -> bool:
        if not token:
            self._check_shortfall(listing)
            return True
        if token in self._tokens:
            listing.reasons.append(_cut(self._request, listing, t("the same NextToken came twice")))
            return True
        self._tokens.append(token)
        return False

    def _check_shortfall(self, listing: Listing) -> None:
        if listing.announced is not None and len(listing.items) < self._wanted(listing.announced):
            listing.reasons.append(shortfall(self._request, len(listing.items), listing.announced))

    def _wanted(self, announced: int) -> int:
        newest = self._style.newest if isinstance(self._style, Numbered | NumberedOrTokened) else None
        return announced if newest is None else min(announced, newest)


def shortfall(request: Request, read: int, announced: int) -> Reason:
    """Return the reason of a list that brought less than it announced."""
    text = t(
        "{action} brought {read} of {announced} announced rows",
        action=request.permission,
        read=read,
        announced=announced,
    )
    return Reason(request.product, ReasonKind.TRUNCATED, text)


def _cut(request: Request, listing: Listing, why: Text) -> Reason:
    text = t(
        "{action} was cut off after {read} rows: {why}", action=request.permission, read=len(listing.items), why=why
    )
    return Reason(request.product, ReasonKind.TRUNCATED, text)
