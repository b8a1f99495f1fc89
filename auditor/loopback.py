"""What counts as this machine itself: the one place where the rule for plain ``http`` and for proxies is made.

It belongs to no room: the configuration and the collectors both rest on it, and know nothing of each other.
"""

import ipaddress
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """Tell whether a URL names this machine itself, by ``localhost`` or a loopback address."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
