"""Take rows away from what was collected, each in turn: a row that is not known is never one that is not there.

The tables that are filled by its help stay as they are, so that nothing but the gap can tell.
"""

from collections.abc import Collection, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.agent.audit import Watcher, audit
from auditor.facts.landscape import Landscape
from auditor.facts.table import Gap, Reason, ReasonKind, Table
from auditor.facts.text import t
from auditor.judge.engine import needed_tables
from auditor.judge.outcome import Outcome
from auditor.judge.registry import load_checks
from tests.audits import assert_nothing_is_wrong, undisturbed
from tests.clusters import CLUSTERS

SOURCE = "gap"
WHY = Reason(SOURCE, ReasonKind.TRUNCATED, t("a row was taken away"))
MOST_ROWS = 40
"""So many rows of a table are taken away in turn; of a longer one, a sample over its whole length."""


def judged(landscape: Landscape, *others: Table[Any]) -> Outcome:
    """Judge a landscape with other tables in place of its own."""
    tables = {**landscape.tables, **{table.name: table for table in others}}
    changed = Landscape(landscape.cluster, landscape.observed_at, tables, landscape.collection)
    return audit(changed, load_checks(), [], "now", Watcher())


def thinned(table: Table[Any], lost: Collection[str], *, bounded: bool) -> Table[Any]:
    """Return a table without some rows, which are said to be unknown; those, or with them any further ones."""
    rest = [row for row in table.all() if row.key not in lost]
    gap = Gap(WHY, frozenset(lost) if bounded else None)
    return Table(table.name, rest, gaps=[gap], asked=table.asked)


def sample(rows: Iterable[Any]) -> list[Any]:
    """Return some rows of a table, the first among them."""
    every = list(rows)
    return every[:: len(every) // MOST_ROWS + 1]


TABLES = sorted(needed_tables(load_checks()))


@pytest.mark.parametrize("bounded", [True, False], ids=["this row", "any row"])
@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_row_that_is_not_known_is_not_absent(cluster: str, name: str, bounded: bool) -> None:
    before = undisturbed(cluster)
    table = before.landscape.table(name)
    for row in sample(table.all()):
        after = judged(before.landscape, thinned(table, {row.key}, bounded=bounded))
        assert_nothing_is_wrong(before.outcome, after, {WHY.kind}, SOURCE)


@settings(deadline=None)
@given(data=st.data(), cluster=st.sampled_from(list(CLUSTERS)))
def test_many_rows_of_many_tables_that_are_not_known_are_not_absent(data: st.DataObject, cluster: str) -> None:
    before = undisturbed(cluster)
    others = []
    for name in data.draw(st.sets(st.sampled_from(TABLES), min_size=1, max_size=6), label="tables"):
        table = before.landscape.table(name)
        keys = sorted(row.key for row in table.all())
        lost = data.draw(st.sets(st.sampled_from(keys)) if keys else st.just(set()), label=name)
        others.append(thinned(table, lost, bounded=data.draw(st.booleans(), label="bounded")))
    after = judged(before.landscape, *others)
    assert_nothing_is_wrong(before.outcome, after, {WHY.kind}, SOURCE)
