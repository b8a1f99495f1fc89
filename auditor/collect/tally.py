"""What each client notes of its calls beside their answers: which permission was used, and whose clock is right."""

import threading
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime

from auditor.facts.table import Reason


@dataclass(frozen=True)
class Use:
    """What became of the calls that needed one permission. A call that was repeated counts once, by its end.

    Attributes:
        answered: calls that were answered: the permission is there.
        denied: calls that were refused for want of it.
        failed: calls that ended otherwise, and so tell nothing of it.
        failure: why the last of them failed, or was denied.
    """

    answered: int = 0
    denied: int = 0
    failed: int = 0
    failure: Reason | None = None

    @property
    def asked(self) -> int:
        """All calls that needed it."""
        return self.answered + self.denied + self.failed


class Tally:
    """The uses of permissions by one client. Safe for threads."""

    def __init__(self) -> None:
        """Start with none."""
        self._uses: dict[str, Use] = {}
        self._lock = threading.Lock()

    def note(self, permission: str, failure: Reason | None = None) -> None:
        """Note the end of a call that needed a permission; without a failure it was answered."""
        with self._lock:
            use = self._uses.get(permission, Use())
            if failure is None:
                use = replace(use, answered=use.answered + 1)
            elif permission in failure.missing:
                use = replace(use, denied=use.denied + 1, failure=failure)
            else:
                use = replace(use, failed=use.failed + 1, failure=failure)
            self._uses[permission] = use

    def of(self, permission: str) -> Use:
        """Return the use of a permission."""
        with self._lock:
            return self._uses.get(permission, Use())


def seconds_ahead(date: str, now: datetime) -> float | None:
    """Return by how many seconds a server's ``Date`` header is ahead of this machine's clock; None if it is no date.

    The header has whole seconds, and is as old as the way back took: a second or two are no difference.
    """
    try:
        return (parsedate_to_datetime(date) - now).total_seconds()
    except (TypeError, ValueError):
        return None
