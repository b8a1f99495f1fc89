"""The HTML format: one page, with its style inside, for the screen and for the printer."""

from auditor.report.formats import Report
from auditor.report.page import SCREEN, render_page


def render(report: Report) -> bytes:
    """Return the page in UTF-8."""
    return render_page(report.view, report.translate, SCREEN, fold=True).encode()
