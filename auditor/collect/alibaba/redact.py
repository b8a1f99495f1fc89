"""Takes secrets out of sentences that others wrote, before anyone sees them."""

import re
from collections.abc import Iterable

_NAMES = (
    "Access_?Key(?:_?Id|_?Secret)?|Secret_?(?:Access_?)?Key|Signature|SignatureNonce|(?:Security|Session|Sts)_?Token"
    "|x-acs-security-token|OIDCToken|UserData|DefaultPasswd"
)
_URL_QUERY = re.compile(r"\?[^\s'\")>]+")
_ASSIGNED = re.compile(rf"(?i)\b({_NAMES})([\\\"']*\s*(?:=|:|%3D|%253D|%3A|%253A)\s*[\\\"']*)([^\s&\"',)]+)")
_AUTHORIZATION = re.compile(r"(?i)\b(Authorization)[\\\"']*\s*(?:=|:|%3D|%253D|%3A|%253A).*")
"""The value is of several words, and what ends it differs: the rest of the line goes."""
_TO_SIGN = re.compile(r"(?i)(string[- ]to[- ]sign)(\s+is)?\s*:.*", re.DOTALL)
_OBJECT = re.compile(r"<[\w.]+ object at 0x[0-9a-f]+>:? ?")
_SHORTEST_SECRET = 4
LONGEST = 300
"""Characters of such a sentence that are kept."""


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a sentence without secrets, on one line and of bounded length.

    Removed are the queries of URLs (they hold key id, token and signature), values that stand beside the name
    of a secret, what was signed, and each of the given secrets wherever it stands.
    """
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    text = _TO_SIGN.sub(r"\1: ***", text)
    text = _URL_QUERY.sub("?***", text)
    text = _AUTHORIZATION.sub(r"\1: ***", text)
    text = _ASSIGNED.sub(r"\1\2***", text)
    text = _OBJECT.sub("", text)  # an address in memory would make each of the same failures another one
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
