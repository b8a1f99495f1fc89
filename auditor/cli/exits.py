"""Exit codes, and the errors that lead to them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum

from auditor.report.clean import visible


class Exit(IntEnum):
    """What the exit code says. Scripts rely on these."""

    OK = 0
    FINDINGS = 1
    INCOMPLETE = 2
    UNUSABLE = 3
    INTERRUPTED = 130
    TERMINATED = 143


class Failure(Exception):  # noqa: N818 - read as a sentence
    """The command can't go on. Each line of the message says what is wrong, and what to do."""

    def __init__(self, message: str, code: Exit = Exit.UNUSABLE) -> None:
        """Take the message and the exit code."""
        super().__init__(message)
        self.code = code


def fail(message: str) -> None:
    """Write an error to standard error. Names in it may come from a hostile object: nothing of it acts there."""
    complain("".join(f"auditor: {line}\n" for line in message.split("\n")))


def complain(text: str) -> None:
    """Write a text to standard error, cleaned. That nobody can read it there changes no exit code."""
    with suppress(OSError):
        sys.stderr.write(visible(text))
        sys.stderr.flush()


@contextmanager
def standard_output() -> Iterator[None]:
    """Write to standard output in the block.

    Whoever reads it may leave (``auditor checks | head``): that is no error, and the exit code is as without.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        mute()
    except OSError as error:
        mute()
        raise Failure(f"standard output can't be written: {error.strerror or error}") from None


def say(line: str) -> None:
    """Write a line to standard output."""
    with standard_output():
        print(line)  # noqa: T201 - this is where the command line prints


def mute() -> None:
    """Let standard output lead nowhere, so that what it still holds does not fail again at the end of the process."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def known_errors() -> Iterator[None]:
    """Turn the errors of the other rooms that a user can mend into a :class:`Failure`."""
    from auditor.collect.errors import ConfigError
    from auditor.config.base import BadConfig
    from auditor.facts.saved import BadLandscape
    from auditor.judge.check import BadCheck
    from auditor.judge.registry import UnknownCheck
    from auditor.ledger.errors import LedgerError
    from auditor.report.formats import UnknownFormat
    from auditor.report.write import ReportError

    try:
        yield
    except OSError as error:
        raise Failure(f"{error.filename or 'a file'}: {error.strerror or error}") from None
    except (
        BadConfig,
        BadCheck,
        BadLandscape,
        ConfigError,
        LedgerError,
        ReportError,
        UnknownCheck,
        UnknownFormat,
    ) as error:
        raise Failure(str(error)) from None
