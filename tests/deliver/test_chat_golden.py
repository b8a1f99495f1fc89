"""Whole chat messages, kept as files: a change in what people see is seen in review.

UPDATE_GOLDEN=1 with pytest writes them again.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.deliver.message import Kind
from tests.deliver.chats import APPRISE_WARNS, TAKEN, sent
from tests.deliver.messages import message
from tests.deliver.receivers import Received

FOLDER = Path(__file__).with_name("golden")
pytestmark = [pytest.mark.filterwarnings(APPRISE_WARNS)]


@pytest.fixture(autouse=True)
def same_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("about", [Kind.REPORT, Kind.FINDING])
@pytest.mark.parametrize("kind", TAKEN)
def test_message_is_as_kept(kind: str, about: Kind, language: str) -> None:
    kept = FOLDER / f"{kind}.{about.value}.{language}.{'md' if kind in ('dingtalk', 'wecom') else 'json'}"
    content = _readable(kind, sent(kind, message(about, language=language)))
    if os.environ.get("UPDATE_GOLDEN") == "1":
        kept.write_text(content, encoding="utf-8")
    assert content == kept.read_text(encoding="utf-8"), "look at the difference; UPDATE_GOLDEN=1 with pytest accepts it"


def _readable(kind: str, received: Received) -> str:
    if kind == "dingtalk":
        return str(received.json["markdown"]["text"]) + "\n"
    if kind == "wecom":
        return str(received.json["markdown"]["content"]) + "\n"
    return json.dumps(received.json, ensure_ascii=False, indent=2) + "\n"
