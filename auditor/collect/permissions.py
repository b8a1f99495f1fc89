"""The least rights that a set of tables needs, from the declarations of their providers."""

from collections.abc import Collection, Iterable
from typing import Any

from auditor.collect.registry import providers, with_needs
from auditor.facts.ref import Layer

ALWAYS_RAM = ("sts:GetCallerIdentity",)
"""Asked once before each audit, to fail early and clearly. It needs no grant; it is named for strict owners."""


PROBE_OF_TABLE = {"kubelet_log_reads": "kubelet"}
"""The tables that only an opt-in probe fills."""


def permissions_of(tables: Iterable[str]) -> list[str]:
    """Return the names of all permissions for these tables, of both sides."""
    return sorted(_permissions(tables, Layer.KUBERNETES)) + sorted(_permissions(tables, Layer.CLOUD))


def ram_policy(tables: Iterable[str]) -> dict[str, Any]:
    """Return the least RAM policy document for these tables."""
    actions = sorted(_permissions(tables, Layer.CLOUD))
    return {"Version": "1", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}


def cluster_role(
    tables: Iterable[str],
    *,
    probes: Collection[str] = (),
    secret_metadata: bool = False,
    name: str = "ack-auditor",
) -> dict[str, Any]:
    """Return the least ClusterRole for these tables.

    What belongs to a probe, or to reading that Secrets exist, is left out unless the operator switched it on.
    """
    switched_off = {table for table, probe in PROBE_OF_TABLE.items() if probe not in probes}
    if not secret_metadata:
        switched_off.add("secret_names")
    verbs: dict[tuple[str, str], set[str]] = {}
    for permission in _permissions(set(tables) - switched_off, Layer.KUBERNETES):
        verb, _, target = permission.partition(" ")
        resource, _, group = target.partition(".")
        verbs.setdefault((group, resource), set()).add(verb)
    rules: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), allowed in sorted(verbs.items()):
        rules.setdefault((group, tuple(sorted(allowed))), []).append(resource)
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": [
            {"apiGroups": [group], "resources": resources, "verbs": list(allowed)}
            for (group, allowed), resources in rules.items()
        ],
    }


def _permissions(tables: Iterable[str], layer: Layer) -> set[str]:
    known = providers()
    return {
        permission
        for name in with_needs(set(tables))
        if known[name].layer is layer
        for permission in known[name].permissions
    }
