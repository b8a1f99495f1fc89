"""``auditor run``: audit, once and now."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.exits import Exit, Failure, fail, known_errors

if TYPE_CHECKING:
    from auditor.config.clusters import Cluster
    from auditor.config.settings import Settings
    from auditor.judge.check import LoadedCheck
    from auditor.judge.outcome import Outcome


class FailOn(StrEnum):
    """The least severity that makes the exit code 1."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"
    NEVER = "never"


class Language(StrEnum):
    """The language of reports."""

    EN = "en"
    ZH = "zh"


def run(
    now: Annotated[bool, typer.Option("--now", help="Audit each configured cluster once, now.")] = False,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The configuration file [default: ./auditor.toml].")
    ] = None,
    cluster: Annotated[list[str] | None, typer.Option(help="Only this cluster; may be given again.")] = None,
    check: Annotated[
        list[str] | None, typer.Option(help="Only these checks: an id or a pattern such as 'storage/*'; again.")
    ] = None,
    landscape: Annotated[
        Path | None, typer.Option(help="Audit a saved landscape, without any access to a cluster.")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Audit the embedded demo landscape.")] = False,
    format: Annotated[  # noqa: A002 - the name of the option
        list[str] | None, typer.Option(help="Format of the report; again, or with commas: html,pdf,json.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the reports: DIR/<cluster>/report.<format>.")
    ] = None,
    deliver: Annotated[bool, typer.Option("--deliver/--no-deliver", help="Whether channels are told as well.")] = False,
    fail_on: Annotated[FailOn, typer.Option(help="The least severity that makes the exit code 1.")] = FailOn.HIGH,
    language: Annotated[Language | None, typer.Option(help="Language of the reports.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no summary.")] = False,
) -> int:
    """Audit clusters and write their reports.

    Exit codes: 0 nothing at or above --fail-on; 1 such findings; 2 the audit is incomplete, and nothing reached
    --fail-on; 3 bad usage or configuration, or no cluster could be audited.
    """
    if not now:
        raise Failure("the agent with schedules is not part of this version: expected --now")
    if deliver:
        raise Failure("deliveries are not part of this version: leave out --deliver and take the reports from --output")
    if landscape and demo:
        raise Failure("--landscape and --demo are given together: expected one of them")
    with known_errors():
        from auditor.cli import load

        settings = load.settings(config, needed=not (landscape or demo))
        formats = load.formats(format or settings.report.formats)
        directory = output or settings.report.directory
        checks = load.checks(settings.checks.folders, check or [])
        _ensure_writable(directory)
        if landscape or demo:
            outcomes = [_audit_saved(landscape, checks, settings)]
        else:
            outcomes = _audit_clusters(load.clusters(settings, cluster or []), checks, settings)
        spoken = language.value if language else settings.report.language
        _write(outcomes, directory, formats, spoken, quiet=quiet)
        expected = 1 if landscape or demo else len(load.clusters(settings, cluster or []))
    return _exit_code(outcomes, fail_on, expected)


def _audit_saved(path: Path | None, checks: "list[LoadedCheck]", settings: "Settings") -> "Outcome":
    from auditor.agent.audit import audit
    from auditor.cli import load
    from auditor.cli.progress import watching

    saved = load.landscape(path) if path else load.demo()
    with watching(saved.cluster.name, len(checks), collects=False) as watcher:
        return audit(saved, checks, settings.suppressions, "landscape", watcher)


def _audit_clusters(clusters: "list[Cluster]", checks: "list[LoadedCheck]", settings: "Settings") -> "list[Outcome]":
    from datetime import UTC, datetime

    from auditor.agent.audit import NothingReadable, audit, collect_live
    from auditor.cli.progress import watching
    from auditor.collect.errors import ConfigError
    from auditor.config.base import BadConfig

    outcomes = []
    for cluster in clusters:
        started_at = datetime.now(UTC)
        try:
            with watching(cluster.name, len(checks), collects=True) as watcher:
                collected = collect_live(cluster, checks, watcher)
                outcomes.append(audit(collected, checks, settings.suppressions, "now", watcher, started_at))
        except NothingReadable as error:
            fail(f"{cluster.name}: neither side can be read, so it was not audited")
            for reason in error.reasons:
                fail(f"{cluster.name}: {reason.source}: {reason.message}")
        except (BadConfig, ConfigError) as error:
            fail(f"{cluster.name}: {error}")
    return outcomes


def _ensure_writable(directory: Path) -> None:
    """Find out before a long audit, not after it, that its report can't be written."""
    import tempfile

    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise Failure(
            f"{directory}: reports can't be written there: {error.strerror}; "
            "expected a folder that this user may write to (--output, or [report] directory)"
        ) from None


def _write(outcomes: "list[Outcome]", directory: Path, formats: list[str], language: str, *, quiet: bool) -> None:
    from rich.console import Console

    from auditor.report.terminal import print_summary
    from auditor.report.write import ReportError, write_reports

    problems = []
    for outcome in outcomes:
        paths: list[Path] = []
        try:
            paths = write_reports(outcome, directory, formats, language)
        except ReportError as error:
            problems.append(str(error))
            paths = list(error.written)
        if not quiet:
            print_summary(outcome, Console(), language, paths)
    if problems:
        raise Failure("\n".join(problems))


def _exit_code(outcomes: "list[Outcome]", fail_on: FailOn, expected: int) -> int:
    from auditor.judge.verdicts import Severity

    if not outcomes:
        return Exit.UNUSABLE
    if fail_on is not FailOn.NEVER:
        least = Severity(fail_on.value).rank
        if any(finding.severity.rank <= least for outcome in outcomes for finding in outcome.counting):
            return Exit.FINDINGS
    complete = len(outcomes) == expected and all(outcome.is_complete for outcome in outcomes)
    return Exit.OK if complete else Exit.INCOMPLETE
