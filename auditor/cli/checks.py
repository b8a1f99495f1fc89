"""``auditor checks``: which checks there are, and what one of them does."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditor.cli.exits import Failure, known_errors, say
from auditor.cli.options import ConfigOption

if TYPE_CHECKING:
    from auditor.judge.check import LoadedCheck

app = typer.Typer(help="List the checks, or show one.", invoke_without_command=True, rich_markup_mode=None)


class Shape(StrEnum):
    """How a listing is printed."""

    TEXT = "text"
    JSON = "json"


ShapeOption = Annotated[Shape, typer.Option("--format", metavar="text|json", help="How to print it.")]


@app.callback()
def _default(context: typer.Context, config: ConfigOption = None, shape: ShapeOption = Shape.TEXT) -> None:
    """List the checks, or show one: its text, the facts that it needs and the permissions for them."""
    if context.invoked_subcommand is None:
        list_checks(config=config, shape=shape)
    elif config or shape is not Shape.TEXT:
        raise Failure(f"--config and --format belong behind the command: auditor checks {context.invoked_subcommand} …")


@app.command("list")
def list_checks(
    pattern: Annotated[
        list[str] | None, typer.Argument(metavar="PATTERN", help="Ids or patterns such as 'storage/*'.")
    ] = None,
    config: ConfigOption = None,
    shape: ShapeOption = Shape.TEXT,
) -> None:
    """List the checks with severity and title."""
    checks = _load(config, pattern or [])
    if shape is Shape.JSON:
        say(json.dumps([_describe(check) for check in checks], ensure_ascii=False, indent=2))
        return
    width = max((len(check.id) for check in checks), default=0)
    for check in checks:
        say(f"{check.id:<{width}}  {check.check.severity:<8}  {check.title}")


@app.command("show")
def show_check(
    check_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the check.")],
    config: ConfigOption = None,
    shape: ShapeOption = Shape.TEXT,
) -> None:
    """Show one check."""
    for check in _load(config, [check_id]):
        described = _describe(check)
        if shape is Shape.JSON:
            say(json.dumps(described, ensure_ascii=False, indent=2))
            continue
        say(f"{check.id} ({check.check.severity}, since {check.check.since})\n{check.title}\n\n{check.why}\n")
        for heading, lines in (
            ("Causes in the notes", described["causes"]),
            ("Facts", described["facts"]),
            ("Permissions", described["permissions"]),
            ("Known limits", described["limits"]),
            ("Former ids", described["aliases"]),
            ("Further reading", described["links"]),
        ):
            if lines:
                say(f"{heading}:\n" + "".join(f"  {line}\n" for line in lines))


def _load(config: Path | None, patterns: list[str]) -> "list[LoadedCheck]":
    with known_errors():
        from auditor.cli import load

        settings = load.settings(config, needed=False)
        return load.checks(settings.checks.folders, patterns)


def _describe(check: "LoadedCheck") -> dict[str, Any]:
    from auditor.collect.permissions import permissions_of
    from auditor.judge.context import tables_of

    tables = tables_of(check)
    return {
        "id": check.id,
        "title": check.title,
        "severity": check.check.severity.value,
        "why": check.why,
        "causes": list(check.check.causes),
        "symptoms": list(check.check.symptoms),
        "since": check.check.since,
        "aliases": list(check.check.aliases),
        "facts": sorted(tables),
        "permissions": permissions_of(tables),
        "limits": list(check.check.limits),
        "links": list(check.check.links),
    }
