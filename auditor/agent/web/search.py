"""Finds findings: by what the ledger has columns for, and by words in what a reader sees of them."""

from collections.abc import Callable
from dataclasses import dataclass

from auditor.judge.verdicts import Severity
from auditor.ledger.overview import LifeFilter, Overview
from auditor.ledger.records import Life, LifeState

STATES = ("open", "unevaluated", "suppressed", "resolved", "all")
MOST_READ = 10_000
"""Findings that are read for words: those with the highest severity. What is left out is said."""
LONGEST_WORDS = 200


@dataclass(frozen=True)
class Search:
    """What is looked for. What is empty does not narrow it."""

    cluster: str = ""
    severity: str = ""
    check: str = ""
    state: str = "open"
    words: str = ""


@dataclass(frozen=True)
class Found:
    """A page of what was found. ``is_cut`` says that not all findings were read for the words."""

    lives: tuple[Life, ...]
    total: int
    is_cut: bool = False


def find(
    overview: Overview,
    search: Search,
    clusters: tuple[str, ...],
    translate: Callable[[str], str],
    limit: int,
    offset: int,
) -> Found:
    """Return findings of the clusters of the configuration, the worst first.

    Raises:
        ValueError: no severity or no state is called so.
        LedgerError: the ledger can't be read.
    """
    wanted = _filter(search, clusters)
    words = search.words[:LONGEST_WORDS].casefold().split()
    if not words:
        return Found(tuple(overview.lives(wanted, limit, offset)), overview.count_lives(wanted))
    read = overview.lives(wanted, MOST_READ + 1)
    hits = [life for life in read[:MOST_READ] if _has(life, words, translate)]
    return Found(tuple(hits[offset : offset + limit]), len(hits), len(read) > MOST_READ)


def _filter(search: Search, clusters: tuple[str, ...]) -> LifeFilter:
    if search.state not in STATES:
        raise ValueError(f"no state is called {search.state[:40]!r}; there are: {', '.join(STATES)}")
    states: tuple[LifeState, ...] = ()
    suppressed = None
    if search.state in ("open", "suppressed"):
        states, suppressed = (LifeState.OPEN,), search.state == "suppressed"
    elif search.state != "all":
        states = (LifeState(search.state),)
    return LifeFilter(
        clusters=tuple(name for name in clusters if search.cluster in ("", name)),
        states=states,
        suppressed=suppressed,
        severities=(_severity(search.severity),) if search.severity else (),
        check=search.check,
    )


def _severity(name: str) -> Severity:
    try:
        return Severity(name)
    except ValueError:
        raise ValueError(f"no severity is called {name[:40]!r}; there are: {', '.join(Severity)}") from None


def _has(life: Life, words: list[str], translate: Callable[[str], str]) -> bool:
    subject = life.subject
    seen = (
        life.finding.message.render(translate),
        life.check,
        life.fingerprint,
        life.cluster,
        subject.kind,
        subject.path,
        subject.id,
    )
    text = "\n".join(seen).casefold()
    return all(word in text for word in words)
