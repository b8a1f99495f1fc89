"""Exit codes, and the errors that lead to them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class Exit(IntEnum):
    """What the exit code says. Scripts rely on these."""

    OK = 0
    FINDINGS = 1
    INCOMPLETE = 2
    UNUSABLE = 3
    INTERRUPTED = 130


class Failure(Exception):  # noqa: N818 - read as a sentence
    """The command can't go on. Each line of the message says what is wrong, and what to do."""

    def __init__(self, message: str, code: Exit = Exit.UNUSABLE) -> None:
        """Take the message and the exit code."""
        super().__init__(message)
        self.code = code


def fail(message: str) -> None:
    """Write an error to standard error."""
    for line in message.splitlines():
        sys.stderr.write(f"auditor: {line}\n")


@contextmanager
def known_errors() -> Iterator[None]:
    """Turn the errors of the other rooms that a user can mend into a :class:`Failure`."""
    from auditor.collect.errors import ConfigError
    from auditor.config.base import BadConfig
    from auditor.facts.saved import BadLandscape
    from auditor.judge.check import BadCheck
    from auditor.judge.registry import UnknownCheck
    from auditor.report.formats import UnknownFormat
    from auditor.report.write import ReportError

    try:
        yield
    except OSError as error:
        raise Failure(f"{error.filename or 'a file'}: {error.strerror or error}") from None
    except (BadConfig, BadCheck, BadLandscape, ConfigError, ReportError, UnknownCheck, UnknownFormat) as error:
        raise Failure(str(error)) from None
