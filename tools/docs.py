"""Generated documentation: one page per check, their index, the page of all calls, and the help texts in the README.

Usage: ``python -m tools.docs update`` writes them, ``python -m tools.docs check`` fails when they have drifted.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from auditor.collect.permissions import permissions_of
from auditor.judge.check import LoadedCheck
from auditor.judge.context import tables_of
from auditor.judge.registry import load_checks
from tools import operations

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "checks"
OPERATIONS = ROOT / "docs" / "operations.md"
README = ROOT / "README.md"
NOT_EVALUATED = (
    "A row that it needs is not known: the call was denied, failed, timed out, or was cut short. "
    "It then says so for just the objects concerned, and names the permission below that is missing."
)
MADE = "<!-- Made by `python -m tools.docs update`; edit the check instead. -->"


def main() -> int:
    """Write the generated texts, or tell which of them have drifted."""
    wanted = dict(_wanted())
    stale = [path for path in PAGES.rglob("*.md") if path not in wanted]
    drifted = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if sys.argv[1:] == ["check"]:
        for path in (*drifted, *stale):
            print(f"{path.relative_to(ROOT)}: not up to date; run `python -m tools.docs update`")
        return 1 if drifted or stale else 0
    if sys.argv[1:] != ["update"]:
        print(__doc__)
        return 2
    for path in stale:
        path.unlink()
    for path in drifted:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    return 0


def _wanted() -> Iterator[tuple[Path, str]]:
    checks = [check for check in load_checks() if check.module.__name__.startswith("checks.")]
    for check in checks:
        yield PAGES / f"{check.id}.md", _page(check)
    yield PAGES / "README.md", _index(checks)
    yield OPERATIONS, operations.page()
    yield README, _with_blocks(README.read_text(encoding="utf-8"), checks)


def _page(check: LoadedCheck) -> str:
    tables = tables_of(check)
    source = check.module.__name__.replace(".", "/") + ".py"
    first_row = (
        f"| {check.check.severity} | {', '.join(check.check.causes) or '–'} | {check.check.since} | "
        f"[source](../../../{source}) |"
    )
    lines = [
        f"# {check.id}",
        "",
        MADE,
        "",
        "| Severity | Causes in the notes | Since | Code |",
        "|---|---|---|---|",
        first_row,
        "",
        "## What it checks",
        "",
        f"{check.title}.",
        "",
        "## Why it matters on ACK",
        "",
        check.why,
        "",
        "## Evidence read",
        "",
        *(f"- `{table}`" for table in sorted(tables)),
        "",
        "## Not evaluated when",
        "",
        NOT_EVALUATED,
        "",
        "## Known limits",
        "",
        *(f"- {limit}" for limit in check.check.limits),
        *(() if check.check.limits else ("None known.",)),
        "",
        "## How to fix",
        "",
        "Each finding carries its own steps, with commands for the objects at hand.",
        "",
        "## Permissions",
        "",
        *(f"- `{permission}`" for permission in permissions_of(tables)),
        "",
    ]
    if check.check.links:
        lines += ["## References", "", *(f"- <{link}>" for link in check.check.links), ""]
    return "\n".join(lines)


def _index(checks: list[LoadedCheck]) -> str:
    return "\n".join(["# Checks", "", MADE, "", *_table(checks, "")]) + "\n"


def _table(checks: list[LoadedCheck], prefix: str) -> list[str]:
    rows = [f"| [{c.id}]({prefix}{c.id}.md) | {c.check.severity} | {c.title} |" for c in checks]
    return ["| Check | Severity | Finds |", "|---|---|---|", *rows]


def _with_blocks(readme: str, checks: list[LoadedCheck]) -> str:
    blocks = {
        "help": f"```text\n$ auditor run --help\n{_help('run')}```",
        "checks": "\n".join(_table(checks, "docs/checks/")),
    }
    for name, text in blocks.items():
        mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        readme = mark.sub(lambda match, text=text: f"{match[1]}{text}\n{match[2]}", readme)  # type: ignore[misc]
    return readme


def _help(command: str) -> str:
    environment = {**os.environ, "COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1"}
    run = subprocess.run(
        [sys.executable, "-m", "auditor", command, "--help"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return run.stdout.lstrip("\n").replace("python -m auditor", "auditor")


if __name__ == "__main__":
    sys.exit(main())
