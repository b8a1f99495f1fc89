"""What docs/channels.md shows, so that tests run exactly that."""

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "channels.md"


def section(heading: str) -> str:
    """Return the part of the page under a heading of the second level."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[heading]


def blocks(heading: str, language: str) -> list[str]:
    """Return the code blocks of a section in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", section(heading), flags=re.MULTILINE | re.DOTALL)


def functions(heading: str) -> dict[str, Any]:
    """Return what the Python blocks of a section define."""
    defined: dict[str, Any] = {}
    for block in blocks(heading, "python"):
        exec(compile(block, str(PAGE), "exec"), defined)  # the page is the project's own
    return defined
