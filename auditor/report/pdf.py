"""The PDF format: the same page on A4, set by WeasyPrint, which fetches nothing."""

import logging
from types import ModuleType

from auditor.report.formats import FormatUnavailable, Report
from auditor.report.page import PRINT, render_page

_IDEOGRAPHS = range(0x4E00, 0xA000)
"""The block "CJK Unified Ideographs", in which all the words of a Chinese report are."""


def render(report: Report) -> bytes:
    """Return the PDF. Raises FormatUnavailable where Pango, or for Chinese a font, is missing on the machine."""
    content, without_glyph = print_page(render_page(report.view, report.translate, PRINT, fold=False))
    if report.language == "zh" and any(code in _IDEOGRAPHS for code in without_glyph):
        raise FormatUnavailable("install a font with Chinese characters (Debian: `apt-get install fonts-noto-cjk`)")
    return content


def print_page(page: str) -> tuple[bytes, set[int]]:
    """Set a page on paper; return it, and the code points for which no font has a glyph (they print as boxes).

    Whatever the page refers to outside itself is refused, files of this machine among it.
    """
    weasyprint = _weasyprint()
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols=("data",), allow_redirects=False)
    missing = _MissingGlyphs()
    weasyprint.LOGGER.addHandler(missing)
    try:
        content: bytes = weasyprint.HTML(string=page, url_fetcher=fetcher).write_pdf()
    finally:
        weasyprint.LOGGER.removeHandler(missing)
    return content, missing.codes


class _MissingGlyphs(logging.Handler):
    """Gathers what WeasyPrint says only to its log: the characters that it has drawn as boxes."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.codes: set[int] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg.startswith(".notdef") and isinstance(record.args, tuple):
            self.codes.update(code for code in record.args if isinstance(code, int))


def _weasyprint() -> ModuleType:
    # Imported here: it takes a second, and loads Pango, which a machine that needs no PDF may lack.
    try:
        import weasyprint  # noqa: PLC0415
    except (ImportError, OSError) as error:
        raise FormatUnavailable(
            "WeasyPrint finds no Pango on this machine: install it (Debian: `apt-get install libpango-1.0-0 "
            f"libpangoft2-1.0-0`), or leave out the format `pdf`. It said: {error}"
        ) from error
    module: ModuleType = weasyprint
    return module
