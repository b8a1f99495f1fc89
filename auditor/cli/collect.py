"""``auditor collect``: save a landscape to a file, to be audited again without any access."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from auditor.cli.exits import Exit, Failure, known_errors, say
from auditor.cli.options import ChecksOption, ConfigOption


def collect(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write; an existing one is replaced.")
    ],
    config: ConfigOption = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="NAME", help="The cluster; needed when several are configured.")
    ] = None,
    check: ChecksOption = None,
) -> int:
    """Save the landscape of one cluster: all that the checks need of both sides, and no secret.

    Exit codes: 0 saved, whole; 2 saved, but something could not be read; 3 nothing was saved.
    """
    with known_errors():
        from auditor import __version__
        from auditor.agent.audit import NothingReadable, collect_live
        from auditor.cli import load
        from auditor.cli.interruptible import interruptible
        from auditor.cli.progress import watching
        from auditor.facts.saved import encode
        from auditor.facts.table import State
        from auditor.report.write import ensure_file, write_whole

        settings = load.settings(config, needed=True)
        chosen = load.clusters(settings, [] if cluster is None else [cluster])
        if len(chosen) > 1:
            raise Failure(
                f"several clusters are configured: expected --cluster with one of: "
                f"{', '.join(known.name for known in chosen)}"
            )
        checks = load.checks(settings.checks.folders, check or [])
        load.ensure_writable(output.parent, "the landscape", "--output")
        ensure_file(output)
        try:
            with watching(chosen[0].name, 0, collects=True) as watcher:
                landscape = interruptible(partial(collect_live, chosen[0], checks, watcher))
        except NothingReadable as error:
            lines = [f"{chosen[0].name}: neither side can be read, so nothing was saved"]
            raise Failure("\n".join([*lines, *(f"{r.source}: {r.message}" for r in error.reasons)])) from None
        try:
            write_whole(output, encode(landscape, __version__))
        except OSError as error:
            raise Failure(f"{output}: not written: {error.strerror}; make room, or name another file") from None
    say(f"saved: {output}")
    whole = all(log.state is State.KNOWN for log in landscape.collection)
    return Exit.OK if whole else Exit.INCOMPLETE
