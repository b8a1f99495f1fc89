"""What the agent says while it runs: one line for each event on standard error, in JSON unless that is a terminal."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog

from auditor.report.clean import one_line


def set_up(*, json: bool | None = None, verbose: bool = False) -> None:
    """Set up the log. ``json`` None decides by whether standard error is a terminal."""
    as_json = not sys.stderr.isatty() if json is None else json
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False) if as_json else structlog.dev.ConsoleRenderer(colors=True)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _clean,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Log(sys.stderr))),
        cache_logger_on_first_use=False,
    )
    # Libraries speak of requests, and with them of addresses that are secrets: only what goes wrong is of interest.
    logging.raiseExceptions = False
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)


class _Log:
    """Where the lines go. A log that can't be written, for a disk that is full, stops nothing else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(line)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def _clean(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Make visible what names of a cluster may hide: nothing of them acts in a terminal."""
    return {key: one_line(value) if isinstance(value, str) else value for key, value in event.items()}
