"""PDFs that are made in a process of their own."""

import io
import multiprocessing
import signal
from multiprocessing.process import BaseProcess
from typing import Any

import pypdf
import pytest

from auditor.report import pdf_process
from auditor.report.formats import Report, UnknownFormat
from tests.report import samples


def test_a_pdf_is_the_same_document() -> None:
    content = pdf_process.render("pdf", Report(samples.healthy(), "en"))
    assert samples.healthy().cluster.name in "".join(
        page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages
    )


def test_other_formats_are_made_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing, "get_context", None)
    assert pdf_process.render("json", Report(samples.healthy(), "en")).startswith(b"{")
    with pytest.raises(UnknownFormat):
        pdf_process.render("xml", Report(samples.healthy(), "en"))


def test_a_format_that_fails_says_so() -> None:
    with pytest.raises(pdf_process.NotRendered, match=r"\w+Error"):
        pdf_process.render("pdf", Report(None, "en"))  # type: ignore[arg-type]


def test_a_process_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_process, "PATIENCE", 0.01)
    with pytest.raises(pdf_process.NotRendered, match="longer than"):
        pdf_process.render("pdf", Report(samples.healthy(), "en"))


def test_a_process_that_dies_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    start = BaseProcess.start

    def start_and_die(process: Any) -> None:
        start(process)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL

    monkeypatch.setattr(BaseProcess, "start", start_and_die)
    with pytest.raises(pdf_process.NotRendered, match="died"):
        pdf_process.render("pdf", Report(samples.healthy(), "en"))
