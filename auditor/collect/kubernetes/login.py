"""Who the client says that it is, in the headers of each call, and another token where one is refused."""

import threading
from collections.abc import Mapping

from auditor.collect.kubernetes.connect import Connection, quiet
from auditor.collect.kubernetes.failures import CallFailed, reason
from auditor.facts.table import ReasonKind
from auditor.facts.text import t

MOST_RENEWALS = 3
"""So often another token is asked for; a server that refuses that many accepts none of them."""


class Login:
    """The headers of one connection. Safe for threads: the package that renews tokens is not, by itself."""

    def __init__(self, connection: Connection) -> None:
        """Take the connection."""
        self._configuration = connection.api_client.configuration
        self._renew = connection.renew
        self._renewals = 0
        self._lock = threading.Lock()

    def headers(self) -> dict[str, str]:
        """Return the headers. The package renews a token whose end it knows. Raises CallFailed if it can't."""
        with self._lock:
            return self._headers()

    def has_renewed(self, refused: Mapping[str, str]) -> bool:
        """Tell whether there is by now another token than the one that was refused; get it, if that may help."""
        with self._lock:
            if self._headers() != refused:
                return True  # another thread has met the same refusal before
            if self._renew is None or self._renewals >= MOST_RENEWALS:
                return False
            self._renewals += 1
            try:
                self._renew()
            except Exception:  # noqa: BLE001 - whatever the package stumbles over, the refusal is what is told
                return False
            return self._headers() != refused

    def _headers(self) -> dict[str, str]:
        try:
            with quiet():
                settings = self._configuration.auth_settings()
        except Exception as error:  # noqa: BLE001 - the package raises whatever its files or commands lead to
            text = t("the token for the API server can't be read again ({error})", error=type(error).__name__)
            raise CallFailed(reason(ReasonKind.ERROR, text)) from None
        return {one["key"]: one["value"] for one in settings.values() if one["in"] == "header" and one["value"]}
