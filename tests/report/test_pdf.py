"""The PDF: the findings are in it, Chinese has glyphs, and nothing is fetched."""

import io
import logging
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pypdf
import pytest

from auditor.judge.outcome import Status
from auditor.report import pdf
from auditor.report.formats import FormatUnavailable, Report
from tests.report import samples


def read(content: bytes) -> str:
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


@pytest.fixture(scope="module")
def document() -> bytes:
    return pdf.render(Report(samples.outcome(), "en"))


def test_findings_gaps_and_checks_are_in_it(document: bytes) -> None:
    text = read(document).replace(" ", "")
    for finding in samples.outcome().counting:
        assert str(finding.message).replace(" ", "") in text
    assert "ecs:DescribeSecurityGroupAttribute" in text
    assert "network/node-forwarding-disabled" in text
    assert "And20more,intheJSONformatofthisreport." in text


def test_pages_are_a4_and_numbered(document: bytes) -> None:
    pages = pypdf.PdfReader(io.BytesIO(document)).pages
    assert len(pages) > 2
    for number, page in enumerate(pages, 1):
        assert [round(float(side)) for side in page.mediabox[2:]] == [595, 842]
        assert f"{number} / {len(pages)}" in page.extract_text()


def test_table_headers_repeat_on_the_next_page() -> None:
    checks = tuple(samples.check_result(f"storage/c-{i}", f"Check {i}", Status.PASSED) for i in range(80))
    content = pdf.render(Report(samples.outcome(checks=checks, findings=()), "en"))
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages]
    with_checks = [page for page in pages if "storage/c-" in page]
    assert len(with_checks) > 1
    assert all("Outcome" in page for page in with_checks)


def test_chinese_has_glyphs() -> None:
    outcome = samples.outcome(findings=(samples.finding("数据盘卷"),))
    content = pdf.render(Report(outcome, "zh"))
    assert "数据盘卷" in read(content)
    glyphs = {char for page in pypdf.PdfReader(io.BytesIO(content)).pages for char in _chars_with_glyph(page)}
    assert set("数据盘卷星期") <= glyphs


def _chars_with_glyph(page: pypdf.PageObject) -> Iterator[str]:
    """Yield the characters of the page's embedded fonts whose glyph is not glyph 0, the empty box."""
    resources = page["/Resources"].get_object()
    assert isinstance(resources, pypdf.generic.DictionaryObject)
    fonts = resources["/Font"].get_object()
    assert isinstance(fonts, pypdf.generic.DictionaryObject)
    for font in fonts.values():
        data = font.get_object()
        descriptor = data["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
        assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor), "a font is not embedded"
        mapping = data["/ToUnicode"].get_object().get_data().decode()
        for glyph, code in re.findall(r"^<([0-9a-f]{4})> <((?:[0-9a-f]{4})+)>$", mapping, re.MULTILINE):
            if int(glyph, 16):
                yield from bytes.fromhex(code).decode("utf-16-be", "replace")


def test_a_chinese_report_without_a_chinese_font_is_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    class Typesetter:
        def __init__(self, **_options: object) -> None:
            pass

        def write_pdf(self) -> bytes:
            logging.getLogger("weasyprint").warning('.notdef glyph: "%s" (U+%04X)', "盘", ord("盘"))
            return b"%PDF-"

    fake = SimpleNamespace(
        HTML=Typesetter,
        LOGGER=logging.getLogger("weasyprint"),
        urls=SimpleNamespace(URLFetcher=lambda **_options: None),
    )
    monkeypatch.setattr(pdf, "_weasyprint", lambda: fake)
    with pytest.raises(FormatUnavailable, match="fonts-noto-cjk"):
        pdf.render(Report(samples.healthy(), "zh"))
    assert pdf.render(Report(samples.healthy(), "en")) == b"%PDF-"


def test_characters_without_glyph_are_told() -> None:
    # A character for private use, which no font of a distribution has.
    _, missing = pdf.print_page("<p>\U000f1234</p>")
    assert missing == {0xF1234}


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", asked
        listening.shutdown()
        thread.join()


def test_nothing_is_fetched(server: tuple[str, list[str]], tmp_path: Path) -> None:
    url, asked = server
    secret = tmp_path / "secret.css"
    secret.write_text('p::after { content: "SECRET" }')
    content, _ = pdf.print_page(
        f'<link rel="stylesheet" href="{url}/a.css"><link rel="stylesheet" href="{secret.as_uri()}">'
        f'<style>@import "{url}/b.css"; p {{ background: url({url}/c.png) }}</style>'
        f'<p>text<img src="{url}/d.png"><object data="{url}/e.svg"></object>'
    )
    assert asked == []
    assert "SECRET" not in read(content)
    assert "text" in read(content)


def test_hostile_names_are_text() -> None:
    text = read(pdf.render(Report(samples.hostile(), "en"))).replace(" ", "")
    assert "<script>alert(1)</script>" in text
    assert "{{7*7}}" in text


def test_where_pango_is_missing_the_report_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins  # noqa: PLC0415

    real = builtins.__import__

    def without_pango(name: str, *args: object, **options: object) -> object:
        if name == "weasyprint":
            raise OSError("cannot load library 'libpango-1.0-0'")
        return real(name, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without_pango)
    with pytest.raises(FormatUnavailable, match="libpango"):
        pdf.print_page("<p>text")
