"""``auditor collect``: save a landscape to a file, to be audited again without any access."""

from pathlib import Path
from typing import Annotated

import typer

from auditor.cli.exits import Exit, Failure, known_errors


def collect(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write; an existing one is replaced.")],
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The configuration file [default: ./auditor.toml].")
    ] = None,
    cluster: Annotated[str | None, typer.Option(help="The cluster; needed when several are configured.")] = None,
    check: Annotated[list[str] | None, typer.Option(help="Only what these checks need; may be given again.")] = None,
) -> int:
    """Save the landscape of one cluster: all that the checks need of both sides, and no secret.

    Exit codes: 0 saved, whole; 2 saved, but something could not be read; 3 nothing was saved.
    """
    with known_errors():
        from auditor import __version__
        from auditor.agent.audit import NothingReadable, collect_live
        from auditor.cli import load
        from auditor.cli.progress import watching
        from auditor.facts.saved import encode
        from auditor.facts.table import State
        from auditor.report.write import write_whole

        settings = load.settings(config, needed=True)
        chosen = load.clusters(settings, [cluster] if cluster else [])
        if len(chosen) > 1:
            raise Failure(
                f"several clusters are configured: expected --cluster with one of: "
                f"{', '.join(known.name for known in chosen)}"
            )
        checks = load.checks(settings.checks.folders, check or [])
        try:
            with watching(chosen[0].name, 0, collects=True) as watcher:
                landscape = collect_live(chosen[0], checks, watcher)
        except NothingReadable as error:
            lines = [f"{chosen[0].name}: neither side can be read, so nothing was saved"]
            raise Failure("\n".join([*lines, *(f"{r.source}: {r.message}" for r in error.reasons)])) from None
        write_whole(output, encode(landscape, __version__))
    typer.echo(f"saved: {output}")
    whole = all(log.state is State.KNOWN for log in landscape.collection)
    return Exit.OK if whole else Exit.INCOMPLETE
