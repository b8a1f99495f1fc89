"""Records a run with what is owed for it, and writes its reports."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import partial

import structlog

from auditor.config.settings import Settings
from auditor.deliver.planning import Occasion, Send, plan
from auditor.judge.outcome import Outcome
from auditor.ledger.ledger import Ledger
from auditor.ledger.records import Owed
from auditor.report import pdf_process
from auditor.report.write import ReportError, write_reports

_log = structlog.get_logger("auditor.record")


def record(outcome: Outcome, reports: Mapping[str, Send], settings: Settings, ledger: Ledger) -> Outcome:
    """Write a run, the lives of its findings and what is owed to whom in one transaction. Returns it as recorded.

    Raises:
        LedgerError: nothing was written.
    """
    occasion = Occasion(datetime.now(UTC), reports)
    return ledger.finish(outcome, partial(_plan, settings=settings, occasion=occasion))


def _plan(
    outcome: Outcome, told: Mapping[str, Collection[str]], *, settings: Settings, occasion: Occasion
) -> list[Owed]:
    return plan(outcome, settings.channels, told, occasion)


def write_files(outcome: Outcome, settings: Settings) -> None:
    """Write the reports of a run to the folder of reports. What can't be written is logged: it stops nothing."""
    try:
        report = settings.report
        write_reports(outcome, report.directory, report.formats, report.language, pdf_process.render)
    except ReportError as error:
        for failure in error.failures:
            _log.error("a report could not be written", error=str(failure), run=outcome.run_id)
