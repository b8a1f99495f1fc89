"""Writes the reports of a run. A file is replaced whole or not at all, and one failure stops no other format."""

import errno
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from auditor.judge.outcome import Outcome
from auditor.report.clean import one_line
from auditor.report.formats import FormatUnavailable, Report, ensure_known, load_format

_UNSAFE = re.compile(r"[^\w.-]+")
_LONGEST_NAME = 63
"""Characters of a folder's name: the longest name that a configuration may give. The widest letters have 4 bytes each,
and a file name has at most 255."""
_LONGEST_CHANGED = 60
"""Characters that leave room for the hash."""


@dataclass(frozen=True)
class ReportFailure:
    """One report that could not be written."""

    path: Path
    what: str
    todo: str

    def __str__(self) -> str:
        """Return file, what happened and what to do on one line."""
        return one_line(f"{self.path}: {self.what}; {self.todo}")


class ReportError(Exception):
    """Some reports could not be written; ``written`` are those that could."""

    def __init__(self, failures: Sequence[ReportFailure], written: Sequence[Path]) -> None:
        """Take the failures, and what was written all the same."""
        super().__init__("\n".join(str(failure) for failure in failures))
        self.failures = tuple(failures)
        self.written = tuple(written)


def write_reports(
    outcome: Outcome,
    directory: Path,
    formats: Sequence[str],
    language: str,
    render: Callable[[str, Report], bytes] = lambda name, report: load_format(name).render(report),
) -> list[Path]:
    """Write ``DIRECTORY/<cluster>/report.<format>`` for each format, and return the paths.

    ``render`` makes the content of a file in a format.

    Raises:
        UnknownFormat: before anything is written.
        ReportError: after all formats were tried. A file that could not be written is as it was before.
    """
    ensure_known(formats)
    report = Report(outcome, language)
    folder = directory / folder_name(outcome.cluster.name)
    written, failures = [], []
    for name in dict.fromkeys(formats):
        path = folder / f"report.{name}"
        try:
            content = render(name, report)
        except FormatUnavailable as error:
            failures.append(ReportFailure(path, "this format can't be made here", str(error)))
            continue
        except Exception as error:  # noqa: BLE001 - whatever a format fails on is reported, and the others go on
            what = f"the format failed with {type(error).__name__}: {error}"
            failures.append(
                ReportFailure(path, what, "this is a fault of the auditor: report it, and use another format")
            )
            continue
        try:
            write_whole(path, content)
        except OSError as error:
            failures.append(ReportFailure(path, f"not written: {error.strerror or error}", _todo(error, folder)))
            continue
        written.append(path)
    if failures:
        raise ReportError(failures, written)
    return written


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file by new content at one stroke, through a file beside it that is synced first.

    Raises:
        OSError: naming the path; the old file is untouched, and nothing is left beside it.
    """
    ensure_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        # "x": never through a link that somebody else has put there. The mode is left to the umask.
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
    _sync_folder(path.parent)


def folder_name(cluster: str) -> str:
    """Return a folder's name for a cluster: its own where that is a plain name, else made plain and told apart.

    Two clusters never share a folder: a changed name ends in a hash of the true one.
    """
    plain = _UNSAFE.sub("-", cluster).strip(".-")
    if plain and plain == cluster and len(plain) <= _LONGEST_NAME:
        return cluster
    digest = hashlib.sha256(cluster.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain[:_LONGEST_CHANGED] or 'cluster'}-{digest}"


def ensure_file(path: Path) -> None:
    """Refuse a path where no file can be put: replacing ``/dev/null`` would break the machine. Raises OSError."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "a device or a pipe stands there; expected the path of a file", str(path))
    if path.parent.resolve() == Path("/dev"):  # /dev/stdout may lead to a file, and is itself no file
        raise OSError(errno.EINVAL, "devices are not replaced; expected the path of a file", str(path))


def _sync_folder(folder: Path) -> None:
    # The new name survives a power cut only when the folder is synced too; not every file system can.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _todo(error: OSError, folder: Path) -> str:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "make room on that file system, or name another folder"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"let the auditor write to {folder}, or name another folder"
        case errno.ENOTDIR | errno.EEXIST:
            return f"{folder} and all above it must be folders: move away what stands there, or name another folder"
        case errno.EISDIR:
            return "a folder stands where the report belongs: move it away"
        case _:
            return "look at that folder, or name another"
