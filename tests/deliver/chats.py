"""What the tests of all chats share: one of each, hostile runs, and the texts in what was sent."""

import re
from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from auditor.deliver.channel import open_channel
from auditor.deliver.chat import BREAK
from auditor.deliver.message import Kind, Message
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.ref import Layer, Ref
from auditor.facts.text import t
from auditor.judge.outcome import Outcome
from auditor.judge.verdicts import step
from auditor.report.clean import one_line
from tests.deliver.messages import settings
from tests.deliver.receivers import Received, Receiver, Reply, reply
from tests.report import samples

APPRISE_WARNS = "ignore:'imghdr' is deprecated:DeprecationWarning"
"""What one of the many plugins of apprise warns of when they are loaded."""
TOKEN = "0123456789abcdef0123456789abcdef"
SECRET = "SEC000000000000000000000"
TAKEN = MappingProxyType(
    {
        "dingtalk": reply(200, {"errcode": 0, "errmsg": "ok"}),
        "feishu": reply(200, {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}),
        "wecom": reply(200, {"errcode": 0, "errmsg": "ok"}),
        "slack": reply(200, "ok"),
        "teams": reply(202),
        "apprise": reply(200),
    }
)
"""By kind what a receiver answers that takes a message."""
PATHS = MappingProxyType(
    {
        "dingtalk": f"/robot/send?access_token={TOKEN}",
        "feishu": f"/open-apis/bot/v2/hook/{TOKEN}",
        "wecom": f"/cgi-bin/webhook/send?key={TOKEN}",
        "slack": f"/services/T00000000/B00000000/{TOKEN}",
        "teams": f"/workflows/{TOKEN}/triggers/manual/paths/invoke?api-version=2016-06-01&sig={TOKEN}",
        "apprise": f"/{TOKEN}",
    }
)
"""By kind where a receiver is; the token is what must not show."""
HTTP_KINDS = ("dingtalk", "feishu", "wecom", "slack", "teams")

MENTIONS = (
    "@all",
    "@所有人",
    "@13800000000",
    "<@all>",
    "<@U024BE7LH>",
    "<!channel>",
    "<!here|here>",
    "<#C024BE7LR>",
    "<at id=all></at>",
    '<at user_id="all">everyone</at>',
    "<at>everyone</at>",
    "@everyone",
    "[click](http://evil.example/)",
    "[click][1]",
    "<http://evil.example/|click>",
    "<http://evil.example/>",
    "www.evil.example",
    "![x](http://evil.example/x.png)",
    "**bold** *it* _it_ __b__ ~~s~~ ~s~",
    "`code` ```fence```",
    '<font color="warning">red</font>',
    "&lt;at id=all&gt; &#60;b&#62; &amp;",
    "# h",
    "> quote",
    "- item",
    "1. item",
    "---",
    "{{DATE(2017-02-14T06:08:39Z,SHORT)}} ${x}",
    ":fire:",
    "line\n# heading\n\n- item",
    "back\\slash\\*",
)
"""What a name may be that one chat or another gives a meaning to."""

names = st.one_of(
    st.sampled_from(MENTIONS),
    st.text(alphabet="@<>!&;#*_~`[]()\\-+=.|{}$:/ aZ1all\u6240所有人", max_size=30),
    st.text(max_size=40),
    st.lists(st.sampled_from(MENTIONS), min_size=2, max_size=3).map("".join),
).map(one_line)
"""Names of all sorts, as clean as those that a channel is given."""


def url(kind: str, receiver: Receiver) -> str:
    """Return the URL of a receiver as it stands in a configuration."""
    if kind == "apprise":
        return f"json://user:{TOKEN}@127.0.0.1:{receiver.port}{PATHS[kind]}"
    return receiver.url(PATHS[kind])


def sent(kind: str, message: Message, **keys: Any) -> Received:
    """Send a message over a real connection, and return what came."""
    with Receiver(always=TAKEN[kind]) as receiver:
        open_channel(settings(kind, url=url(kind, receiver), **keys)).send(message)
        return receiver.only


def send_to(kind: str, answer: Reply, message: Message, **keys: Any) -> None:
    """Send a message to a receiver that answers so."""
    with Receiver(always=answer) as receiver:
        open_channel(settings(kind, url=url(kind, receiver), **keys)).send(message)


def mentioning() -> Outcome:
    """Make a run in which every name is one that a chat gives a meaning to."""
    findings = tuple(
        samples.finding(
            name=text,
            fingerprint=f"{i:032x}",
            subject=Ref(Layer.CLOUD, text, text, text, text),
            message=t("{text} is on {other}", text=text, other=[text]),
            why=t("because {text}", text=text),
            remedy=(step(t("look at {text}", text=text), "kubectl", "get", text),),
        )
        for i, text in enumerate(MENTIONS)
    )
    base = samples.hostile()
    return replaced(
        base, cluster=ClusterIdentity(MENTIONS[0], MENTIONS[3], MENTIONS[7]), findings=findings, resolved=findings[:3]
    )


def replaced(outcome: Outcome, **more: Any) -> Outcome:
    """Return a run with other fields."""
    fields = {name: getattr(outcome, name) for name in outcome.__struct_fields__}
    return Outcome(**(fields | more))


def one(message: Message, index: int) -> Message:
    """Return the message about one finding of a message."""
    return replace(message, kind=Kind.FINDING, findings=(message.findings[index],), resolved=())


def seen(text: str) -> str:
    """Return a text as it is seen: what has no width is not."""
    return text.replace(BREAK, "")


def strings(data: Any, *keys: str) -> Iterator[str]:
    """Yield all texts under these keys, at any depth."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key in keys and isinstance(value, str):
                yield value
            else:
                yield from strings(value, *keys)
    elif isinstance(data, list):
        for member in data:
            yield from strings(member, *keys)


def objects(data: Any) -> Iterator[dict[str, Any]]:
    """Yield all objects at any depth."""
    if isinstance(data, dict):
        yield data
        for value in data.values():
            yield from objects(value)
    elif isinstance(data, list):
        for member in data:
            yield from objects(member)


def addresses(text: str) -> list[str]:
    """Return what a program would make links of."""
    return re.findall(r"(?i)\w+://[^\s]*|www\.[^\s]*", text)
