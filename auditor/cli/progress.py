"""Progress of an audit, on standard error, and only when that is a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from auditor.cli.exits import fail

if TYPE_CHECKING:
    from auditor.agent.audit import Watcher
    from auditor.collect.plan import Progress
    from auditor.facts.ref import Layer
    from auditor.facts.table import Reason
    from auditor.judge.check import LoadedCheck


@contextmanager
def watching(cluster: str, checks: int, *, collects: bool) -> Iterator["Watcher"]:
    """Show how an audit goes on while the block runs."""
    from auditor.agent.audit import Watcher

    def on_unreadable(layer: "Layer", reason: "Reason") -> None:
        side = "Kubernetes API" if layer == "kubernetes" else "Alibaba Cloud API"
        fail(f"{cluster}: the {side} can't be read, so only the other side is audited: {reason.message}")

    if not sys.stderr.isatty():
        yield Watcher(on_unreadable=on_unreadable)
        return

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[what]}", markup=False),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        reading = bars.add_task(f"{cluster}: reading", total=None, what="", visible=collects)
        judging = bars.add_task(f"{cluster}: judging", total=checks, what="", visible=False)

        def on_collect(progress: "Progress") -> None:
            bars.update(reading, completed=progress.done, total=progress.total, what=progress.table)

        def on_check(check: "LoadedCheck") -> None:
            bars.update(judging, advance=1, what=check.id, visible=True)

        yield Watcher(on_collect, on_check, on_unreadable)
