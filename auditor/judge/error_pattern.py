"""One entry of the error texts that are known, and the ways to write one."""

from dataclasses import dataclass

from auditor.facts.rules.log_patterns import LOG_PATTERNS
from auditor.facts.text import Text

LOGGED = {pattern.id: pattern for pattern in LOG_PATTERNS}
"""The known words of logs, whose expressions are used for error texts as well."""


@dataclass(frozen=True)
class ErrorPattern:
    """Known words of an error.

    Attributes:
        id: short and stable.
        expression: the regular expression; upper and lower case are the same.
        symptoms: where it leads, the likeliest first.
        means: what the words say, in a line.
        source: where the words come from, by the list in :mod:`auditor.judge.error_patterns`.
        is_general: whether it says no more than what failed: it counts only where no other pattern matches.
    """

    id: str
    expression: str
    symptoms: tuple[str, ...]
    means: Text
    source: str
    is_general: bool = False


def of_a_log(name: str, symptoms: str, means: Text) -> ErrorPattern:
    """Return the entry of words that are known from logs."""
    logged = LOGGED[name]
    return ErrorPattern(logged.id, logged.expression, tuple(symptoms.split()), means, logged.source)


def known(name: str, expression: str, symptoms: str, means: Text, source: str) -> ErrorPattern:
    """Return an entry that says why something failed."""
    return ErrorPattern(name, expression, tuple(symptoms.split()), means, source)


def general(name: str, expression: str, symptoms: str, means: Text, source: str) -> ErrorPattern:
    """Return an entry that says no more than what failed."""
    return ErrorPattern(name, expression, tuple(symptoms.split()), means, source, is_general=True)
