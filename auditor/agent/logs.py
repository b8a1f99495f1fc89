"""What the agent says while it runs: one line for each event on standard error, in JSON unless that is a terminal."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

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
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Libraries speak of requests, and with them of addresses that are secrets: only what goes wrong is of interest.
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)


def _clean(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Make visible what names of a cluster may hide: nothing of them acts in a terminal."""
    return {key: one_line(value) if isinstance(value, str) else value for key, value in event.items()}
