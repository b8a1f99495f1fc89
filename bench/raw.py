"""What everything on the Kubernetes side is compared with: fetching the same lists, page by page, and no more."""

import json
from typing import Any
from urllib.parse import urlencode

import urllib3

from bench.process import stopwatch

PAGE = 500


def fetch(url: str, paths: list[str], decode: bool = False) -> dict[str, Any]:
    """Fetch these lists over one connection, one after the other; ``decode`` reads each page as JSON and drops it.

    Returns ``seconds``, ``cpu`` and ``bytes``.
    """
    pool = urllib3.PoolManager(1)
    size = 0
    with stopwatch() as taken:
        for path in paths:
            token = ""
            while True:
                query = {"limit": PAGE, **({"continue": token} if token else {})}
                body = pool.request("GET", f"{url}{path}?{urlencode(query)}").data
                size += len(body)
                token = json.loads(body)["metadata"].get("continue", "") if decode else _token(body)
                if not token:
                    break
    return {**taken, "bytes": size}


def _token(body: bytes) -> str:
    """Return the continue token of a page; lists say it before their items."""
    head = body[: body.index(b'"items"')].rstrip(b",") + b"}"
    return str(json.loads(head)["metadata"].get("continue", ""))
