"""The Markdown format: for an issue, a wiki or a chat. It lists everything.

Whatever a template puts out is escaped, unless it is :class:`_Marked`: made here, of escaped parts.
"""

import re
from functools import cache

from jinja2 import Environment, StrictUndefined

from auditor.facts.text import Text, Value
from auditor.report.clean import code_spans, one_line
from auditor.report.formats import Report
from auditor.report.page import template_loader

_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKUP = re.compile(r"[\\`*_\[\]|~#$]")
_LINKS = re.compile(r"(?i)(?<=:)//|(?<=www)\.")
_STARTS_A_BLOCK = re.compile(r"^\s*([-+=]+|\d+[.)])(?=\s|$)")


class _Marked(str):
    """Markdown, as against text."""

    __slots__ = ()


def render(report: Report) -> bytes:
    """Return the report as Markdown in UTF-8."""
    template = _environment().get_template("report.md.j2")
    return template.render(_=report.translate, fill=_fill, view=report.view).encode()


def escape(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line: no markup, no HTML, no link made of an address."""
    if isinstance(text, _Marked):
        return text
    escaped = "".join(_HTML.get(char, char) for char in one_line(str(text)))
    escaped = _MARKUP.sub(r"\\\g<0>", escaped)
    escaped = _LINKS.sub(lambda match: "".join(f"&#{ord(char)};" for char in match.group()), escaped)
    return _STARTS_A_BLOCK.sub(lambda match: f"{match[0][:-1]}\\{match[0][-1]}", escaped)


def code(text: str) -> str:
    """Return a text as inline code, between more backticks than it has in a row."""
    line = one_line(text)
    fence = _fence(line, 1)
    padding = " " if not line.strip() or "`" in (line[0], line[-1]) else ""
    return _Marked(f"{fence}{padding}{line}{padding}{fence}")


def spans(text: str) -> str:
    """Return a text, with what stands in it between double backticks as code."""
    return _Marked("".join(code(part) if is_code else escape(part) for part, is_code in code_spans(text)))


def block(text: str) -> str:
    """Return a command as a block of code."""
    fence = _fence(text, 3)
    return _Marked(f"{fence}sh\n    {one_line(text)}\n    {fence}")


def _fence(text: str, least: int) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1)


def _fill(template: str, **values: Value) -> str:
    return Text(template, dict(values)).render()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=template_loader(),
        autoescape=False,  # noqa: S701 - HTML's escaping is not Markdown's: `finalize` escapes every value
        finalize=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters.update(code=code, spans=spans, block=block)
    return environment
