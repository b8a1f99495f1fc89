"""``auditor collect``: save a landscape to a file, to be audited again without any access."""

import secrets
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from auditor.cli.exits import Exit, Failure, known_errors, say
from auditor.cli.options import ChecksOption, ConfigOption

_KEY_BYTES = 32


def collect(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write; an existing one is replaced.")
    ],
    config: ConfigOption = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="NAME", help="The cluster; needed when several are configured.")
    ] = None,
    check: ChecksOption = None,
    redact: Annotated[
        bool, typer.Option("--redact", help="Replace names, addresses and texts, to hand the file to somebody else.")
    ] = False,
    redact_key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A secret, so that several files get the same replacements; implies --redact."
        ),
    ] = None,
) -> int:
    """Save the landscape of one cluster: all that the checks need of both sides, and no secret.

    With --redact, an audit of the file finds the same faults on objects of other names.

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
        key = _key(redact_key) if redact or redact_key else None
        load.ensure_writable(output.parent, "the landscape", "--output")
        ensure_file(output)
        try:
            with watching(chosen[0].name, 0, collects=True) as watcher:
                landscape = interruptible(partial(collect_live, chosen[0], checks, watcher))
        except NothingReadable as error:
            lines = [f"{chosen[0].name}: neither side can be read, so nothing was saved"]
            raise Failure("\n".join([*lines, *(f"{r.source}: {r.message}" for r in error.reasons)])) from None
        if key:
            from auditor.facts.redaction import redact as redacted

            landscape = redacted(landscape, key)
        try:
            write_whole(output, encode(landscape, __version__))
        except OSError as error:
            raise Failure(f"{output}: not written: {error.strerror}; make room, or name another file") from None
    say(f"saved: {output}")
    whole = all(log.state is State.KNOWN for log in landscape.collection)
    return Exit.OK if whole else Exit.INCOMPLETE


def _key(file: Path | None) -> bytes:
    """Return what the operator gave, or for want of it what nobody knows and nobody keeps."""
    if file is None:
        return secrets.token_bytes(_KEY_BYTES)
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise Failure(f"--redact-key: {file}: {error.strerror}") from None
    if len(key) < _KEY_BYTES:
        raise Failure(f"--redact-key: {file}: expected at least {_KEY_BYTES} characters that nobody can guess")
    return key
