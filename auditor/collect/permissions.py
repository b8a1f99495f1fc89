"""The least rights that a set of tables needs, from the declarations of their providers, and how to grant them."""

from collections.abc import Collection, Iterable
from typing import Any

from auditor.collect.alibaba.kubeconfig import HAND_OUT_KUBECONFIG
from auditor.collect.registry import providers, with_needs
from auditor.facts.ref import Layer

ROLE_NAME = "ack-auditor"
SECRETS_TABLE = "secret_names"
"""The table that is filled only with ``secret_metadata = true``."""
RBAC_API = "rbac.authorization.k8s.io"

ALWAYS = "cs:DescribeClusterDetail"
"""Asked before each audit: a cluster id that the account does not know is a wrong configuration, to be told early."""

Rule = dict[str, Any]


def permissions_of(tables: Iterable[str]) -> list[str]:
    """Return the names of all permissions for these tables, of both sides."""
    return sorted(_permissions(tables, Layer.KUBERNETES)) + sorted(_permissions(tables, Layer.CLOUD))


def all_probes() -> list[str]:
    """Return the names of the opt-in probes that read something by a right of their own."""
    return sorted({one.probe for one in providers().values() if one.probe})


def switched_on(tables: Iterable[str], probes: Collection[str], *, secret_metadata: bool) -> set[str]:
    """Return the tables that are really asked for, of these and those that they need.

    Left out is what belongs to a probe, or to reading that Secrets exist, unless the operator switched it on.
    """
    known = providers()
    return {
        name
        for name in with_needs(set(tables))
        if (not known[name].probe or known[name].probe in probes) and (name != SECRETS_TABLE or secret_metadata)
    }


def ram_policy(
    tables: Iterable[str], *, probes: Collection[str] = (), kubeconfig_from_ack: bool = False
) -> dict[str, Any]:
    """Return the least RAM policy document for these tables, without those of probes that are switched off.

    It is never empty: that the cluster exists is asked before each audit.

    ``kubeconfig_from_ack``: whether ACK is to hand out the kubeconfig, with the caller's own rights in the cluster.
    """
    wanted = switched_on(tables, probes, secret_metadata=False)
    handed_out = {HAND_OUT_KUBECONFIG} if kubeconfig_from_ack else set()
    return policy_document([ram_statement(_declared(wanted, Layer.CLOUD) | handed_out | {ALWAYS})])


def policy_document(statements: list[Rule]) -> dict[str, Any]:
    """Return the RAM policy document of these statements."""
    return {"Version": "1", "Statement": statements}


def ram_statement(actions: Iterable[str], *resources: str) -> Rule:
    """Return the statement of a RAM policy that allows these actions, on everything unless resources are named.

    Most reads know no narrower resource.
    """
    return {"Effect": "Allow", "Action": sorted(actions), "Resource": list(resources) or "*"}


def cluster_role(
    tables: Iterable[str],
    *,
    probes: Collection[str] = (),
    secret_metadata: bool = False,
    name: str = ROLE_NAME,
) -> dict[str, Any]:
    """Return the least ClusterRole for these tables.

    What belongs to a probe, or to reading that Secrets exist, is left out unless the operator switched it on.
    """
    wanted = switched_on(tables, probes, secret_metadata=secret_metadata)
    return {
        "apiVersion": f"{RBAC_API}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": rbac_rules(_declared(wanted, Layer.KUBERNETES)),
    }


def rbac_rules(permissions: Iterable[str]) -> list[Rule]:
    """Return the rules of a ClusterRole that grant these permissions: ``list pods``, ``get /livez``."""
    verbs: dict[tuple[str, str], set[str]] = {}
    paths: dict[str, set[str]] = {}
    for permission in permissions:
        verb, _, target = permission.partition(" ")
        if target.startswith("/"):
            paths.setdefault(target, set()).add(verb)
            continue
        resource, _, group = target.partition(".")
        verbs.setdefault((group, resource), set()).add(verb)
    rules: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), allowed in sorted(verbs.items()):
        rules.setdefault((group, tuple(sorted(allowed))), []).append(resource)
    of_paths: dict[tuple[str, ...], list[str]] = {}
    for path, allowed in sorted(paths.items()):
        of_paths.setdefault(tuple(sorted(allowed)), []).append(path)
    return [
        *(
            {"apiGroups": [group], "resources": resources, "verbs": list(allowed)}
            for (group, allowed), resources in rules.items()
        ),
        *({"nonResourceURLs": urls, "verbs": list(allowed)} for allowed, urls in of_paths.items()),
    ]


def binding(namespace: str, account: str, role: str = ROLE_NAME) -> list[dict[str, Any]]:
    """Return a ServiceAccount, and the ClusterRoleBinding that gives it the role."""
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": account}},
        {
            "apiVersion": f"{RBAC_API}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": role},
            "roleRef": {"apiGroup": RBAC_API, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": account}],
        },
    ]


def _permissions(tables: Iterable[str], layer: Layer) -> set[str]:
    return _declared(with_needs(set(tables)), layer)


def _declared(tables: Iterable[str], layer: Layer) -> set[str]:
    known = providers()
    return {right for name in tables if known[name].layer is layer for right in known[name].permissions}
