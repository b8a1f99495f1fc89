"""What the fake API server allows somebody: decided by the roles and bindings that are in its store."""

from collections.abc import Iterator
from typing import Any

from tests.fakes.kubernetes.store import Object, Store

GROUP = "/apis/rbac.authorization.k8s.io/v1"
CLUSTER_ROLES = f"{GROUP}/clusterroles"
CLUSTER_BINDINGS = f"{GROUP}/clusterrolebindings"
ROLES = f"{GROUP}/roles"
BINDINGS = f"{GROUP}/rolebindings"


def why_allowed(store: Store, user: str, groups: list[str], asked: dict[str, Any]) -> str:
    """Return the words of the API server for why somebody may do what is asked; empty if nothing allows it."""
    who = {("User", user), *(("Group", group) for group in groups)}
    for binding in _bindings(store, asked.get("namespace", "")):
        names = [_name(subject, binding) for subject in binding.get("subjects") or []]
        subject = next((name for name in names if name in who), None)
        role = _role(store, binding)
        if subject and role and any(_covers(rule, asked) for rule in role.get("rules") or []):
            kind = "RoleBinding" if binding["metadata"].get("namespace") else "ClusterRoleBinding"
            place = "/".join(filter(None, (binding["metadata"]["name"], binding["metadata"].get("namespace"))))
            ref = binding["roleRef"]
            return f'RBAC: allowed by {kind} "{place}" of {ref["kind"]} "{ref["name"]}" to {subject[0]} "{subject[1]}"'
    return ""


def grant(store: Store, subject: str, verb: str, resource: str, group: str = "", namespace: str = "") -> None:
    """Give a user, or a group of the name ``group:NAME``, a right, in one namespace or everywhere."""
    kind, name = ("Group", subject.removeprefix("group:")) if subject.startswith("group:") else ("User", subject)
    role = f"may-{verb}-{resource.replace('/', '-')}"
    rule = {"verbs": [verb], "apiGroups": [group], "resources": [resource]}
    for path, single in (
        (CLUSTER_ROLES, "ClusterRole"),
        (CLUSTER_BINDINGS, "ClusterRoleBinding"),
        (BINDINGS, "RoleBinding"),
    ):
        if not store.knows(path):
            store.declare(path, single, "rbac.authorization.k8s.io/v1")
    store.add(CLUSTER_ROLES, {"metadata": {"name": role}, "rules": [rule]})
    binding: Object = {
        "metadata": {"name": f"{role}-{name}".replace(":", "-"), **({"namespace": namespace} if namespace else {})},
        "subjects": [{"kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {"kind": "ClusterRole", "name": role, "apiGroup": "rbac.authorization.k8s.io"},
    }
    store.add(BINDINGS if namespace else CLUSTER_BINDINGS, binding)


def _bindings(store: Store, namespace: str) -> Iterator[Object]:
    if store.knows(CLUSTER_BINDINGS):
        yield from store.all(CLUSTER_BINDINGS)
    if namespace and store.knows(BINDINGS):
        yield from (binding for binding in store.all(BINDINGS) if binding["metadata"]["namespace"] == namespace)


def _role(store: Store, binding: Object) -> Object | None:
    ref = binding["roleRef"]
    if ref["kind"] == "ClusterRole":
        return store.get(CLUSTER_ROLES, ref["name"]) if store.knows(CLUSTER_ROLES) else None
    return store.get(ROLES, ref["name"], binding["metadata"]["namespace"]) if store.knows(ROLES) else None


def _name(subject: dict[str, str], binding: Object) -> tuple[str, str]:
    if subject["kind"] == "ServiceAccount":
        namespace = subject.get("namespace") or binding["metadata"].get("namespace", "")
        return "User", f"system:serviceaccount:{namespace}:{subject['name']}"
    return subject["kind"], subject["name"]


def _covers(rule: dict[str, Any], asked: dict[str, Any]) -> bool:
    resource = "/".join(filter(None, (asked["resource"], asked.get("subresource"))))
    wanted = (("verbs", asked["verb"]), ("apiGroups", asked.get("group", "")), ("resources", resource))
    if rule.get("resourceNames"):
        return False
    return all({"*", value} & set(rule.get(key) or []) for key, value in wanted)
