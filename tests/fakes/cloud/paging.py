"""The ways in which the products cut a list into pages."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from tests.fakes.cloud.wire import ApiError, Json, Parameters, invalid

HIGHEST_NUMBER = 10**9


class Page(NamedTuple):
    """One page of a list.

    Attributes:
        items: what is on it.
        number: its number, from 1.
        size: how many items a page holds.
        total: how many items there are on all pages.
        token: what fetches the next page; empty on the last.
    """

    items: list[Any]
    number: int
    size: int
    total: int
    token: str

    def counted(self) -> Json:
        """Return the keys of paging by number."""
        return {"PageNumber": self.number, "PageSize": self.size, "TotalCount": self.total}


def by_number(
    items: Sequence[Any],
    params: Parameters,
    *,
    largest: int,
    default: int = 10,
    number: str = "PageNumber",
    size: str = "PageSize",
) -> Page:
    """Return the page that was asked for by number; one past the end is empty."""
    asked_size = _size(params, size, default, largest)
    asked = params.number(number, 1, 1, HIGHEST_NUMBER)
    start = (asked - 1) * asked_size
    return Page(list(items[start : start + asked_size]), asked, asked_size, len(items), "")


def by_token(
    items: Sequence[Any],
    params: Parameters,
    *,
    largest: int,
    default: int,
    smallest: int = 1,
    size: str = "MaxResults",
    token: str = "NextToken",
) -> Page:
    """Return the page that a token stands for, the first without one."""
    asked_size = _size(params, size, default, largest, smallest)
    start = _start(params.text(token), token)
    end = start + asked_size
    following = _token(end) if end < len(items) else ""
    return Page(list(items[start:end]), 1, asked_size, len(items), following)


def _size(params: Parameters, name: str, default: int, largest: int, smallest: int = 1) -> int:
    size = max(params.number(name, default, 1, largest), smallest)
    return min(size, params.page_limit) if params.page_limit else size


def _token(start: int) -> str:
    return f"page:{start}".encode().hex()


def _start(token: str, name: str) -> int:
    if not token:
        return 0
    try:
        word, _, start = bytes.fromhex(token).decode().partition(":")
    except ValueError:
        raise invalid(name) from None
    if word != "page" or not start.isdigit():
        raise ApiError("InvalidParameter", f"The specified parameter {name} is not valid.")
    return int(start)
