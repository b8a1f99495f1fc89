"""What the commands that look back have in common: the ledger, and how a run is named."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.exits import Failure, known_errors

if TYPE_CHECKING:
    from auditor.config.settings import Settings
    from auditor.ledger.ledger import Ledger
    from auditor.ledger.records import RunRecord

LATEST = "latest"
PREVIOUS = "previous"
ClusterOption = Annotated[
    str | None, typer.Option("--cluster", metavar="NAME", help="The cluster that latest and previous are of.")
]


@contextmanager
def ledger_of(config: Path | None) -> Iterator[tuple["Settings", "Ledger"]]:
    """Open the ledger of a configuration, or the default one. Errors that a user can mend become a Failure."""
    with known_errors():
        from auditor.cli import load
        from auditor.ledger.ledger import Ledger

        settings = load.settings(config, needed=False)
        with Ledger.open(settings.ledger_url(), make=False) as ledger:
            yield settings, ledger


def find_run(ledger: "Ledger", name: str, cluster: str | None) -> "RunRecord":
    """Return the run of an id, of the beginning of one, or ``latest`` or ``previous`` of a cluster."""
    if name == LATEST:
        return _latest(ledger, cluster)
    if name == PREVIOUS:
        return before(ledger, _latest(ledger, cluster))
    return ledger.run(name)


def before(ledger: "Ledger", run: "RunRecord") -> "RunRecord":
    """Return the last run of the same cluster that finished before a run began."""
    from auditor.ledger.records import RunState

    found = ledger.runs(run.cluster, limit=1, before=run.started_at, states=(RunState.FINISHED,))
    if not found:
        raise Failure(f"{run.cluster}: no run finished before {run.id}")
    return found[0]


def _latest(ledger: "Ledger", cluster: str | None) -> "RunRecord":
    name = cluster or _only_cluster(ledger)
    found = ledger.latest(name)
    if found is None:
        raise Failure(f"{name}: no run has finished; the ledger knows: {', '.join(ledger.clusters()) or 'no cluster'}")
    return found


def _only_cluster(ledger: "Ledger") -> str:
    known = ledger.clusters()
    if not known:
        raise Failure("no run has finished yet")
    if len(known) > 1:
        raise Failure(f"the ledger knows several clusters: name one by --cluster: {', '.join(known)}")
    return known[0]
