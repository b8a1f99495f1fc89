"""Reads the secrets of a channel when it sends, and keeps them out of all that is said about it."""

from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from auditor.config.base import BadConfig, Secret
from auditor.deliver.channel import Misconfigured
from auditor.report.clean import one_line

_QUOTED = 200
"""Characters of a receiver's answer that are worth quoting."""
_BLOT = "***"
_SHORTEST = 4
"""A shorter secret would blot out words that merely look like it."""


def reveal(secret: Secret | None, key: str) -> str:
    """Return a secret, or an empty text if none is configured. Raises Misconfigured if it can't be read."""
    if secret is None:
        return ""
    try:
        return secret.reveal()
    except BadConfig as error:
        raise Misconfigured(f"{key}: {error}") from None


def blotted(text: str, secrets: Iterable[str]) -> str:
    """Return a text on one clean line, cut to what is worth quoting, with every secret in it blotted out."""
    known = {
        form for secret in secrets if len(secret) >= _SHORTEST for form in (secret, quote(secret), quote_plus(secret))
    }
    for secret in sorted(known, key=len, reverse=True):
        text = text.replace(secret, _BLOT)
    line = one_line(text).strip()
    return line if len(line) <= _QUOTED else f"{line[:_QUOTED]}…"
