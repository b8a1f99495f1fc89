"""What is asked for by name, or in one namespace: objects of ``kube-system``, which are there once, as recorded."""

import json
import re

from bench.cluster import Cluster
from tests.fakes.kubernetes import recorded

HEALTH = {"/livez": "livez_verbose.txt", "/readyz": "readyz_verbose.txt"}
_IN_NAMESPACE = re.compile(r"(?P<group>/.+)/namespaces/(?P<namespace>[^/]+)/(?P<resource>[^/]+)(?:/(?P<name>[^/]+))?$")


def is_single(path: str) -> bool:
    """Tell whether a path is of an object, of a list of one namespace, or of a health page."""
    return path in HEALTH or _IN_NAMESPACE.match(path) is not None


def single(cluster: Cluster, path: str) -> bytes | None:
    """Return the answer to such a path; None if there is no such object."""
    if path in HEALTH:
        return recorded.body(HEALTH[path])
    match = _IN_NAMESPACE.match(path)
    if match is None:
        return None
    base = f"{match['group']}/{match['resource']}"
    kind, version = cluster.kind_of(base)
    rows = [row for row in cluster.recorded(base) if row["metadata"]["namespace"] == match["namespace"]]
    head = {"kind": kind, "apiVersion": version}
    if match["name"] is None:
        return json.dumps({**head, "metadata": {}, "items": rows}, separators=(",", ":")).encode()
    found = next((row for row in rows if row["metadata"]["name"] == match["name"]), None)
    return None if found is None else json.dumps({**found, **head, "kind": kind.removesuffix("List")}).encode()


def not_there(path: str) -> bytes:
    """Return the body of an API server's answer for what is not there."""
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
    return json.dumps({**status, "message": f"{path} not found"}).encode()
