"""What a line of a component's log says beside what matched: how grave it is, and what it names."""

import re
from collections.abc import Iterator

_KLOG = re.compile(r"^([IWEF])\d{4} \d\d:\d\d:\d\d")
_NAMED_LEVEL = re.compile(r"""\blevel["']?\s*[=:]\s*["']?(?P<level>[a-z]+)""", re.IGNORECASE)
_HARMLESS = ("info", "debug", "trace")
_FAILURE = re.compile(
    r"\b(err|errors?|fail(ed|s|ure|ing)?|warning|denied|refused|reject(ed)?|timed out|timeout|cannot|can't|unable)\b",
    re.IGNORECASE,
)
_UID = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-zA-Z])")
"""As Kubernetes writes them; the ids of calls, which the cloud's errors name, are in capitals."""
_OF_A_CALL = re.compile(r"(request|trace|req)[-_ ]?id\W{0,4}$", re.IGNORECASE)
_DISK = re.compile(r"(?<![\w.-])d-[a-z0-9]{8,}(?![\w-])")
_WORD = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?")


def is_harmless(line: str) -> bool:
    """Tell whether a line is given out as information, and does not itself speak of a failure.

    Levels are read as ``klog`` (``I1122 21:36:06``) and ``logrus`` or ``zap`` (``level=info``) write them; a line
    without one is taken to be grave. A driver says "is already attached" also where that is as it should be.
    """
    klog = _KLOG.match(line)
    named = _NAMED_LEVEL.search(line)
    level = {"I": "info"}.get(klog[1], "") if klog else (named["level"].lower() if named else "")
    if level not in _HARMLESS:
        return False
    return _FAILURE.search(line[klog.end() :] if klog else line) is None


def ids_in(line: str) -> set[str]:
    """Return what can only be the id of a disk, or the UID of an object or of what was named after one."""
    uids = (match for match in _UID.finditer(line) if not _OF_A_CALL.search(line[: match.start()]))
    return {match.group() for match in uids} | {match.group() for match in _DISK.finditer(line)}


def words_of(line: str) -> Iterator[str]:
    """Yield the words of a line that may be names: ``name``, ``namespace/name``, and both parts of the latter."""
    for match in _WORD.finditer(line):
        word = match.group().rstrip(".-")
        yield word
        if "/" in word:
            yield from word.split("/", 1)
