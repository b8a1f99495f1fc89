"""Limits of Quota Center, read or assumed."""

import pytest

from auditor.facts.cloud.quotas import Quota
from auditor.facts.rules.quota_limits import BACKENDS_PER_CLB, BACKENDS_PER_NLB, limit_of
from auditor.facts.table import Gap, NotKnown, Table
from tests.checks.kit import denied

REGION = "cn-hangzhou"


def quota(code: str, limit: float | None, region: str = REGION, name: str = "") -> Quota:
    return Quota("slb", code, name, region, limit)


@pytest.mark.parametrize(
    "row",
    [
        quota("slb_quota_backendservers_num", 300),
        quota("q_fh20b0", 300),
        quota("q_other", 300, name="slb_quota_backendservers_num"),
        quota("slb_quota_backendservers_num", 300, region=""),
    ],
)
def test_reads_the_limit_by_code_or_name(row: Quota) -> None:
    limit = limit_of(Table("slb_quotas", [quota("slb_quota_listeners_num", 50), row]), BACKENDS_PER_CLB, REGION)
    assert (limit.value, limit.is_assumed) == (300, False)
    assert str(limit.text) == "300"


def test_takes_the_row_of_the_region() -> None:
    rows = [quota("q_fh20b0", 500, ""), quota("q_fh20b0", 300), quota("q_fh20b0", 400, "cn-beijing")]
    assert limit_of(Table("slb_quotas", rows), BACKENDS_PER_CLB, REGION).value == 300


def test_silence_means_the_default_and_says_so() -> None:
    limit = limit_of(Table("nlb_quotas", [quota("q_fh20b0", 300, "cn-beijing")]), BACKENDS_PER_NLB, REGION)
    assert (limit.value, limit.is_assumed) == (400, True)
    assert "assumed" in str(limit.text)


def test_a_gap_hides_only_a_row_that_was_not_read() -> None:
    gaps = [Gap(denied("quotas:ListProductQuotas"))]
    assert limit_of(Table("slb_quotas", [quota("q_fh20b0", 300)], gaps=gaps), BACKENDS_PER_CLB, REGION).value == 300
    with pytest.raises(NotKnown):
        limit_of(Table("slb_quotas", gaps=gaps), BACKENDS_PER_CLB, REGION)


@pytest.mark.parametrize("stated", [None, 0, -1])
def test_a_row_without_a_limit_is_not_known(stated: float | None) -> None:
    with pytest.raises(NotKnown):
        limit_of(Table("slb_quotas", [quota("q_fh20b0", stated)]), BACKENDS_PER_CLB, REGION)
