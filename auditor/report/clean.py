"""Makes strings from a cluster or a cloud safe to look at, in any format.

Names, labels and event texts are hostile. Here everything that a reader would not see, or that would make him
see something else, is made visible: control characters, terminal escapes, characters that turn the direction of
writing, zero-width characters, and halves of surrogate pairs, which no file could hold. What a format gives a
meaning to (markup, formulas) that format escapes itself.
"""

import re

_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # C0 but for tab and line ends, DEL, C1 (among them the one-byte CSI)
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069"  # directions of writing, zero width, line separators
    "\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff"  # surrogates, byte order mark, annotations, noncharacters
    "\U000e0000-\U000e007f"  # invisible tags
    "]"
)
_CODE = re.compile(r"``(.+?)``")
_LINE_ENDS = re.compile(r"\r\n?")
_SPACES = re.compile(r"[\t\r\n]+")


def visible(text: str) -> str:
    r"""Return the text with every hidden character written out (``\x1b``, ``\u202e``); line ends and tabs stay."""
    return _HIDDEN.sub(_write_out, _LINE_ENDS.sub("\n", text))


def one_line(text: str) -> str:
    """Return the text as :func:`visible` does, on one line."""
    return visible(_SPACES.sub(" ", text))


def code_spans(text: str) -> list[tuple[str, bool]]:
    """Return the parts of a text, and of each whether it stands between double backticks, as code does in texts."""
    return [(part, number % 2 == 1) for number, part in enumerate(_CODE.split(text)) if part]


def _write_out(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
