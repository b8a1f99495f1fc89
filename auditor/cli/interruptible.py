"""Lets Ctrl-C and SIGTERM end what waits for an answer."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")
_LOOK = 0.5
"""Seconds between two looks for a signal."""


def interruptible(work: Callable[[], T]) -> T:
    """Return what ``work`` returns, or raise what it raises.

    It runs in a thread that the process does not wait for: calls under way can't be broken off, but the main
    thread, which gets the signals, can leave at once.
    """
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is waited for
            result.set_exception(error)

    threading.Thread(target=run, name="audit", daemon=True).start()
    # The kernel may hand a signal to another thread, which does not wake this one: it looks by itself now and then.
    while not wait([result], timeout=_LOOK).done:
        pass
    return result.result()
