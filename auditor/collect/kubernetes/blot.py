"""Blots out of a line of a log what gives access to something: keys, signatures, tokens, passwords."""

import re

BLOT = "***"

_NAMED = re.compile(
    r"(?P<name>\b[\w.-]*(?:access[_-]?key(?:[_-]?id|[_-]?secret)?|signature|security[_-]?token|secret|passw(?:or)?d|token"
    r"|credential)s?\b[\"']?\s*(?:[:=]|%3D)\s*)(?P<quote>[\"']?)(?!\*\*\*)[^\s\"'&,;}\])]+",
    re.IGNORECASE,
)
_AUTHORIZATION = re.compile(r"\b(authorization\b[\"']?\s*[:=]\s*[\"']?)[^\"'\r\n]+", re.IGNORECASE)
_BEARER = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?")
_KEY_ID = re.compile(r"\b(?:LTAI|STS\.|TMP\.)[A-Za-z0-9]{8,}")
_IN_URL = re.compile(r"(\w://)[^\s/@:]+:[^\s/@]+@")


def blotted(line: str) -> str:
    """Return the line with everything blotted out that looks like a secret."""
    line = _AUTHORIZATION.sub(rf"\1{BLOT}", line)
    line = _NAMED.sub(rf"\g<name>\g<quote>{BLOT}", line)
    line = _BEARER.sub(rf"\1 {BLOT}", line)
    line = _JWT.sub(BLOT, line)
    line = _IN_URL.sub(rf"\1{BLOT}@", line)
    return _KEY_ID.sub(BLOT, line)
