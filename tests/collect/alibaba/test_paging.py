"""Lists that come in pages: complete, cut off, and of the wrong shape."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from auditor.collect.alibaba import paging
from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.failures import CallFailed
from auditor.collect.alibaba.paging import (
    ENTRY_PAGE,
    ROUTE_PAGE,
    WHOLE,
    Listing,
    Numbered,
    NumberedOrTokened,
    Style,
    Tokened,
    gather,
)
from auditor.collect.alibaba.sdk import Request
from auditor.facts.table import ReasonKind, State
from auditor.facts.text import t
from tests.collect.alibaba.kit import client_of, fill_one
from tests.fakes.cloud import FakeCloud

DENIED = CallFailed("ecs", ReasonKind.FORBIDDEN, t("denied"), code="Forbidden.RAM", missing=("ecs:DescribeThings",))
NOT_OPENED = CallFailed("nas", ReasonKind.ERROR, t("not open"), code="OperationDenied.ServiceNotOpen")


CS_PAGE = NumberedOrTokened(2, newest=5)


class Script:
    """A client that gives prepared answers, the last one for ever."""

    def __init__(self, answers: Sequence[dict[str, Any] | CallFailed]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def call(self, request: Request) -> dict[str, Any]:
        self.asked.append(dict(request.params))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, CallFailed):
            raise answer
        return answer


def read(style: Style, *answers: dict[str, Any] | CallFailed) -> tuple[Listing, Script]:
    script = Script(answers)
    request = Request("ecs", "DescribeThings", {"VpcId": "vpc-1"})
    return gather(cast("CloudClient", script), request, "Things", "Thing", style), script


def page(items: list[Any] | None, total: Any = None, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {"Things": {"Thing": items}, **more}
    return answer if total is None else {**answer, "TotalCount": total}


def kinds(listing: Listing) -> list[ReasonKind]:
    return [reason.kind for reason in listing.reasons]


def test_numbered_pages_end_when_the_announced_total_is_gathered() -> None:
    listing, script = read(Numbered(2), page([{}, {"n": 1}], 3), page([{"n": 2}], 3))
    assert len(listing.items) == 3
    assert not listing.reasons
    assert script.asked == [
        {"VpcId": "vpc-1", "PageNumber": 1, "PageSize": 2},
        {"VpcId": "vpc-1", "PageNumber": 2, "PageSize": 2},
    ]


def test_a_total_that_is_written_as_text_counts() -> None:
    listing, _ = read(Numbered(50), page([{}], "1"))
    assert not listing.reasons


def test_flat_and_wrapped_lists_are_read_alike() -> None:
    flat, _ = read(Numbered(50), {"Things": [{"n": 1}], "TotalCount": 1})
    wrapped, _ = read(Numbered(50), page([{"n": 1}], 1))
    assert flat.items == wrapped.items == [{"n": 1}]


def test_an_empty_page_before_the_total_is_a_gap_that_says_how_many() -> None:
    listing, _ = read(Numbered(2), page([{}, {}], 5), page([], 5))
    assert kinds(listing) == [ReasonKind.TRUNCATED]
    assert "2 of 5" in str(listing.reasons[0].message)
    assert len(listing.items) == 2


def test_a_short_page_is_not_the_last_one_while_more_is_announced() -> None:
    listing, script = read(Numbered(2), page([{"n": 1}], 2), page([{"n": 2}], 2))
    assert not listing.reasons
    assert len(script.asked) == 2


def test_a_server_that_repeats_one_page_is_noticed() -> None:
    listing, script = read(Numbered(2), page([{"n": 1}, {"n": 2}], 9))
    assert kinds(listing) == [ReasonKind.TRUNCATED]
    assert len(script.asked) == 2


def test_numbered_pages_without_a_total_are_a_gap_beside_what_was_read() -> None:
    listing, _ = read(Numbered(2), page([{"n": 1}]))
    assert kinds(listing) == [ReasonKind.MALFORMED]
    assert listing.items == [{"n": 1}]


@pytest.mark.parametrize("style", [Numbered(10), Tokened(10)])
@pytest.mark.parametrize("lists", [{}, {"Things": None}, {"Things": {}}, {"Things": {"Thing": None}}])
def test_an_absent_list_is_empty_only_where_the_total_is_0(style: Style, lists: dict[str, Any]) -> None:
    empty, _ = read(style, {**lists, "TotalCount": 0})
    assert not empty.reasons
    assert empty.items == []
    for announced in ({"TotalCount": 3}, {}):
        gap, _ = read(style, {**lists, **announced})
        assert kinds(gap) == [ReasonKind.MALFORMED]


def test_a_whole_list_must_be_there() -> None:
    assert kinds(read(WHOLE, {"Other": 1})[0]) == [ReasonKind.MALFORMED]
    assert kinds(read(WHOLE, page(None))[0]) == [ReasonKind.MALFORMED]
    assert not read(WHOLE, page([]))[0].reasons


@pytest.mark.parametrize("wrong", ["text", 7, {"Thing": "text"}, {"Thing": {"n": 1}}])
@pytest.mark.parametrize("style", [Numbered(10), Tokened(10), WHOLE])
def test_a_list_of_another_shape_is_malformed(style: Style, wrong: Any) -> None:
    listing, _ = read(style, {"Things": wrong, "TotalCount": 1})
    assert kinds(listing) == [ReasonKind.MALFORMED]


@pytest.mark.parametrize("total", ["many", 1.5, True, [1]])
def test_a_total_of_another_type_is_malformed(total: Any) -> None:
    assert kinds(read(Numbered(10), page([{}], total))[0]) == [ReasonKind.MALFORMED]


def test_tokens_are_followed_until_none_is_given() -> None:
    listing, script = read(Tokened(1), page([{"n": 1}], 0, NextToken="a"), page([{"n": 2}], 0, NextToken=""))
    assert [item["n"] for item in listing.items] == [1, 2]
    assert not listing.reasons, "a total of 0 beside rows says nothing"
    assert [asked.get("NextToken") for asked in script.asked] == [None, "a"]
    assert script.asked[0]["MaxResults"] == 1


def test_tokens_that_end_before_the_total_are_a_gap() -> None:
    listing, _ = read(Tokened(10), page([{"n": 1}], 4, NextToken=None))
    assert kinds(listing) == [ReasonKind.TRUNCATED]
    assert "1 of 4" in str(listing.reasons[0].message)


def test_a_repeated_token_ends_the_list_with_a_gap() -> None:
    listing, script = read(Tokened(10), page([{"n": 1}], NextToken="a"))
    assert kinds(listing) == [ReasonKind.TRUNCATED]
    assert len(script.asked) == 2


def test_a_token_of_another_type_is_malformed() -> None:
    assert kinds(read(Tokened(10), page([{}], NextToken=5))[0]) == [ReasonKind.MALFORMED]


def test_a_second_page_without_a_list_is_a_gap_though_the_total_is_0() -> None:
    listing, _ = read(Tokened(1), page([{"n": 1}], 0, NextToken="a"), page(None, 0))
    assert kinds(listing) == [ReasonKind.MALFORMED]
    assert listing.items == [{"n": 1}]


def test_pages_without_end_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_PAGES", 3)
    endless = [page([{"n": n}], 100) for n in range(9)]
    listing, script = read(Numbered(1), *endless)
    assert kinds(listing) == [ReasonKind.TRUNCATED]
    assert len(script.asked) == 3


def test_what_was_read_before_a_failure_is_kept() -> None:
    listing, _ = read(Numbered(1), page([{"n": 1}], 2), DENIED)
    assert listing.items == [{"n": 1}]
    assert listing.reasons == [DENIED.reason]
    assert listing.failure is DENIED


def test_a_product_that_is_not_opened_has_nothing() -> None:
    listing, _ = read(Numbered(1), NOT_OPENED)
    assert listing.items == []
    assert not listing.reasons


def test_products_with_names_of_their_own_are_paged_alike() -> None:
    entries, script = read(ENTRY_PAGE, {**page([{}]), "TotalAclEntry": 2}, {**page([{"n": 2}]), "TotalAclEntry": 2})
    assert not entries.reasons
    assert [asked["Page"] for asked in script.asked] == [1, 2]
    _, script = read(ROUTE_PAGE, page([{}]))
    assert script.asked[0]["MaxResult"] == 100


def test_enough_of_the_newest_is_no_shortfall() -> None:
    listing, script = read(Numbered(2, newest=2), page([{"n": 1}, {"n": 2}], 80))
    assert len(listing.items) == 2
    assert not listing.reasons
    assert len(script.asked) == 1


def test_fewer_than_the_newest_that_were_wanted_are_a_shortfall() -> None:
    listing, script = read(Numbered(2, newest=2), page([{"n": 1}], 80), page([], 80))
    assert kinds(listing) == [ReasonKind.TRUNCATED]
    assert "1 of 80" in str(listing.reasons[0].message)
    assert len(script.asked) == 2


def cs_page(items: list[Any] | None, total: int | None = None, token: str | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = {"Things": items}
    if total is not None:
        answer["page_info"] = {"total_count": total}
    return answer if token is None else {**answer, "next_token": token}


def test_container_service_pages_by_number_up_to_the_total() -> None:
    listing, script = read(CS_PAGE, cs_page([1, 2], 3, ""), cs_page([3], 3, ""))
    assert (listing.items, listing.reasons, listing.announced) == ([1, 2, 3], [], 3)
    assert [asked["page_number"] for asked in script.asked] == [1, 2]
    assert {asked["page_size"] for asked in script.asked} == {2}


def test_container_service_pages_by_token_where_it_hands_one_out() -> None:
    listing, script = read(CS_PAGE, cs_page([1, 2], None, "t1"), cs_page([3], None, ""))
    assert (listing.items, listing.reasons) == ([1, 2, 3], [])
    assert script.asked[1] == {"VpcId": "vpc-1", "next_token": "t1", "max_results": 2}


def test_container_service_ends_where_enough_was_read() -> None:
    listing, script = read(CS_PAGE, cs_page([1, 2], 9), cs_page([3, 4], 9), cs_page([5, 6], 9))
    assert len(listing.items) == 6
    assert not listing.reasons
    assert len(script.asked) == 3


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ([cs_page([1, 2], 4), cs_page([], 4)], ReasonKind.TRUNCATED),
        ([cs_page([1, 2], 4), cs_page([1, 2], 5)], ReasonKind.TRUNCATED),
        ([cs_page([1, 2], None, "t1"), cs_page([3], None, "t1")], ReasonKind.TRUNCATED),
        ([cs_page([1, 2], 4, "t1"), cs_page([3], 4, "")], ReasonKind.TRUNCATED),
        ([cs_page([1, 2])], ReasonKind.MALFORMED),
        ([cs_page(None)], ReasonKind.MALFORMED),
    ],
    ids=["empty page", "same page", "same token", "token ends early", "says nothing", "no list"],
)
def test_pages_of_container_service_that_do_not_add_up(answers: list[dict[str, Any]], kind: ReasonKind) -> None:
    listing, _script = read(CS_PAGE, *answers)
    assert kinds(listing) == [kind]


def test_a_page_of_container_service_that_is_not_full_ends_the_list() -> None:
    listing, script = read(CS_PAGE, cs_page([1]))
    assert (listing.items, listing.reasons) == ([1], [])
    assert len(script.asked) == 1


def things(*numbers: int) -> list[dict[str, int]]:
    return [{"n": number} for number in numbers]


@pytest.mark.parametrize("total", [4, 6])
def test_a_numbered_list_that_changes_between_its_pages_is_begun_once_more(total: int) -> None:
    again = [page(things(2, 3), 4), page(things(4, 5), 4)]
    listing, script = read(Numbered(2), page(things(1, 2), 5), page(things(4, 5), total), *again)
    assert listing.items == things(2, 3, 4, 5), "number 3 was pushed to the page that had been read"
    assert listing.reasons == []
    assert [asked["PageNumber"] for asked in script.asked] == [1, 2, 1, 2]


def test_a_numbered_list_that_does_not_stand_still_is_truncated() -> None:
    changing = [page(things(n, n + 1), 9 - n) for n in range(4)]
    listing, script = read(Numbered(2), *changing)
    assert kinds(listing) == [ReasonKind.TRUNCATED]
    assert listing.items == things(2, 3), "what was read since the second start is kept"
    assert "changed again and again" in str(listing.reasons[0].message)
    assert len(script.asked) == 4


def test_a_total_that_is_left_out_once_is_no_change() -> None:
    listing, script = read(Numbered(2), page(things(1, 2), 3), page(things(3)))
    assert listing.items == things(1, 2, 3)
    assert listing.reasons == []
    assert len(script.asked) == 2


def test_a_list_by_tokens_may_shrink() -> None:
    listing, _ = read(Tokened(2), page(things(1, 2), 4, NextToken="t"), page(things(4), 3))
    assert listing.items == things(1, 2, 4)
    assert listing.reasons == []


def test_a_load_balancer_that_is_deleted_meanwhile_hides_no_other(cloud: FakeCloud) -> None:
    for number in range(150):
        cloud.state.slb.add_load_balancer(f"lb-more{number:03d}")

    def delete_one(answer: Any) -> None:
        first = answer["LoadBalancers"]["LoadBalancer"][3]["LoadBalancerId"]
        del cloud.state.slb.load_balancers[first]

    cloud.mutate("slb:DescribeLoadBalancers", delete_one, times=1)
    with client_of(cloud) as client:
        table = fill_one(client, "load_balancers")
    assert table.state is State.KNOWN
    assert {row.id for row in table.all()} == set(cloud.state.slb.load_balancers)
