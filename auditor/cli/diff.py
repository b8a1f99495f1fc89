"""``auditor diff``: what differs between two runs of a cluster."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.checks import Shape
from auditor.cli.exits import Failure, say
from auditor.cli.options import ConfigOption
from auditor.cli.past import PREVIOUS, ClusterOption, before, find_run, ledger_of
from auditor.cli.run import Language

if TYPE_CHECKING:
    from auditor.judge.outcome import Outcome, ReportedFinding
    from auditor.ledger.compare import Difference
    from auditor.ledger.ledger import Ledger
    from auditor.ledger.records import RunRecord


_RUN = "the id of a run or its beginning, `latest` or `previous`"


def diff(
    earlier: Annotated[str, typer.Argument(metavar="A", help=f"The earlier run: {_RUN} (the one before B).")],
    later: Annotated[str, typer.Argument(metavar="B", help=f"The later run: {_RUN}.")],
    config: ConfigOption = None,
    cluster: ClusterOption = None,
    shape: Annotated[Shape, typer.Option("--format", metavar="text|json", help="How to print it.")] = Shape.TEXT,
    language: Annotated[Language | None, typer.Option(metavar="en|zh", help="Language of the findings.")] = None,
) -> None:
    """Show what is new, resolved, no longer evaluated or of another severity in B, compared with A."""
    with ledger_of(config) as (settings, ledger):
        from auditor.ledger.compare import compare

        first, second = _runs(ledger, earlier, later, cluster)
        runs = (ledger.outcome(first.id), ledger.outcome(second.id))
        spoken = language.value if language else settings.report.language
        difference = compare(*runs)
    if shape is Shape.JSON:
        say(_json(runs, difference, spoken))
    else:
        _print(runs, difference, spoken)


def _runs(ledger: "Ledger", earlier: str, later: str, cluster: str | None) -> "tuple[RunRecord, RunRecord]":
    second = find_run(ledger, later, cluster)
    first = before(ledger, second) if earlier == PREVIOUS else find_run(ledger, earlier, cluster or second.cluster)
    if (first.cluster, first.cluster_id) != (second.cluster, second.cluster_id):
        raise Failure(
            f"{first.id} is a run of {first.cluster} ({first.cluster_id}), and {second.id} one of {second.cluster} "
            f"({second.cluster_id}): expected two runs of one cluster"
        )
    return first, second


def _print(runs: "tuple[Outcome, Outcome]", difference: "Difference", language: str) -> None:
    from auditor.report.clean import one_line
    from auditor.report.speaker import utc
    from auditor.report.texts import translator

    translate = translator(language)

    def tell(heading: str, findings: "Sequence[tuple[ReportedFinding, str]]") -> None:
        if findings:
            say(f"\n{heading} ({len(findings)})")
        for finding, severity in findings:
            suppressed = "  (suppressed)" if finding.suppression else ""
            say(one_line(f"  {severity:<8}  {finding.check}  {finding.subject}{suppressed}"))
            say(one_line(f"            {finding.message.render(translate)}"))

    def plain(findings: "Sequence[ReportedFinding]") -> "list[tuple[ReportedFinding, str]]":
        return [(finding, finding.severity.value) for finding in findings]

    for letter, run in zip("AB", runs, strict=True):
        say(one_line(f"{letter}  {run.run_id}  {run.cluster.name}  {utc(run.started_at)}  {run.trigger}"))
    tell("New", plain(difference.new))
    tell("Found in B where A could not look", plain(difference.newly_evaluated))
    changed = [(finding, f"{severity.value} -> {finding.severity.value}") for finding, severity in difference.changed]
    tell("Of another severity", changed)
    tell("Resolved", plain(difference.resolved))
    tell("No longer evaluated: found in A, and B did not or could not look", plain(difference.unevaluated))
    say(f"\n{len(difference.same)} findings are as they were")


def _json(runs: "tuple[Outcome, Outcome]", difference: "Difference", language: str) -> str:
    from auditor.report.json_report import finding_data, run_data, written
    from auditor.report.texts import translator

    translate = translator(language)

    def data(findings: "Sequence[ReportedFinding]") -> list[dict[str, object]]:
        return [finding_data(finding, translate) for finding in findings]

    return written(
        {
            "a": run_data(runs[0]),
            "b": run_data(runs[1]),
            "new": data(difference.new),
            "newly_evaluated": data(difference.newly_evaluated),
            "resolved": data(difference.resolved),
            "no_longer_evaluated": data(difference.unevaluated),
            "changed": [
                {"severity_before": severity.value, "finding": finding_data(finding, translate)}
                for finding, severity in difference.changed
            ],
            "same": len(difference.same),
        }
    )
