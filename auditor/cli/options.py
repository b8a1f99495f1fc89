"""Options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="The configuration file [default: ./auditor.toml]."),
]
ChecksOption = Annotated[
    list[str] | None,
    typer.Option(
        "--check", metavar="PATTERN", help="Only these checks: an id or a pattern such as 'storage/*'; may be repeated."
    ),
]
