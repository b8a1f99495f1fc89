"""Signals, closed streams and places that can't be written."""

import os
import re
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from auditor.report.write import ensure_file
from tests.cli.conftest import Place

DEMO = ("run", "--now", "--demo", "--format", "json", "--check", "service/endpoints-empty")
FULL = Path("/dev/full")


@pytest.fixture
def never_answers() -> Iterator[tuple[str, threading.Event]]:
    """Serve an API that takes a question and never answers it. Gives its address, and what is set at the first."""
    asked, over = threading.Event(), threading.Event()

    class Silent(BaseHTTPRequestHandler):
        def handle(self) -> None:
            asked.set()
            over.wait(60)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    over.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("arguments", "number", "code", "said"),
    [
        (("run", "--now"), signal.SIGINT, 130, "interrupted"),
        (("collect", "--output", "made.landscape"), signal.SIGTERM, 143, "terminated"),
    ],
)
def test_a_signal_ends_a_run_that_waits(
    place: Place,
    never_answers: tuple[str, threading.Event],
    arguments: tuple[str, ...],
    number: int,
    code: int,
    said: str,
) -> None:
    endpoint, asked = never_answers
    place.configure(alibaba=f'endpoint = "{endpoint}"')
    process = place.start(*arguments)
    assert asked.wait(60)
    process.send_signal(number)
    ran = place.end(process)
    assert (ran.code, ran.err) == (code, f"auditor: {said}\n")
    assert [path for path in place.folder.rglob("*") if path.is_file()] == [place.config, place.folder / "kubeconfig"]


@pytest.mark.parametrize(("arguments", "code"), [(DEMO, 1), (("checks",), 0), (("run", "--help"), 0)])
def test_a_reader_that_leaves_changes_no_exit_code(place: Place, arguments: tuple[str, ...], code: int) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = place.start(*arguments, stdout=writing)
    os.close(writing)
    ran = place.end(process)
    assert (ran.code, ran.err) == (code, "")


def test_closed_streams(place: Place) -> None:
    closing = ("/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")
    assert place.end(place.start(*DEMO, by=closing)).code == 1
    assert place.report("shop-demo")["run"]["cluster"] == "shop-demo"


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [DEMO, ("permissions", "ram"), ("--help",)])
def test_a_full_disk_behind_standard_output_is_said(place: Place, arguments: tuple[str, ...]) -> None:
    with FULL.open("w") as full:
        ran = place.end(place.start(*arguments, stdout=full))
    assert (ran.code, ran.err) == (3, "auditor: standard output can't be written: No space left on device\n")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_terminal_without_the_characters(place: Place, language: str) -> None:
    place.environment |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ran = place.end(place.start(*DEMO, "--language", language))
    assert ran.code == 1
    assert ran.out.isascii()
    assert re.search(r"^ACK (audit|\\u5ba1\\u8ba1)$", ran.out, re.MULTILINE)


@pytest.mark.parametrize("device", ["/dev/null", "/dev/stdout", "/dev/new"])
def test_a_device_is_never_replaced(device: str) -> None:
    with pytest.raises(OSError, match="expected the path of a file"):
        ensure_file(Path(device))


@pytest.mark.parametrize("arguments", [("collect", "--output", "pipe"), ("config", "init", "pipe", "--force")])
def test_a_pipe_is_not_replaced(place: Place, arguments: tuple[str, ...]) -> None:
    os.mkfifo(place.folder / "pipe")
    ran = place.run(*arguments)
    assert ran.code == 3
    assert "pipe: a device or a pipe stands there; expected the path of a file" in ran.err
    assert (place.folder / "pipe").is_fifo()
    assert place.cloud.calls == []


def test_two_audits_into_one_folder(place: Place) -> None:
    processes = [place.start(*DEMO) for _ in range(2)]
    assert [place.end(process).code for process in processes] == [1, 1]
    assert [path.name for path in (place.folder / "reports" / "shop-demo").iterdir()] == ["report.json"]
    assert place.report("shop-demo")["schema"] == "auditor.report/v1"
