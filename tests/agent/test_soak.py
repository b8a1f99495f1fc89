"""A day of the agent in some seconds, with all that can go wrong: what is owed arrives, and nothing else."""

from pathlib import Path

from bench.soak import Plan, Soak


def test_a_day_with_everything_going_wrong(tmp_path: Path) -> None:
    result = Soak(Plan(hours=20, speed=4800, kills=8), tmp_path).run()
    assert result.faults == []
    figures = result.figures
    assert figures["kill -9"] == 8
    assert figures["deliveries received, by key"] == figures["deliveries owed"] >= 30
    assert figures["Alertmanager compared with what is open"] >= 3
    assert figures["of these it differed"] == 0
    assert figures["runs recorded"] >= 15
