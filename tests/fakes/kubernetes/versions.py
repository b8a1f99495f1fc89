"""What a server of an older version serves: which versions of which kinds, in which form, with which fields.

Objects are stored once, in the form of the newest version, and converted when they are read. Since when, and until
when, a version is served: https://kubernetes.io/docs/reference/using-api/deprecation-guide/
"""

import copy
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
NEWEST = 36
OLDEST = 18
_NO_POD_HAS = "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match"


@dataclass(frozen=True)
class Served:
    """A version of a kind: where, by servers from which minor version on, and from which one on no longer."""

    path: str
    since: int = 0
    until: int = NEWEST + 1
    converted: Callable[[Object], object] = lambda _thing: None
    """Brings a copy of an object into the form of this version."""

    @property
    def api_version(self) -> str:
        return self.path.removeprefix("/apis/").rpartition("/")[0]


def _beta_slice(thing: Object) -> None:
    for endpoint in thing["endpoints"] or ():
        topology = {
            "kubernetes.io/hostname": endpoint.pop("nodeName", None),
            "topology.kubernetes.io/zone": endpoint.pop("zone", None),
        }
        endpoint["topology"] = {name: value for name, value in topology.items() if value}


def _beta_backend(holder: Object, name: str) -> None:
    service = holder[name].pop("service", None)
    if service:
        port = service.get("port", {})
        holder[name] |= {"serviceName": service["name"], "servicePort": port.get("name") or port.get("number")}


def _beta_ingress(thing: Object) -> None:
    spec = thing["spec"]
    if "defaultBackend" in spec:
        spec["backend"] = spec.pop("defaultBackend")
        _beta_backend(spec, "backend")
    for rule in spec.get("rules", ()):
        for path in rule.get("http", {}).get("paths", ()):
            _beta_backend(path, "backend")


def _beta_budget(thing: Object) -> None:
    # Where an empty selector selects nothing, a server sends this one for what selects everything in v1.
    if thing["spec"].get("selector") == {}:
        thing["spec"]["selector"] = {"matchExpressions": [{"key": _NO_POD_HAS, "operator": "DoesNotExist"}]}


def _first_autoscaler(thing: Object) -> None:
    thing["spec"].pop("metrics", None)
    conditions = thing["status"].pop("conditions", [])
    annotations = thing["metadata"].setdefault("annotations", {})
    annotations["autoscaling.alpha.kubernetes.io/conditions"] = json.dumps(conditions)


CRON_JOBS = "/apis/batch/v1/cronjobs"
CSI_DRIVERS = "/apis/storage.k8s.io/v1/csidrivers"
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
AUTOSCALERS = "/apis/autoscaling/v2/horizontalpodautoscalers"
INGRESS_CLASSES = "/apis/networking.k8s.io/v1/ingressclasses"
INGRESSES = "/apis/networking.k8s.io/v1/ingresses"
BUDGETS = "/apis/policy/v1/poddisruptionbudgets"

KINDS: dict[str, tuple[Served, ...]] = {
    CRON_JOBS: (Served(CRON_JOBS, 21), Served("/apis/batch/v1beta1/cronjobs", until=25)),
    CSI_DRIVERS: (Served(CSI_DRIVERS, 18), Served("/apis/storage.k8s.io/v1beta1/csidrivers", until=22)),
    SLICES: (
        Served(SLICES, 21),
        Served("/apis/discovery.k8s.io/v1beta1/endpointslices", until=25, converted=_beta_slice),
    ),
    AUTOSCALERS: (
        Served(AUTOSCALERS, 23),
        Served("/apis/autoscaling/v2beta2/horizontalpodautoscalers", until=26),
        Served("/apis/autoscaling/v1/horizontalpodautoscalers", converted=_first_autoscaler),
    ),
    INGRESS_CLASSES: (
        Served(INGRESS_CLASSES, 19),
        Served("/apis/networking.k8s.io/v1beta1/ingressclasses", until=22),
    ),
    INGRESSES: (
        Served(INGRESSES, 19),
        Served("/apis/networking.k8s.io/v1beta1/ingresses", until=22, converted=_beta_ingress),
    ),
    BUDGETS: (
        Served(BUDGETS, 21),
        Served("/apis/policy/v1beta1/poddisruptionbudgets", until=25, converted=_beta_budget),
    ),
}
"""The versions of a kind, by the path under which its objects are stored."""

FIELDS: tuple[tuple[int, str, str], ...] = (
    (19, CSI_DRIVERS, "spec.fsGroupPolicy"),
    (19, CSI_DRIVERS, "spec.storageCapacity"),
    (20, CSI_DRIVERS, "spec.requiresRepublish"),
    (25, CSI_DRIVERS, "spec.seLinuxMount"),
    (20, "/api/v1/services", "spec.clusterIPs"),
    (20, "/api/v1/services", "spec.ipFamilies"),
    (20, "/api/v1/services", "spec.ipFamilyPolicy"),
    (21, "/api/v1/services", "spec.internalTrafficPolicy"),
    (20, SLICES, "endpoints.conditions.serving"),
    (20, SLICES, "endpoints.conditions.terminating"),
    (21, "/apis/batch/v1/jobs", "spec.suspend"),
    (21, CRON_JOBS, "status.lastSuccessfulTime"),
    (21, BUDGETS, "status.conditions"),
)
"""Fields that no server before a minor version sends, by the path of the stored objects."""
KINDS_SINCE = {"/apis/networking.k8s.io/v1/servicecidrs": 33, "/apis/storage.k8s.io/v1/csistoragecapacities": 24}
"""Kinds that no server before a minor version has."""
DOCUMENTS_SINCE = {
    "/apis/certificates.k8s.io/v1": 19,
    "/apis/events.k8s.io/v1": 19,
    "/apis/flowcontrol.apiserver.k8s.io/v1": 29,
    "/apis/node.k8s.io/v1": 20,
    "/apis/resource.k8s.io/v1": 34,
}
"""Versions of groups that no server before a minor version has."""


