"""Programs of Debian's packages that tests run: a database, a browser, an alert manager.

Where a package is not installed, root installs it, and anybody else unpacks it, with what it depends on, into a
folder in the home folder. Only where that fails too are the tests skipped, with the reason.
"""

import fcntl
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_TIMEOUT = 600
_LIBRARIES = ("usr/lib/*-linux-gnu", "lib/*-linux-gnu", "usr/lib", "lib")


def program(package: str, path_in_package: str) -> Path:
    """Return the path of a program. Skips the test if it is not to be had.

    Args:
        package: the name of the package.
        path_in_package: where it puts the program, such as ``usr/bin/chromium``; may be a pattern
            (``usr/lib/postgresql/*/bin/postgres``), of which the last match is taken.
    """
    if found := _find(Path("/"), path_in_package):
        return found
    try:
        with _alone():
            return _find(Path("/"), path_in_package) or _get(package, path_in_package)
    except (OSError, subprocess.SubprocessError) as error:
        said = error.stderr if isinstance(error, subprocess.CalledProcessError) else error
        pytest.skip(f"Debian's package {package} is neither installed nor to be had: {str(said).strip()[-300:]}")


def _get(package: str, path_in_package: str) -> Path:
    if os.geteuid() == 0:
        _apt("update")
        _apt("install", "-y", "--no-install-recommends", package)
        root = Path("/")
    else:
        root = _cache() / package
        if not _find(root, path_in_package):
            _unpack(package, root)
    found = _find(root, path_in_package)
    if found is None:
        raise FileNotFoundError(f"it contains no {path_in_package}")
    return found if root == Path("/") else _with_libraries(found, root)


def _unpack(package: str, root: Path) -> None:
    """Unpack a package, and those that it needs and that are not installed, as no user but root can install any."""
    planned = _apt("install", "--simulate", "--no-install-recommends", package)
    needed = [line.split()[1] for line in planned.splitlines() if line.startswith("Inst ")]
    archives = root.with_suffix(".archives")
    archives.mkdir(parents=True, exist_ok=True)
    _apt("download", *needed, folder=archives)
    for archive in sorted(archives.glob("*.deb")):
        subprocess.run(["dpkg", "-x", archive, root], check=True, capture_output=True, text=True, timeout=_TIMEOUT)


def _with_libraries(found: Path, root: Path) -> Path:
    """Return a script that starts an unpacked program with the libraries that were unpacked with it."""
    folders = [str(folder) for pattern in _LIBRARIES for folder in sorted(root.glob(pattern))]
    script = root / f"{found.name}.sh"
    script.write_text(
        f'#!/bin/sh\nLD_LIBRARY_PATH={shlex.quote(":".join(folders))} exec {shlex.quote(str(found))} "$@"\n',
        encoding="utf-8",
    )
    script.chmod(0o755)
    return script


def _apt(*arguments: str, folder: Path | None = None) -> str:
    return subprocess.run(
        ["apt-get", "-q", *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
    ).stdout


def _find(root: Path, pattern: str) -> Path | None:
    found = sorted(path for path in root.glob(pattern) if path.is_file())
    return found[-1] if found else None


def _cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ack-auditor-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _alone() -> Iterator[None]:
    """Let one test process at a time install."""
    with (_cache() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
