"""The drawing of a trend."""

from datetime import timedelta
from typing import Any

from auditor.agent.web.trend import trend_of
from auditor.ledger.records import RunRecord, RunState
from tests.report.samples import STARTED


def _run(number: int, counts: dict[str, int], **more: Any) -> RunRecord:
    given: dict[str, Any] = {
        "id": f"r{number}",
        "cluster": "shop",
        "cluster_id": "c",
        "region": "r",
        "trigger": "now",
        "state": RunState.FINISHED,
        "started_at": STARTED + timedelta(days=number),
        "complete": True,
        "counts": counts,
        "checks": {"passed": 60, "found": 8},
    }
    return RunRecord(**(given | more))


def test_bars_are_stacked_by_severity_and_stay_in_the_drawing() -> None:
    trend = trend_of([_run(1, {"high": 1, "low": 1}), _run(2, {"critical": 2, "high": 1, "info": 1})], 100, 40, 10)
    assert (trend.first, trend.last, trend.most) == (2, 4, 4)
    first, second = trend.bars
    assert [(piece.severity, piece.y, piece.height) for piece in first.pieces] == [("low", 30, 10), ("high", 20, 10)]
    assert [piece.severity for piece in second.pieces] == ["info", "high", "critical"]
    assert second.pieces[-1].y == 0
    assert first.x == 0
    assert second.x == 10
    assert all(bar.x + bar.width <= 100 for bar in trend.bars)


def test_only_the_latest_runs_are_drawn() -> None:
    trend = trend_of([_run(n, {"low": n}) for n in range(1, 50)], 100, 40, 10)
    assert [bar.run_id for bar in trend.bars] == [f"r{n}" for n in range(40, 50)]


def test_a_run_that_saw_nothing_is_no_good_news() -> None:
    blind = _run(2, {}, checks={"not_evaluated": 68}, complete=False)
    clear = _run(3, {}, checks={"passed": 68})
    trend = trend_of([_run(1, {"low": 3}), blind], 100, 40, 10)
    assert trend.bars[1].is_blind
    assert not trend.bars[1].is_clear
    assert trend.last == 3
    assert trend_of([clear], 100, 40, 10).bars[0].is_clear


def test_runs_of_a_few_checks_are_left_out() -> None:
    few = _run(2, {"low": 1}, checks={"passed": 3, "found": 1})
    assert [bar.run_id for bar in trend_of([_run(1, {"low": 3}), few], 100, 40, 10).bars] == ["r1"]


def test_no_run_at_all() -> None:
    trend = trend_of([], 100, 40, 10)
    assert (trend.bars, trend.most) == ((), 0)
