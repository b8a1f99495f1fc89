"""The network of the fake cluster, for audits: nothing of what is tried leaves this machine."""

import errno
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from auditor.collect.kubernetes import api_stages, tcp
from auditor.collect.kubernetes.reach import Reached, reach

LOOPBACK = "127.0.0.1"
"""Where the fake API server listens."""
OWN_ADDRESS = "192.168.0.99"
"""From where the auditor calls: an address of one of the recorded vSwitches."""


@contextmanager
def no_network(refusing: Collection[tuple[str, int]] = ()) -> Iterator[None]:
    """Let every connection of the probe ``tcp`` be accepted but for these, and no other API endpoint be reached."""

    def dial(target: tcp.Target) -> None:
        if tuple(target) in refusing:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    def reach_here(host: str, port: int, *how: Any) -> list[Reached]:
        if host == LOOPBACK:
            return reach(host, port, *how)
        return [Reached("name", "ok"), Reached("tcp", "refused", 0.0, "Connection refused"), Reached("tls")]

    with (
        mock.patch.object(tcp, "dial", dial),
        mock.patch.object(tcp, "source_for", return_value=OWN_ADDRESS),
        mock.patch.object(api_stages, "reach", reach_here),
    ):
        yield
