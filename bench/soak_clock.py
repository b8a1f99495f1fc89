"""A clock that runs fast and can be set, and that all processes of a soak share."""

import mmap
import struct
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

_LAYOUT = struct.Struct("dddd")
_EVERY = 0.005
"""Seconds between two moves of the hands."""


class Clock:
    """What the time is. It lies in a file: the moment of the start, the speed, and by how much it was set."""

    def __init__(self, path: Path) -> None:
        """Take the file, which :meth:`made` has made."""
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _LAYOUT.size)

    @classmethod
    def made(cls, path: Path, start: datetime, speed: float) -> "Clock":
        """Make a clock that begins to run now: ``speed`` seconds pass in one."""
        path.write_bytes(_LAYOUT.pack(start.timestamp(), time.monotonic(), speed, 0.0))
        return cls(path)

    def now(self) -> datetime:
        """Return what it shows."""
        start, begun, speed, offset = _LAYOUT.unpack(self._memory[:])
        return datetime.fromtimestamp(start + (time.monotonic() - begun) * speed + offset, UTC)

    def set_by(self, step: timedelta) -> None:
        """Set it forward or back."""
        start, begun, speed, offset = _LAYOUT.unpack(self._memory[:])
        self._memory[:] = _LAYOUT.pack(start, begun, speed, offset + step.total_seconds())

    def rule(self) -> None:
        """Have the whole process live by it, from now on."""
        import time_machine  # noqa: PLC0415 - changes the process that imports it

        traveller = time_machine.travel(self.now(), tick=True).start()

        def move() -> None:
            while True:
                traveller.move_to(self.now())
                time.sleep(_EVERY)

        threading.Thread(target=move, name="clock", daemon=True).start()
