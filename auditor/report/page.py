"""The report as one HTML page that needs nothing from outside: for the screen, and for the PDF."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from auditor.facts.text import Text, Value
from auditor.report.clean import code_spans
from auditor.report.model import FindingView, ReportView, SeverityGroup

TEMPLATES = Path(__file__).resolve().parents[2] / "report_templates"


@dataclass(frozen=True)
class Limits:
    """How much a page lists before it counts the rest and points to the JSON format."""

    cards: int
    rows: int


SCREEN = Limits(cards=100, rows=300)
PRINT = Limits(cards=25, rows=100)
"""Paper is read from front to back: past some twenty findings of one severity the count says more."""


@dataclass(frozen=True)
class _Group:
    """The findings of one severity: those with a card, and how many more there are, by check."""

    severity: str
    label: str
    count: int
    cards: tuple[FindingView, ...]
    more: int
    more_by_check: tuple[tuple[str, int], ...]


def render_page(view: ReportView, translate: Callable[[str], str], limits: Limits, *, fold: bool) -> str:
    """Return the page.

    Args:
        view: the report.
        translate: for the fixed words of the templates.
        limits: how much is listed.
        fold: whether long lists go on in a part that the reader can open; on paper nothing opens.
    """
    environment = template_environment()

    def fill(template: str, **values: Value) -> str:
        return Text(template, dict(values)).render()

    return environment.get_template("report.html.j2").render(
        _=translate,
        fill=fill,
        view=view,
        limits=limits,
        fold=fold,
        groups=[_group(group, limits.cards) for group in view.groups],
        css=_css(),
        lang={"zh": "zh-CN"}.get(view.language, view.language),
    )


def _group(group: SeverityGroup, cards: int) -> _Group:
    rest = group.findings[cards:]
    return _Group(
        severity=group.severity.key,
        label=group.severity.label,
        count=len(group.findings),
        cards=group.findings[:cards],
        more=len(rest),
        more_by_check=tuple(Counter(finding.check for finding in rest).most_common()),
    )


def template_loader() -> FileSystemLoader:
    """Return what loads the project's templates."""
    return FileSystemLoader(TEMPLATES)


@cache
def template_environment() -> Environment:
    """Return what the project's HTML is made with: everything that is filled in is escaped."""
    environment = Environment(
        loader=template_loader(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["spans"] = _spans
    return environment


def _spans(text: str) -> Markup:
    """Set what stands between double backticks as code."""
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(part) if is_code else part for part, is_code in code_spans(text))


@cache
def _css() -> Markup:
    # The project's own style sheet: it holds nothing that was read from a cluster.
    return Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))  # noqa: S704
