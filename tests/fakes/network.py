"""The network of the fake cluster, for audits: nothing of what is tried leaves this machine."""

import errno
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from unittest import mock

from auditor.collect.kubernetes import tcp

OWN_ADDRESS = "192.168.0.99"
"""From where the auditor calls: an address of one of the recorded vSwitches."""


@contextmanager
def no_network(refusing: Collection[tuple[str, int]] = ()) -> Iterator[None]:
    """Let every connection of the probe ``tcp`` be accepted but for these."""

    def dial(target: tcp.Target) -> None:
        if tuple(target) in refusing:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    with mock.patch.object(tcp, "dial", dial), mock.patch.object(tcp, "source_for", return_value=OWN_ADDRESS):
        yield
