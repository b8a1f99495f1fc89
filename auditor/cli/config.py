"""``auditor config``: check a configuration, or start one."""

import json
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.exits import Failure, complain, known_errors, say
from auditor.cli.options import ConfigOption

if TYPE_CHECKING:
    from auditor.config.settings import Settings

app = typer.Typer(help="Check a configuration, or write a starter.", no_args_is_help=True, rich_markup_mode=None)


@app.command("check")
def check(config: ConfigOption = None) -> None:
    """Check the whole configuration, with the secrets and files that it points at. Calls nobody."""
    with known_errors():
        from datetime import UTC, datetime

        from auditor.cli import load
        from auditor.config.verify import warnings

        settings = load.settings(config, needed=True)
        path = config or load.default_config()
        found = problems(settings)
        for warning in warnings(settings, datetime.now(UTC).date()):
            complain(f"auditor: {path}: warning: {warning}\n")
    if found:
        raise Failure("\n".join(f"{path}: {problem}" for problem in found))
    names = ", ".join(cluster.name for cluster in settings.clusters)
    say(f"{path}: in order (clusters: {names or 'none yet; `auditor run` needs one'})")


def problems(settings: "Settings") -> list[str]:
    """Return what is wrong with a configuration and with what it points at, one sentence each. Calls nobody."""
    from auditor.agent.sides import local_problems
    from auditor.cli import load
    from auditor.config.verify import problems as problems_around
    from auditor.judge.registry import UnknownCheck, select
    from auditor.report.formats import UnknownFormat

    found = []
    try:
        load.formats(settings.report.formats)
    except UnknownFormat as error:
        found.append(f"report.formats: {error}")
    existing = [folder for folder in settings.checks.folders if folder.is_dir()]
    checks = load.checks(existing, [])

    def is_check(pattern: str) -> bool:
        try:
            return bool(select(checks, [pattern]))
        except UnknownCheck:
            return False

    found += problems_around(settings, is_check)
    if not any(problem.startswith("channels[") for problem in found):
        from auditor.deliver.verify import problem_of

        usable = [channel for channel in settings.channels if not channel.missing()]
        found += [problem for channel in usable if (problem := problem_of(channel))]
    for cluster in settings.clusters:
        # A secret that can't be read is among the problems already.
        problems_here = local_problems(cluster, with_secrets=False)
        found += [f"clusters[{cluster.name}].{problem}" for problem in problems_here]
    return found


@app.command("init")
def init(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")] = Path("auditor.toml"),
    name: Annotated[str, typer.Option(metavar="NAME", help="Your name for the cluster.")] = "my-cluster",
    region: Annotated[str, typer.Option(metavar="REGION", help="Its region.")] = "cn-hangzhou",
    cluster_id: Annotated[str, typer.Option(metavar="ID", help="Its ACK cluster id.")] = "c" + 32 * "0",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a starter configuration."""
    with known_errors():
        from auditor.config.load import parse
        from auditor.report.write import write_whole

        if path.is_dir():
            raise Failure(f"{path}: this is a folder; expected the path of a file")
        if path.exists() and not force:
            raise Failure(f"{path}: this file exists already; --force replaces it")
        starter = resources.files("auditor.config").joinpath("starter.toml").read_text(encoding="utf-8")
        for key, value in (("name", name), ("region", region), ("cluster_id", cluster_id)):
            # A text in JSON is one in TOML; a function, so that nothing in it is read as a reference to a group.
            line = f"{key} = {json.dumps(value, ensure_ascii=not value.isprintable())}"
            starter = re.sub(rf"^{key} = .*$", lambda _match, line=line: line, starter, flags=re.MULTILINE)  # type: ignore[misc]
        content = starter.encode()
        parse(content, path)
        write_whole(path, content)
    say(f"written: {path} (next: fill it in, then `auditor config check`)")