class ServerVersion:
    """What a server of one minor version of Kubernetes serves."""

    def __init__(self, version: str = f"1.{NEWEST}") -> None:
        """Take a version such as ``1.20``."""
        major, _, minor = version.partition(".")
        if major != "1" or not OLDEST <= int(minor) <= NEWEST:
            raise ValueError(f"no version from 1.{OLDEST} to 1.{NEWEST}: {version}")
        self.minor = int(minor)
        self._served = {
            served.path: (stored, served)
            for stored, versions in KINDS.items()
            for served in versions
            if served.since <= self.minor < served.until
        }
        self._hidden = {served.path for versions in KINDS.values() for served in versions} - set(self._served)
        self._hidden |= {path for path, since in KINDS_SINCE.items() if self.minor < since}

    def stored(self, collection: str) -> str | None:
        """Return the path under which the objects of a collection are stored; None if it is not served."""
        if collection in self._hidden:
            return None
        return self._served[collection][0] if collection in self._served else collection

    def api_version(self, collection: str, stored: str) -> str:
        """Return the apiVersion of a collection; ``stored`` is that of its objects as they are stored."""
        return self._served[collection][1].api_version if collection in self._served else stored

    def sent(self, collection: str, thing: Object) -> Object:
        """Return an object as this server sends it."""
        path, served = self._served.get(collection, (collection, None))
        missing = [where for since, kind, where in FIELDS if kind == path and self.minor < since]
        if collection == path and not missing:
            return thing
        thing = copy.deepcopy(thing)
        for where in missing:
            _remove(thing, where.split("."))
        if served is not None:
            served.converted(thing)
        return thing

    def documents(self, recorded: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return the documents of discovery and of the version, made from those of the newest server."""
        loaded: dict[str, Any] = {
            path: json.loads(body) for path, body in recorded.items() if self.minor >= DOCUMENTS_SINCE.get(path, OLDEST)
        }
        if self.minor != NEWEST:
            loaded["/version"] = {
                **{name: loaded["/version"][name] for name in ("gitCommit", "gitTreeState", "compiler", "platform")},
                "major": "1",
                "minor": f"{self.minor}+",
                "gitVersion": f"v1.{self.minor}.8-aliyun.1",
            }
        for path, served in ((s.path, s) for versions in KINDS.values() for s in versions):
            self._discover(loaded, path, served)
        for group in loaded["/apis"]["groups"]:
            group["versions"] = [
                {"groupVersion": f"{group['name']}/{version}", "version": version}
                for version in _versions(loaded, group["name"])
            ]
        groups = [group for group in loaded["/apis"]["groups"] if group["versions"]]
        loaded["/apis"]["groups"] = groups
        for group in groups:
            group["preferredVersion"] = group["versions"][0]
            loaded[f"/apis/{group['name']}"] = {"kind": "APIGroup", "apiVersion": "v1", **group}
        return {path: json.dumps(document).encode() for path, document in loaded.items()}

    def _discover(self, loaded: dict[str, Any], path: str, served: Served) -> None:
        """Put a kind into the document of its version, or take it out of there."""
        where, _, resource = path.rpartition("/")
        kind = next(stored for stored, versions in KINDS.items() if served in versions)
        empty = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": served.api_version, "resources": []}
        document = loaded.setdefault(where, empty)
        document["resources"] = [r for r in document["resources"] if r["name"].partition("/")[0] != resource]
        if path in self._served:
            document["resources"].append({"name": resource, "kind": _KIND_NAMES[kind], "verbs": ["get", "list"]})
        if not document["resources"]:
            del loaded[where]


_KIND_NAMES = {
    CRON_JOBS: "CronJob",
    CSI_DRIVERS: "CSIDriver",
    SLICES: "EndpointSlice",
    AUTOSCALERS: "HorizontalPodAutoscaler",
    INGRESS_CLASSES: "IngressClass",
    INGRESSES: "Ingress",
    BUDGETS: "PodDisruptionBudget",
}


def extension_document(path: str, collections: Iterable[str]) -> Object | None:
    """Return the document of discovery of a group, or of one of its versions, that an add-on brought with it."""
    inside = [collection.split("/")[2:] for collection in collections if collection.startswith(f"{path}/")]
    versions = sorted({parts[1] for parts in inside}, reverse=True)
    if not inside:
        return None
    group = inside[0][0]
    if path == f"/apis/{group}":
        listed = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
        return {
            "kind": "APIGroup",
            "apiVersion": "v1",
            "name": group,
            "versions": listed,
            "preferredVersion": listed[0],
        }
    resources = [{"name": parts[2], "verbs": ["get", "list"]} for parts in inside]
    group_version = path.removeprefix("/apis/")
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


def _versions(loaded: Mapping[str, Any], group: str) -> list[str]:
    """Return the versions of a group that have a document, the newest first: v2, v1, v2beta2, v1beta1."""
    versions = [path.rpartition("/")[2] for path in loaded if path.startswith(f"/apis/{group}/")]
    return sorted(versions, key=lambda version: ("beta" not in version, version), reverse=True)


def _remove(thing: Any, where: list[str]) -> None:
    """Take a member out of an object; where a list is on the way, out of each of its items."""
    if isinstance(thing, list):
        for one in thing:
            _remove(one, where)
    elif isinstance(thing, dict):
        if len(where) == 1:
            thing.pop(where[0], None)
        else:
            _remove(thing.get(where[0]), where[1:])
