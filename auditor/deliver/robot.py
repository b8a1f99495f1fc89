"""Posts to robots of chat groups, which answer 200 and say in the body whether they took a message."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from auditor.config.channels import HttpChannel
from auditor.deliver import http
from auditor.deliver.channel import NotNow, Undeliverable
from auditor.deliver.secrets import blotted, reveal

_BAD_REQUEST = 400
"""Some robots answer so where they have a code for what is wrong, which may be that they are busy."""


@dataclass(frozen=True)
class Codes:
    """How the robots of a service say what became of a message. The code 0 is that they took it.

    Attributes:
        keys: of the answer under which the code stands; the first that is there counts.
        words: of the answer under which it is said in words.
        busy: the codes that ask to come again, and when; None where that is not said.
        busy_words: say the same where one code stands for several faults.
        help: what to do about a code.
    """

    keys: tuple[str, ...]
    words: tuple[str, ...]
    busy: Mapping[int, timedelta | None]
    busy_words: tuple[str, ...] = ()
    help: Mapping[int, str] = field(default_factory=dict)


def address(settings: HttpChannel) -> str:
    """Return the URL of a robot. Raises Undeliverable if none is configured or it can't be read."""
    found = reveal(settings.url, f"channel {settings.name!r}: url")
    if not found:
        raise Undeliverable(f"channel {settings.name!r}: url: this key is required")
    return found


def encoded(payload: Mapping[str, Any]) -> bytes:
    """Return a payload as it is posted. Halves of surrogate pairs, which no text of a report has, become marks."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def post(
    settings: HttpChannel, payload: Mapping[str, Any], codes: Codes, *, url: str, secrets: Iterable[str] = ()
) -> None:
    """Post a message, and read whether it was taken.

    Raises:
        NotNow: no connection, or the robot is busy or answers something that is not its own.
        Undeliverable: the robot refuses the message.
    """
    hidden = list(secrets)
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = http.post(settings, encoded(payload), headers, url=url, secrets=hidden, read=(_BAD_REQUEST,))
    host = urlsplit(url).netloc.rpartition("@")[2]
    said = answer.body.decode("utf-8", "replace")
    hidden += http.secrets_in(url)
    code, words = _read(said, codes)
    if code is None and answer.status == _BAD_REQUEST:
        raise Undeliverable(f"{host} answered {answer.status}: {blotted(said, hidden)}")
    if code is None:
        raise NotNow(f"{host} answered something else than a robot does: {blotted(said, hidden)}")
    if code == 0:
        return
    sentence = f"{host} refused the message with code {code}: {blotted(words, hidden)}"
    if code in codes.busy:
        raise NotNow(sentence, codes.busy[code])
    if any(word in words.lower() for word in codes.busy_words):
        raise NotNow(sentence)
    if code in codes.help:
        sentence += f" ({codes.help[code]})"
    raise Undeliverable(sentence)


def _read(said: str, codes: Codes) -> tuple[int | None, str]:
    try:
        answer = json.loads(said)
    except (ValueError, RecursionError):
        return None, ""
    if not isinstance(answer, dict):
        return None, ""
    code = next((answer[key] for key in codes.keys if key in answer), None)
    if not isinstance(code, int):
        return None, ""
    return code, str(next((answer[key] for key in codes.words if answer.get(key)), "without words"))
