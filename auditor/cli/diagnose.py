"""``auditor diagnose``: the causes behind a symptom or an error text, in the order of the notes."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.checks import Shape, ShapeOption
from auditor.cli.exits import Exit, Failure, known_errors, say, standard_output
from auditor.cli.options import ConfigOption
from auditor.cli.run import FailOn, Language, exit_code, saved_landscape

if TYPE_CHECKING:
    from auditor.agent.diagnose import Answer, Inquiry
    from auditor.config.settings import Settings
    from auditor.judge.check import LoadedCheck

STANDARD_INPUT = "-"
_SYMPTOM_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def diagnose(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="SYMPTOM|TEXT",
            help="A symptom, or the text of an error in quotes; - reads the text from standard input. "
            "Without it, the symptoms are listed.",
        ),
    ] = None,
    named: Annotated[
        str | None,
        typer.Option(
            "--object",
            metavar="NAMESPACE/NAME",
            help="Only what concerns this object; NAME alone where it has no namespace, or an id of the cloud.",
        ),
    ] = None,
    config: ConfigOption = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="NAME", help="The cluster; needed when several are configured.")
    ] = None,
    landscape: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Look at a saved landscape, without any access to a cluster.")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Look at the embedded demo landscape.")] = False,
    shape: ShapeOption = Shape.TEXT,
    fail_on: Annotated[
        FailOn,
        typer.Option(
            metavar="SEVERITY",
            help="The least severity that makes the exit code 1: critical, high, medium, low, info or never.",
        ),
    ] = FailOn.HIGH,
    language: Annotated[Language | None, typer.Option(metavar="en|zh", help="Language of the answer.")] = None,
) -> int:
    """Say what is behind a symptom or an error text, in the order in which one looks for it.

    What was checked, what was found, what is by design, and what could not be looked at. Only what these checks need
    is read.

    Exit codes: 0 nothing at or above --fail-on; 1 such findings; 2 something could not be looked at, and nothing
    reached --fail-on; 3 bad usage or configuration, the cluster could not be read, or there is no such --object.
    """
    if landscape and demo:
        raise Failure("--landscape and --demo are given together: expected one of them")
    with known_errors():
        from auditor.cli import load

        settings = load.settings(config, needed=not (landscape or demo) and what is not None)
        spoken = language.value if language else settings.report.language
        if what is None:
            if named is not None:
                raise Failure("--object is given without a symptom or an error text")
            _list(shape, spoken)
            return Exit.OK
        inquiry = _inquiry(what, named)
        checks = load.checks(settings.checks.folders, [])
        if landscape or demo:
            answer = _of_saved(landscape, cluster, inquiry, checks, settings)
        else:
            answer = _of_cluster(cluster, inquiry, checks, settings)
        if answer.lacks_wanted:
            raise Failure(_not_there(answer))
        _print(answer, shape, spoken)
    code = exit_code([answer.outcome], fail_on, 1)
    return Exit.INCOMPLETE if code == Exit.OK and not answer.is_complete else code


def _inquiry(what: str, named: str | None) -> "Inquiry":
    from auditor.agent.diagnose import Inquiry
    from auditor.judge.error_texts import BadObject, parse_object, read_error
    from auditor.judge.symptoms import SYMPTOMS

    try:
        wanted = None if named is None else parse_object(named)
    except BadObject as error:
        raise Failure(f"--object {error}") from None
    text = _read_standard_input() if what == STANDARD_INPUT else what
    if text in SYMPTOMS:
        return Inquiry((SYMPTOMS[text],), wanted)
    reading = read_error(text)
    if reading is None:
        raise Failure(_unknown(text))
    return Inquiry(reading.symptoms, wanted, reading)


def _read_standard_input() -> str:
    from auditor.judge.error_texts import LONGEST

    try:
        return sys.stdin.read(LONGEST).strip()
    except (OSError, UnicodeDecodeError):
        raise Failure("standard input can't be read: expected the text of an error") from None


def _unknown(text: str) -> str:
    from difflib import get_close_matches

    from auditor.judge.error_texts import nearest
    from auditor.judge.symptoms import SYMPTOMS

    if not text.strip():
        return "nothing is asked: expected a symptom or the text of an error; `auditor diagnose` lists the symptoms"
    if set(text) <= _SYMPTOM_CHARACTERS:
        first = f"no symptom is called {text!r}, and no known error has this text"
        near = get_close_matches(text, SYMPTOMS, n=3, cutoff=0.5) or [symptom.id for symptom in nearest(text)]
    else:
        first = "no known error has this text, so nothing was looked at"
        near = [symptom.id for symptom in nearest(text)]
    hint = f"nearest by its words: {', '.join(near)}" if near else "no symptom comes near it by its words"
    width = max(len(name) for name in SYMPTOMS)
    known = [f"  {symptom.id:<{width}}  {symptom.title}" for symptom in SYMPTOMS.values()]
    return "\n".join([first, hint, "the symptoms:", *known])


def _not_there(answer: "Answer") -> str:
    from auditor.report.clean import one_line

    wanted = answer.inquiry.wanted
    symptoms = ", ".join(symptom.id for symptom in answer.inquiry.symptoms)
    name = one_line(f"{wanted.kind} {wanted.path}".strip()) if wanted else ""
    first = f"--object {name}: there is no such object among what the checks of {symptoms} read"
    return f"{first}\nthey read these kinds: {', '.join(answer.kinds)}" if answer.kinds else f"{first}: it was nothing"


def _list(shape: Shape, language: str) -> None:
    from auditor.judge.symptoms import SYMPTOMS
    from auditor.report.json_report import written
    from auditor.report.texts import translator

    translate = translator(language)
    if shape is Shape.JSON:
        listed = [
            {"id": one.id, "title": one.title.render(translate), "causes": [row.id for row in one.rows]}
            for one in SYMPTOMS.values()
        ]
        say(written({"symptoms": listed}))
        return
    width = max(len(name) for name in SYMPTOMS)
    for symptom in SYMPTOMS.values():
        say(f"{symptom.id:<{width}}  {symptom.title.render(translate)}")


def _of_saved(
    path: Path | None, name: str | None, inquiry: "Inquiry", checks: "list[LoadedCheck]", settings: "Settings"
) -> "Answer":
    from auditor.agent.audit import Watcher
    from auditor.agent.diagnose import answer

    saved = saved_landscape(path, [] if name is None else [name])
    by_annotation = settings.may_annotate(saved.cluster.name)
    return answer(saved, inquiry, checks, settings.suppressions, "landscape", Watcher(), by_annotation=by_annotation)


def _of_cluster(name: str | None, inquiry: "Inquiry", checks: "list[LoadedCheck]", settings: "Settings") -> "Answer":
    from auditor.agent.audit import NothingReadable
    from auditor.agent.diagnose import answer, look
    from auditor.cli import load
    from auditor.cli.interruptible import interruptible
    from auditor.cli.progress import watching

    chosen = load.clusters(settings, [] if name is None else [name])
    if len(chosen) > 1:
        names = ", ".join(known.name for known in chosen)
        raise Failure(f"several clusters are configured: expected --cluster with one of: {names}")
    try:
        with watching(chosen[0].name, len(checks), collects=True) as watcher:
            collected = interruptible(partial(look, chosen[0], inquiry, checks, watcher))
            by_annotation = chosen[0].suppress_by_annotation
            return answer(
                collected, inquiry, checks, settings.suppressions, "now", watcher, by_annotation=by_annotation
            )
    except NothingReadable as error:
        lines = [f"{chosen[0].name}: neither side can be read, so nothing was looked at"]
        raise Failure("\n".join([*lines, *(f"{one.source}: {one.message}" for one in error.reasons)])) from None


def _print(answer: "Answer", shape: Shape, language: str) -> None:
    from auditor.cli.diagnose_page import as_json, print_page
    from auditor.report.json_report import written

    if shape is Shape.JSON:
        say(written(as_json(answer, language)))
        return
    from shutil import get_terminal_size

    from auditor.cli.screen import Screen

    with standard_output():
        print_page(answer, language, Screen(width=get_terminal_size().columns))
