"""The formats: which there are, and what they are given. Each is one module, imported when it is asked for."""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Protocol, cast

from auditor.judge.outcome import Outcome
from auditor.report.model import ReportView
from auditor.report.texts import translator
from auditor.report.view import make_view

FORMATS = MappingProxyType(
    {
        "html": "auditor.report.html",
        "pdf": "auditor.report.pdf",
        "json": "auditor.report.json_report",
        "markdown": "auditor.report.markdown",
        "csv": "auditor.report.csv_report",
    }
)
"""The modules by the name of the format, which is also the ending of the file."""


class UnknownFormat(ValueError):  # noqa: N818 - read as a sentence
    """A name that no format has. Says which there are."""


class FormatUnavailable(Exception):  # noqa: N818 - read as a sentence
    """A format that can't be made on this machine. Says what to install."""


@dataclass(frozen=True)
class Report:
    """A run in one language, as a format is given it. The view is made when the first format asks for it."""

    outcome: Outcome
    language: str

    @cached_property
    def translate(self) -> Callable[[str], str]:
        """What maps an English text to the language."""
        return translator(self.language)

    @cached_property
    def view(self) -> ReportView:
        """The report as display data."""
        return make_view(self.outcome, self.language, self.translate)


class Format(Protocol):
    """What the module of a format has."""

    def render(self, report: Report) -> bytes:
        """Return the content of the file."""


def ensure_known(names: Iterable[str]) -> None:
    """Raise UnknownFormat for the first name that no format has."""
    for name in names:
        if name not in FORMATS:
            raise UnknownFormat(f"no format is called {name!r}; there are: {', '.join(FORMATS)}")


def load_format(name: str) -> Format:
    """Import a format. Raises UnknownFormat."""
    ensure_known((name,))
    return cast("Format", importlib.import_module(FORMATS[name]))
