"""Runs what is measured in fresh processes, so that nothing but itself shows in its time and memory.

This module imports little: on Linux a process that is started from a large one would begin with its peak memory.
"""

import contextlib
import importlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

MIB_OF_MAXRSS = 1024 if sys.platform == "linux" else 1024 * 1024
"""``ru_maxrss`` is in KiB on Linux, in bytes on macOS."""


@dataclass(frozen=True)
class Measured:
    """What a whole process took: seconds on the clock and of the processor, and MiB at its peak."""

    seconds: float
    cpu: float
    peak: float
    exit_code: int = 0


def whole(arguments: Sequence[str]) -> Measured:
    """Run ``python`` with these arguments, its output hidden, and measure all of it."""
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.stderr:
        process.stderr.close()
    if process.returncode not in (0, 1, 2):
        raise RuntimeError(f"{arguments} ended with {process.returncode}: {errors.decode(errors='replace')}")
    peak = usage.ru_maxrss / MIB_OF_MAXRSS
    return Measured(seconds, usage.ru_utime + usage.ru_stime, peak, process.returncode)


def task(function: str, **arguments: object) -> dict[str, Any]:
    """Call ``module:function`` in a fresh process.

    Returns the dictionary that it returns, and with it ``peak``, the MiB at the peak of the process.
    """
    command = [sys.executable, "-m", "bench.process", function, json.dumps(arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def resident() -> float:
    """Return the MiB at the peak of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB_OF_MAXRSS


@contextlib.contextmanager
def stopwatch() -> Iterator[dict[str, float]]:
    """Measure a block. After it the dictionary holds ``seconds`` on the clock, and ``cpu`` seconds of this process."""
    taken: dict[str, float] = {}
    started, cpu = time.perf_counter(), time.process_time()
    yield taken
    taken |= {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}


class Servers:
    """A process of :mod:`bench.servers`; ``started`` is what it said at its start."""

    def __init__(self, **wanted: object) -> None:
        """Start it; see there for what may be wanted."""
        command = [sys.executable, "-m", "bench.servers", json.dumps(wanted)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.started: dict[str, Any] = self._hear()

    def calls(self) -> dict[str, int]:
        """Return the number of cloud calls by action since this was last asked."""
        if self._process.stdin:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        return self._hear()

    def __enter__(self) -> "Servers":
        """Return the servers."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._process.communicate()

    def _hear(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError("the servers did not start")
        heard: dict[str, Any] = json.loads(line)
        return heard


def _main(function: str, arguments: str) -> None:
    module, _, name = function.partition(":")
    result = getattr(importlib.import_module(module), name)(**json.loads(arguments))
    sys.stdout.write(json.dumps({**result, "peak": resident()}) + "\n")


if __name__ == "__main__":
    _main(*sys.argv[1:])
