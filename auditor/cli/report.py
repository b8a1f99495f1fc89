"""``auditor report``: an old run, rendered again."""

from pathlib import Path
from typing import Annotated

import typer

from auditor.cli.exits import Failure, known_errors, say
from auditor.cli.options import ConfigOption
from auditor.cli.past import ClusterOption, find_run, ledger_of
from auditor.cli.run import Language

RUNS = "runs"
"""The folder, within that of the reports, in which the reports of old runs have a folder each."""


def report(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The id of a run or its beginning, `latest` or `previous`.")
    ],
    config: ConfigOption = None,
    cluster: ClusterOption = None,
    format: Annotated[  # noqa: A002 - the name of the option
        list[str] | None,
        typer.Option(metavar="FORMAT", help="html, pdf, json, markdown, csv; may be repeated, or joined by commas."),
    ] = None,
    language: Annotated[Language | None, typer.Option(metavar="en|zh", help="Language of the report.")] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder of the reports: DIR/<cluster>/report.<format> [default: runs/RUN in the folder of reports].",
        ),
    ] = None,
) -> None:
    """Render a recorded run again, in any format and language, and print where the reports are."""
    if output == "":
        raise Failure("--output is empty: expected a folder")
    with known_errors():
        from auditor.cli import load
        from auditor.report.write import ReportError, folder_name, write_reports

        with ledger_of(config) as (settings, ledger):
            formats = load.formats(settings.report.formats if format is None else format)
            outcome = ledger.outcome(find_run(ledger, run, cluster).id)
        # The folder of reports itself has the latest ones: an old one must not take their place.
        directory = Path(output) if output else settings.report.directory / RUNS / folder_name(outcome.run_id)
        spoken = language.value if language else settings.report.language
        try:
            written = write_reports(outcome, directory, formats, spoken)
        except ReportError as error:
            for path in error.written:
                say(str(path))
            raise
    for path in written:
        say(str(path))
