"""Generated documentation: one page per check, their index, the causes, all calls, and the help texts in the README.

Usage: ``python -m tools.docs update`` writes them, ``python -m tools.docs check`` fails when they have drifted.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from auditor.judge.check import LoadedCheck
from auditor.judge.registry import load_checks
from tools import cause_rows, check_pages, operations
from tools.check_pages import MADE
from tools.sources import Sources

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "checks"
CAUSES = ROOT / "docs" / "causes.md"
OPERATIONS = ROOT / "docs" / "operations.md"
README = ROOT / "README.md"


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


def own_checks() -> list[LoadedCheck]:
    """Return the checks of the project, without those of other packages."""
    return [check for check in load_checks() if check.module.__name__.startswith("checks.")]


def _wanted() -> Iterator[tuple[Path, str]]:
    checks = own_checks()
    sources = Sources(ROOT, ("checks",))
    for check in checks:
        yield PAGES / f"{check.id}.md", check_pages.page(check, sources)
    yield PAGES / "README.md", _index(checks)
    yield CAUSES, cause_rows.page(checks)
    yield OPERATIONS, operations.page()
    yield README, _with_blocks(README.read_text(encoding="utf-8"), checks)


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
