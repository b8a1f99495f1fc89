"""``auditor doctor``: can everything be reached and read, what is missing, and what to grant."""

import json
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.checks import Shape, ShapeOption
from auditor.cli.exits import Exit, known_errors, say, standard_output
from auditor.cli.options import ChecksOption, ConfigOption

if TYPE_CHECKING:
    from auditor.agent.doctor import Diagnosis
    from auditor.config.clusters import Cluster
    from auditor.judge.check import LoadedCheck


def doctor(
    config: ConfigOption = None,
    cluster: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this cluster; may be repeated.")
    ] = None,
    check: ChecksOption = None,
    shape: ShapeOption = Shape.TEXT,
) -> int:
    """Say whether everything can be reached and read, what is missing, and what to grant.

    Both sides are really asked for all that the checks need, as in an audit; nothing is judged or written.

    Exit codes: 0 everything can be read; 2 something is missing or could not be read; 3 bad usage or configuration,
    or nothing can be read at all.
    """
    with known_errors():
        from auditor.agent.doctor import unwritable
        from auditor.agent.outbox_state import outbox_state
        from auditor.cli import load
        from auditor.cli.doctor_page import as_json, print_page
        from auditor.cli.screen import Screen

        settings = load.settings(config, needed=True)
        chosen = load.clusters(settings, cluster or [])
        checks = load.checks(settings.checks.folders, check or [])
        directory = settings.report.directory
        problems = [problem] if (problem := unwritable(directory)) else []
        outbox = outbox_state(settings)
        if outbox and outbox.problem:
            problems.append(outbox.problem)
        diagnoses = [_diagnosed(one, checks) for one in chosen]
    if shape is Shape.JSON:
        say(json.dumps(as_json(diagnoses, problems, outbox), ensure_ascii=False, indent=2))
    else:
        from shutil import get_terminal_size

        with standard_output():
            print_page(diagnoses, problems, Screen(width=get_terminal_size().columns), outbox)
    return _exit_code(diagnoses, problems)


def _diagnosed(cluster: "Cluster", checks: "list[LoadedCheck]") -> "Diagnosis":
    from auditor.agent.audit import Watcher
    from auditor.agent.doctor import diagnose
    from auditor.cli.interruptible import interruptible
    from auditor.cli.progress import watching

    with watching(cluster.name, 0, collects=True) as watcher:
        # Why a side can't be read stands on the page.
        return interruptible(partial(diagnose, cluster, checks, Watcher(watcher.on_collect)))


def _exit_code(diagnoses: "list[Diagnosis]", problems: list[str]) -> int:
    if problems or not any(diagnosis.is_usable for diagnosis in diagnoses):
        return Exit.UNUSABLE
    return Exit.OK if all(diagnosis.is_whole for diagnosis in diagnoses) else Exit.INCOMPLETE
