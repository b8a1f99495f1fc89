"""The log of the agent."""

import errno
import io
import json
import sys

import pytest
import structlog

from auditor.agent import logs


class Full(io.StringIO):
    """A file on a disk that is full."""

    def write(self, _text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(autouse=True)
def _as_before() -> object:
    yield
    structlog.reset_defaults()


def test_a_line_is_json_and_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    logs.set_up(json=True)
    structlog.get_logger("x").warning("said", cluster="a\x1b[2Jb")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"]) == ("said", "warning")
    assert "\x1b" not in line["cluster"]


def test_a_log_that_can_not_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Full())
    logs.set_up(json=True)
    structlog.get_logger("x").error("nobody hears it")
