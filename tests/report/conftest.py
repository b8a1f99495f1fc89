"""What makes reports the same on every machine: the time zone and the version."""

import time
from collections.abc import Iterator

import pytest

from auditor.report import json_report, view


@pytest.fixture(autouse=True)
def same_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    for module in (json_report, view):
        monkeypatch.setattr(module, "__version__", "0.0.0")
    yield
    monkeypatch.undo()
    time.tzset()
