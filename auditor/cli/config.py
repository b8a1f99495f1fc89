"""``auditor config``: check a configuration, or start one."""

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from auditor.cli.exits import Failure, known_errors

app = typer.Typer(help="Check a configuration, or write a starter.", no_args_is_help=True, rich_markup_mode=None)


@app.command("check")
def check(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The configuration file [default: ./auditor.toml].")
    ] = None,
) -> None:
    """Check the whole configuration, with the secrets and files that it points at. Calls nobody."""
    with known_errors():
        from auditor.cli import load
        from auditor.config.load import default_path
        from auditor.config.verify import problems

        settings = load.settings(config, needed=True)
        load.formats(settings.report.formats)
        load.checks(settings.checks.folders, [])
        found = problems(settings)
    if found:
        raise Failure("\n".join(f"{config or default_path()}: {problem}" for problem in found))
    names = ", ".join(cluster.name for cluster in settings.clusters) or "none"
    typer.echo(f"{config or default_path()}: in order (clusters: {names})")


@app.command("init")
def init(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("auditor.toml"),
    name: Annotated[str, typer.Option(help="Your name for the cluster.")] = "my-cluster",
    region: Annotated[str, typer.Option(help="Its region.")] = "cn-hangzhou",
    cluster_id: Annotated[str, typer.Option(help="Its ACK cluster id.")] = "c00000000000000000000000000000000",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a starter configuration."""
    with known_errors():
        from auditor.config.load import parse
        from auditor.report.write import write_whole

        if path.exists() and not force:
            raise Failure(f"{path}: this file exists already; --force replaces it")
        starter = resources.files("auditor.config").joinpath("starter.toml").read_text(encoding="utf-8")
        for place, value in (("my-cluster", name), ("cn-hangzhou", region), ("c" + 32 * "0", cluster_id)):
            starter = starter.replace(place, value)
        content = starter.encode()
        parse(content, path)
        write_whole(path, content)
    typer.echo(f"written: {path} (next: fill it in, then `auditor config check`)")
