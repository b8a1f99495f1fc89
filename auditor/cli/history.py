"""``auditor history``: the runs that were recorded."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditor.cli.exits import say
from auditor.cli.options import ConfigOption
from auditor.cli.past import ledger_of

if TYPE_CHECKING:
    from auditor.ledger.records import RunRecord


class Shape(StrEnum):
    """How the runs are printed."""

    TABLE = "table"
    JSON = "json"


def history(
    config: ConfigOption = None,
    cluster: Annotated[str | None, typer.Option(metavar="NAME", help="Only the runs of this cluster.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="The latest so many.")] = 20,
    shape: Annotated[Shape, typer.Option("--format", metavar="table|json", help="How to print them.")] = Shape.TABLE,
) -> None:
    """List the recorded runs, the latest first: when, why, how they ended, and what they found."""
    from auditor.report.clean import one_line
    from auditor.report.json_report import written

    with ledger_of(config) as (_settings, ledger):
        runs = ledger.runs(cluster, limit)
    if shape is Shape.JSON:
        say(written({"runs": [_data(run) for run in runs]}))
        return
    if not runs:
        say("no run is recorded yet" if cluster is None else f"no run of {one_line(cluster)} is recorded")
        return
    rows = [("RUN", "BEGAN (UTC)", "CLUSTER", "TRIGGER", "STATE", "FINDINGS", "CHANGES"), *map(_row, runs)]
    rows = [tuple(one_line(cell) for cell in row) for row in rows]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(run: "RunRecord") -> tuple[str, ...]:
    state = run.state.value if run.complete is not False else f"{run.state.value}, incomplete"
    found = ", ".join(f"{count} {severity}" for severity, count in run.counts.items() if count)
    shown = ("new", "reopened", "resolved", "suppressed")
    changes = ", ".join(f"{run.lifecycle[stage]} {stage}" for stage in shown if run.lifecycle.get(stage))
    return (
        run.id,
        f"{run.started_at:%Y-%m-%d %H:%M}",
        run.cluster,
        run.trigger,
        state,
        run.error or found or ("none" if run.counts else ""),
        changes,
    )


def _data(run: "RunRecord") -> dict[str, Any]:
    from auditor.report.speaker import utc

    return {
        "id": run.id,
        "cluster": run.cluster,
        "cluster_id": run.cluster_id,
        "region": run.region,
        "trigger": run.trigger,
        "state": run.state.value,
        "started_at": utc(run.started_at),
        "finished_at": utc(run.finished_at) if run.finished_at else None,
        "complete": run.complete,
        "summary": {"severity": run.counts, "checks": run.checks, "lifecycle": run.lifecycle} if run.counts else None,
        "error": run.error or None,
    }
