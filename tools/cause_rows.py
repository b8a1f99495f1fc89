"""The page of all causes of the notes: each with the checks that look for it, and the tests that hold them."""

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from auditor.judge.causes import CAUSES
from auditor.judge.check import LoadedCheck
from tools.sources import Place, Sources

ROOT = Path(__file__).resolve().parent.parent
MADE = "<!-- Made by `python -m tools.docs update`, from the causes, the checks and the tests; edit those instead. -->"
CHAPTERS = {"S": "Storage", "N": "Network", "K": "kubectl", "A": "Autoscaling", "V": "Services"}
PARTS = {
    "V4": {
        "V4a": "Before 1.9.3.164 the cloud controller manager gives every node the weight 100, whatever Pods it hosts",
        "V4b": "From 1.9.3.164 to before 1.9.3.276 a node's weight is its share of the Pods in per cent",
        "V4c": "From 1.9.3.276 on a node's weight is the number of its Pods",
    }
}
"""Causes that the notes tell apart by a version, each a row of its own: with externalTrafficPolicy Local."""
TESTED_IN = ("tests/checks", "tests/scenarios")
"""The folders of the tests of single checks: over tables, and over both APIs."""


def _all_rows() -> Iterator[tuple[str, str]]:
    for cause in CAUSES.values():
        yield cause.id, str(cause.title)
        yield from PARTS.get(cause.id, {}).items()


ROWS = dict(_all_rows())
"""Every row of the notes, in their order: the cause in a line."""


def anchor(row: str) -> str:
    """Return where a row stands on the page."""
    return row.lower()


def rows_of(check: LoadedCheck) -> list[str]:
    """Return the rows that a check implements, in the order of the notes."""
    return [row for row in ROWS if row in check.check.causes]


def checks_of(row: str, checks: Sequence[LoadedCheck]) -> list[LoadedCheck]:
    """Return the checks that implement a row, or a part of it."""
    cause = CAUSES.get(row)
    return [check for check in checks if any(cause.covers(one) if cause else one == row for one in check.check.causes)]


@cache
def test_files() -> dict[str, tuple[str, ...]]:
    """Return the files with a test that names a check, by the check's id, from what the tests use.

    A file counts if one of its tests names the id, itself or by a helper or a constant that it uses.
    """
    sources = Sources(ROOT, ("tests",))
    found: dict[str, dict[str, None]] = {}
    for module in sources.modules.values():
        path = module.path.relative_to(ROOT).as_posix()
        if not path.startswith(TESTED_IN) or not module.path.name.startswith("test_"):
            continue
        tests = [Place(module.name, name) for name in module.definitions if name.startswith(("test", "Test"))]
        for place in sources.reach(*tests):
            for text in _texts(sources, place):
                found.setdefault(text, {})[path] = None
    return {text: tuple(paths) for text, paths in found.items()}


def page(checks: Sequence[LoadedCheck]) -> str:
    """Return the page."""
    lines = [
        "# Causes",
        "",
        MADE,
        "",
        f"The {len(ROWS)} causes of the notes on failures of ACK, the checks that look for each, and the tests that",
        "hold these: over single tables, and over a fake cluster and a fake cloud that are collected from.",
    ]
    for letter, chapter in CHAPTERS.items():
        lines += ["", f"## {chapter}", "", "| Row | Cause | Checks | Tests |", "|---|---|---|---|"]
        lines += [_row(row, checks) for row in ROWS if row.startswith(letter)]
    return "\n".join(lines) + "\n"


def _row(row: str, checks: Sequence[LoadedCheck]) -> str:
    looking = checks_of(row, checks)
    files = dict.fromkeys(path for check in looking for path in test_files().get(check.id, ()))
    named = "<br>".join(f"[{check.id}](checks/{check.id}.md)" for check in looking)
    tests = "<br>".join(f"[{path.removeprefix('tests/')}](../{path})" for path in files)
    return f'| <a id="{anchor(row)}"></a>{row} | {ROWS[row]} | {named} | {tests} |'


@cache
def _texts(sources: Sources, place: Place) -> frozenset[str]:
    nodes = (node for statement in sources.statements(place) for node in ast.walk(statement))
    return frozenset(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
