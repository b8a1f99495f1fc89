"""Running single providers of the Kubernetes side."""

from typing import Any

from auditor.collect.kubernetes import tables as _tables  # noqa: F401 - imported for registration
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.provider import Provider, registered
from auditor.facts.catalogue import KUBERNETES_TABLES
from auditor.facts.table import Reason, Table

PODS = "/api/v1/pods"


def provider(table: str) -> Provider:
    return registered()[table]


def collect(client: KubernetesClient, table: str, **needs: Table[Any]) -> Table[Any]:
    """Fill one table, with what it needs given or collected before."""
    known = provider(table)
    given = {name: needs[name] if name in needs else collect(client, name) for name in known.needs}
    return known.collect(client, **given)


def row_of(table: Table[Any], key: str) -> Any:
    """Return a row that has to be there."""
    row = table.get(key)
    assert row is not None
    return row


def only_reason(table: Table[Any]) -> Reason:
    """Return the one reason of a table that is not fully known."""
    assert len(table.reasons) == 1, [str(reason.message) for reason in table.reasons]
    return table.reasons[0]


LISTED = sorted(set(KUBERNETES_TABLES) - {"kubelet_log_reads", "secret_names"})
"""The tables that need no opt-in."""
