"""The one place that knows what has to be tamed in the credentials package and the transport under it."""

import importlib
import threading
import time
from typing import Any

from auditor.collect.alibaba.sdk import silence_loggers
from auditor.collect.alibaba.transport import PART_BYTES, proxies_for, read_within

_SECONDS = 15
"""How long one of its answers may take in all."""

_taming = threading.Lock()
_tamed = threading.Event()


def tame_package() -> None:
    """Let the package's calls heed ``NO_PROXY`` and end in time, and silence its loggers. Idempotent.

    Its transport knows ``HTTP_PROXY`` and ``HTTPS_PROXY`` alone, so that behind a proxy the metadata service of the
    instance would be asked for through it: of the proxy's own instance, or in vain.
    """
    with _taming:
        silence_loggers()
        if _tamed.is_set():
            return
        core: Any = importlib.import_module("Tea.core")

        class Session(core.Session):  # type: ignore[misc]  # its base has no types
            def send(self, request: Any, **options: Any) -> Any:
                until = time.monotonic() + _SECONDS
                response = super().send(request, **{**options, "proxies": proxies_for(request.url), "stream": True})
                parts = iter(lambda: response.raw.read1(PART_BYTES, decode_content=True), b"")
                try:
                    response._content = read_within(parts, until)  # noqa: SLF001 - where its users look for it
                finally:
                    response.close()
                return response

        core.Session = Session
        core.TeaCore._sessions.clear()  # noqa: SLF001 - those made before know no better
        _tamed.set()
