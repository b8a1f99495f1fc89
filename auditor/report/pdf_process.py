"""Makes PDFs in processes of their own, for whoever goes on for weeks.

WeasyPrint keeps some memory of each document, some hundred MiB after a few hundred, and while it works the threads
beside it hardly get on. Its log is one for all threads, too. A process gives everything back.
"""

import multiprocessing
from multiprocessing.connection import Connection

from auditor.judge.outcome import Outcome
from auditor.own_fault import own_fault
from auditor.report.formats import FormatUnavailable, Report, load_format

PATIENCE = 300.0
"""Seconds that a PDF may take: a report of ten thousand findings is long."""
_APART = frozenset({"pdf"})


class NotRendered(Exception):  # noqa: N818 - read as a sentence
    """The process came to nothing. Says why."""


def render(name: str, report: Report) -> bytes:
    """Return the content of a file in a format; other formats than PDF are made here.

    Raises:
        UnknownFormat: no format is called so.
        FormatUnavailable: it can't be made on this machine.
        NotRendered: the format failed, took too long, or its process died.
    """
    if name not in _APART:
        return load_format(name).render(report)
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(
        target=_render, args=(sending, name, report.outcome, report.language), name=f"report-{name}", daemon=True
    )
    process.start()
    sending.close()
    try:
        if not receiving.poll(PATIENCE):
            raise NotRendered(f"it took longer than {PATIENCE:g} seconds")
        found = receiving.recv()
    except (EOFError, OSError):
        raise NotRendered("the process that made it died") from None
    finally:
        receiving.close()
        process.kill()
        process.join()
        process.close()
    if isinstance(found, bytes):
        return found
    raise found


def _render(sending: Connection, name: str, outcome: Outcome, language: str) -> None:
    """Be the process."""
    try:
        found: bytes | Exception = load_format(name).render(Report(outcome, language))
    except FormatUnavailable as error:
        found = FormatUnavailable(str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        found = NotRendered(own_fault(error))
    sending.send(found)
