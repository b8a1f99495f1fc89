"""The ConfigMaps that steer ACK's components, asked for by name: any other may hold what is none of our business."""

import json
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from msgspec.structs import force_setattr

from auditor.collect.kubernetes.answers import Expected, Malformed, decode_object
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.connect import CONNECTIONS
from auditor.collect.kubernetes.failures import SOURCE, CallFailed, reason
from auditor.collect.kubernetes.kept import without_secrets
from auditor.collect.provider import provides
from auditor.facts.kubernetes.coordination import ConfigMap
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment, TemplateContainer
from auditor.facts.ref import Layer
from auditor.facts.table import Gap, Reason, ReasonKind, Table
from auditor.facts.text import t

PERMISSION = "get configmaps"
KNOWN = {
    "autoscaler-meta": "the settings of node autoscaling that were made in the console",
    "cluster-autoscaler-status": "what the autoscaler last decided, and when",
    "coredns": "how names are resolved in the cluster",
    "eni-config": "the vSwitches and security groups of Terway's Pods",
    "kube-flannel-cfg": "the Pod network of Flannel",
    "kube-proxy-worker": "how Services are forwarded: iptables or IPVS",
    "nginx-configuration": "the settings of the Ingress controller",
}
"""By name in ``kube-system``, with what is read there."""
KEPT_CHARACTERS = 256 * 1024
"""A ConfigMap with more than this is not kept; the API's own limit is 1 MiB."""
TERWAY = "kube-system/eni-config"
TERWAY_SETTINGS = "eni_conf"
"""Terway's settings, in JSON. They may hold an AccessKey (``access_key``, ``access_secret``)."""

_CREDENTIAL = re.compile(r"secret|token|password|credential|access_?key", re.IGNORECASE)
_CONFIG_MAP_FLAG = "--configmap="
_CLASS_FLAGS = ("--ingress-class=", "--controller-class=")
_VALID_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z")


@provides(
    "config_maps",
    source=SOURCE,
    layer=Layer.KUBERNETES,
    permissions=(PERMISSION,),
    tolerates=("deployments", "daemonsets"),
)
def config_maps(
    client: KubernetesClient, deployments: Table[Deployment], daemonsets: Table[DaemonSet]
) -> Table[ConfigMap]:
    """Get the known ConfigMaps, and those that Ingress controllers name as their own."""
    keys = sorted({f"kube-system/{name}" for name in KNOWN} | set(_named_by_controllers(deployments, daemonsets)))
    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="config-maps") as pool:
        results = list(pool.map(lambda key: _get(client, key), keys))
    rows = [result for result in results if isinstance(result, ConfigMap)]
    gaps = [result for result in results if isinstance(result, Gap)]
    if len(gaps) == len(keys):
        reasons = {(gap.reason.kind, gap.reason.missing): gap.reason for gap in gaps}
        return Table.unavailable("config_maps", *reasons.values())
    return Table("config_maps", rows, gaps=gaps, asked=keys)


def config_map_of(workload: Deployment | DaemonSet, container: TemplateContainer) -> str | None:
    """Return ``namespace/name`` of the ConfigMap that an Ingress controller's container names; None for any other.

    The namespace is mostly written as ``$(POD_NAMESPACE)``, which is the workload's own by custom.
    """
    flags = container.args or ()
    words = (*flags, *(container.command or ()))
    image = container.image.rpartition("/")[2]
    if "ingress" not in image and not any(word.startswith(_CLASS_FLAGS) for word in words):
        return None
    value = next((word.removeprefix(_CONFIG_MAP_FLAG) for word in words if word.startswith(_CONFIG_MAP_FLAG)), "")
    namespace, _, name = value.replace("$(POD_NAMESPACE)", workload.namespace).partition("/")
    return f"{namespace}/{name}" if _VALID_NAME.match(namespace) and _VALID_NAME.match(name) else None


def _named_by_controllers(*tables: Table[Any]) -> Iterator[str]:
    workloads: Iterable[Deployment | DaemonSet] = (
        workload for table in tables if not table.is_unavailable for workload in table.known_rows()
    )
    for workload in workloads:
        for container in workload.spec.template.spec.containers:
            if key := config_map_of(workload, container):
                yield key


def _get(client: KubernetesClient, key: str) -> ConfigMap | Gap | None:
    """Return the ConfigMap, None if there is none, or a gap if that is not known."""
    namespace, _, name = key.partition("/")
    expected = Expected(f"/api/v1/namespaces/{namespace}/configmaps/{name}", "ConfigMap")
    only_this = frozenset({key})
    try:
        row = decode_object(client.get(expected.path, permission=PERMISSION), expected, ConfigMap)
    except CallFailed as failure:
        if failure.code == 404 and failure.status and failure.status.reason == "NotFound":
            return None
        return Gap(failure.reason, only_this)
    except Malformed as problem:
        return Gap(reason(ReasonKind.MALFORMED, problem.text), only_this)
    if row.key != key:
        another = t("GET {path}: another object was sent", path=expected.path)
        return Gap(reason(ReasonKind.MALFORMED, another), only_this)
    why = _withheld(row)
    return Gap(why, only_this) if why else row


def _withheld(row: ConfigMap) -> Reason | None:
    """Take credentials out of the row. Returns why it can't be kept, if it can't."""
    data = row.data or {}
    if sum(map(len, data.values())) > KEPT_CHARACTERS:
        size = t("ConfigMap {key} holds more than {limit} characters", key=row.key, limit=KEPT_CHARACTERS)
        return reason(ReasonKind.TRUNCATED, size)
    if row.key == TERWAY and TERWAY_SETTINGS in data:
        try:
            settings = json.dumps(_without_credentials(json.loads(data[TERWAY_SETTINGS])))
        except (ValueError, RecursionError):
            broken = t("{name} of ConfigMap {key} is no JSON that can be read", name=TERWAY_SETTINGS, key=row.key)
            return reason(ReasonKind.MALFORMED, broken)
        force_setattr(row, "data", {**data, TERWAY_SETTINGS: settings})
    for name in [name for name in data if name.endswith("-snippet")]:
        data[name] = without_secrets(data[name])
    return None


def _without_credentials(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_credentials(inner) for name, inner in value.items() if not _CREDENTIAL.search(name)}
    return [_without_credentials(inner) for inner in value] if isinstance(value, list) else value
