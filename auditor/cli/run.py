"""``auditor run``: the agent, or with ``--now`` one audit of each cluster."""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.exits import Exit, Failure, fail, known_errors, standard_output
from auditor.cli.options import ChecksOption, ConfigOption

if TYPE_CHECKING:
    from auditor.cli.recording import Recorder
    from auditor.config.clusters import Cluster
    from auditor.config.settings import Settings
    from auditor.facts.landscape import Landscape
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
    now: Annotated[
        bool, typer.Option("--now", help="Audit each configured cluster once, now; without it: the agent.")
    ] = False,
    config: ConfigOption = None,
    cluster: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this cluster; may be repeated.")
    ] = None,
    check: ChecksOption = None,
    landscape: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Audit a saved landscape, without any access to a cluster.")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Audit the embedded demo landscape.")] = False,
    format: Annotated[  # noqa: A002 - the name of the option
        list[str] | None,
        typer.Option(metavar="FORMAT", help="html, pdf, json, markdown, csv; may be repeated, or joined by commas."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder of the reports: DIR/<cluster>/report.<format>."),
    ] = None,
    deliver: Annotated[bool, typer.Option("--deliver/--no-deliver", help="Whether channels are told as well.")] = False,
    channel: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="With --deliver: only this channel; may be repeated.")
    ] = None,
    fail_on: Annotated[
        FailOn,
        typer.Option(
            metavar="SEVERITY",
            help="The least severity that makes the exit code 1: critical, high, medium, low, info or never.",
        ),
    ] = FailOn.HIGH,
    language: Annotated[Language | None, typer.Option(metavar="en|zh", help="Language of the reports.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no summary.")] = False,
) -> int:
    """Audit clusters and write their reports: as the agent, on its schedules and until SIGTERM, or once, with --now.

    Exit codes: 0 nothing at or above --fail-on; 1 such findings; 2 the audit is incomplete, and nothing reached
    --fail-on; 3 bad usage or configuration, or no cluster could be audited.
    """
    if not now:
        of_one_audit = {
            "--cluster": cluster,
            "--check": check,
            "--landscape": landscape,
            "--demo": demo,
            "--format": format,
            "--output": output is not None,
            "--deliver": deliver,
            "--channel": channel,
            "--language": language,
        }
        given = [name for name, value in of_one_audit.items() if value]
        if given:
            raise Failure(
                f"{given[0]} is for one audit: expected --now with it, or the like in the configuration of the agent"
            )
        with known_errors():
            from auditor.cli.agent import run_agent

            return run_agent(config)
    if channel and not deliver:
        raise Failure("--channel is given without --deliver: expected both, or none")
    if deliver and (landscape or demo):
        raise Failure("a saved landscape is neither recorded nor delivered: leave out --deliver")
    if landscape and demo:
        raise Failure("--landscape and --demo are given together: expected one of them")
    if output == "":
        raise Failure("--output is empty: expected a folder")
    with known_errors():
        from auditor.cli import load

        settings = load.settings(config, needed=not (landscape or demo))
        formats = load.formats(settings.report.formats if format is None else format)
        directory = Path(output) if output else settings.report.directory
        known = load.checks(settings.checks.folders, [])
        checks = load.chosen(known, check or [])
        spoken = language.value if language else settings.report.language
        if landscape or demo:
            saved = saved_landscape(landscape, cluster or [])
            load.ensure_writable(directory, "reports", "--output, or [report] directory")
            outcomes, expected = [_audit_saved(saved, checks, settings, known)], 1
        else:
            from auditor.cli.recording import recording

            chosen = load.clusters(settings, cluster or [])
            load.ensure_writable(directory, "reports", "--output, or [report] directory")
            with recording(settings, deliver=deliver, channels=channel or []) as recorder:
                outcomes, expected = _audit_clusters(chosen, checks, settings, recorder, known), len(chosen)
                recorder.deliver()
        _write(outcomes, directory, formats, spoken, quiet=quiet)
    return exit_code(outcomes, fail_on, expected)


def saved_landscape(path: Path | None, names: list[str]) -> "Landscape":
    """Load a landscape file, or the demo. Raises Failure if it is not of the cluster that is named."""
    from auditor.cli import load

    saved = load.landscape(path) if path else load.demo()
    unknown = [name for name in names if name != saved.cluster.name]
    if unknown:
        raise Failure(
            f"--cluster {unknown[0]!r}: {path or 'the demo'} is a landscape of {saved.cluster.name!r}; "
            "leave out --cluster"
        )
    return saved


def _audit_saved(
    saved: "Landscape", checks: "list[LoadedCheck]", settings: "Settings", known: "list[LoadedCheck]"
) -> "Outcome":
    from auditor.agent.audit import audit
    from auditor.cli.progress import watching

    with watching(saved.cluster.name, len(checks), collects=False) as watcher:
        return audit(
            saved,
            checks,
            settings.suppressions,
            "landscape",
            watcher,
            by_annotation=settings.may_annotate(saved.cluster.name),
            known=known,
        )


def _audit_clusters(
    clusters: "list[Cluster]",
    checks: "list[LoadedCheck]",
    settings: "Settings",
    recorder: "Recorder",
    known: "list[LoadedCheck]",
) -> "list[Outcome]":
    from datetime import UTC, datetime

    from auditor.agent.audit import NothingReadable, audit, collect_live
    from auditor.cli.interruptible import interruptible
    from auditor.cli.progress import watching
    from auditor.collect.errors import ConfigError
    from auditor.config.base import BadConfig

    outcomes = []
    for cluster in clusters:
        started_at = datetime.now(UTC)
        try:
            with watching(cluster.name, len(checks), collects=True) as watcher:
                collected = interruptible(partial(collect_live, cluster, checks, watcher))
                outcome = audit(
                    collected,
                    checks,
                    settings.suppressions,
                    "now",
                    watcher,
                    started_at,
                    by_annotation=cluster.suppress_by_annotation,
                    known=known,
                )
            outcomes.append(recorder.record(outcome))
        except NothingReadable as error:
            fail(f"{cluster.name}: neither side can be read, so it was not audited")
            for reason in error.reasons:
                fail(f"{cluster.name}: {reason.source}: {reason.message}")
        except (BadConfig, ConfigError) as error:
            fail(f"{cluster.name}: {error}")
    return outcomes


def _write(outcomes: "list[Outcome]", directory: Path, formats: list[str], language: str, *, quiet: bool) -> None:
    from shutil import get_terminal_size

    from auditor.cli.screen import Screen
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
            with standard_output():
                print_summary(outcome, Screen(width=get_terminal_size().columns), language, paths)
    if problems:
        raise Failure("\n".join(problems))


def exit_code(outcomes: "list[Outcome]", fail_on: FailOn, expected: int) -> int:
    """Return the exit code of these runs, of which so many were expected."""
    from auditor.judge.verdicts import Severity

    if not outcomes:
        return Exit.UNUSABLE
    if fail_on is not FailOn.NEVER:
        least = Severity(fail_on.value).rank
        if any(finding.severity.rank <= least for outcome in outcomes for finding in outcome.counting):
            return Exit.FINDINGS
    complete = len(outcomes) == expected and all(outcome.is_complete for outcome in outcomes)
    return Exit.OK if complete else Exit.INCOMPLETE
