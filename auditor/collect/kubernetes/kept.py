"""What is kept of annotations, nginx snippets and volume parameters: only what some rule reads.

All three are free text into which people write keys and passwords: a volume's AccessKey, a copy of a whole manifest
that a tool keeps for itself, a header with credentials in a snippet. So this names what stays, and not what goes.
"""

import re
from collections.abc import Iterable
from typing import Any

from msgspec.structs import force_setattr

from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.meta import SUPPRESS, Meta
from auditor.facts.kubernetes.pods import Pod, PodSpec, Volume
from auditor.facts.kubernetes.volumes import PersistentVolume, StorageClass
from auditor.facts.rules.suppress_annotation import MOST_CHARACTERS

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""A copy of the whole object, which may hold what somebody once took out of it."""
ANNOTATION_CHARACTERS = 4096
"""A longer annotation is none that steers a component, unless it is a list of addresses."""
ADDRESS_LISTS = ("-source-range", "-block-cidrs")

KEPT_DOMAINS = (
    "ack-auditor",
    "alibabacloud.com",
    "aliyun.com",
    "cert-manager.io",
    "coreos.com",
    "k8s.alibaba",
    "k8s.io",
    "kubernetes.io",
    "nginx.com",
    "nginx.org",
)
"""The domains of annotations by which Kubernetes, ACK, Flannel, Ingress controllers and the auditor are steered."""

KEPT_PARAMETERS = frozenset(
    {
        "accessgroupname",
        "archiveondelete",
        "bucket",
        "containernetworkfilesystem",
        "csi.storage.k8s.io/fstype",
        "deletevolume",
        "encrypted",
        "filesystemid",
        "filesystemtype",
        "fstype",
        "mountprotocol",
        "multiattach",
        "options",
        "path",
        "performancelevel",
        "protocoltype",
        "provisionediops",
        "readonly",
        "regionid",
        "server",
        "storage.kubernetes.io/csiprovisioneridentity",
        "storagetype",
        "subpath",
        "type",
        "url",
        "vers",
        "volumeas",
        "volumeid",
        "volumetype",
        "vpcid",
        "vswitchid",
        "zoneid",
    }
)
"""The parameters of volumes and storage classes, in lower case, that say what a volume is and where."""

PASSED_STEPS = ("PodReadyToStartContainers", "Initialized", "ContainersReady")
"""Conditions of nearly every Pod that say nothing more than Ready where they are True."""

_SECRET_OPTION = re.compile(r"(?i)pass|secret|cred|token|user|key")
_USER_OF_URL = re.compile(r"(?<=://)[^/@\s]*@")
_PIECE = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\#[^\n]*|[;{}]|[^;{}"'\#]+|["']""")
_WHOLE = ("allow", "deny", "satisfy", "set_real_ip_from", "real_ip_header", "real_ip_recursive")
"""Directives of which everything is kept: they say who may come in, and by which address."""
_NAMED = ("if", "location", "proxy_pass", "return")
"""Directives of which only is kept that they are there: they say that something else answers a request."""


def trim_annotations(annotations: dict[str, str]) -> None:
    """Take away the annotations that no rule reads, and what may be secret in those that stay."""
    for name, value in list(annotations.items()):
        if name == SUPPRESS:
            annotations[name] = _suppress(value)
        elif not _is_kept(name, value):
            del annotations[name]
        elif name.endswith("-snippet"):
            annotations[name] = without_secrets(value)
        elif "://" in value:
            annotations[name] = _USER_OF_URL.sub("", value)


def trim_own_annotations(meta: Meta) -> None:
    """Take away annotations of which none is the auditor's, so that they take no room, and what may be secret."""
    own = meta.annotations
    if own is None:
        return
    if own.suppress is None:
        force_setattr(meta, "annotations", None)
    else:
        force_setattr(own, "suppress", _suppress(own.suppress))


def without_secrets(snippet: str) -> str:
    """Return a snippet of nginx's language with only the directives that some rule reads, and all of its blocks."""
    kept: list[str] = []
    statement = ""
    for piece in _PIECE.findall(snippet):
        if piece.startswith("#"):
            continue
        if piece not in ";{}":
            statement += piece
            continue
        kept.append(_kept_of(statement) + piece)
        statement = ""
    return "\n".join(kept)


def trim_parameters(parameters: dict[str, str] | None) -> None:
    """Take away the parameters of a volume or a class that no rule reads, and credentials in those that stay."""
    for name, value in list((parameters or {}).items()):
        if parameters is None or name.lower() not in KEPT_PARAMETERS:
            (parameters or {}).pop(name)
        elif name.lower() == "options":
            parameters[name] = ",".join(_harmless(value.split(",")))
        else:
            parameters[name] = _USER_OF_URL.sub("", value)


def trim_volume(row: PersistentVolume) -> None:
    """Take away what no rule reads of a volume's parameters and mount options."""
    spec = row.spec
    trim_parameters(spec.csi.volume_attributes if spec.csi else None)
    trim_parameters(spec.flex.options if spec.flex else None)
    if spec.mount_options is not None:
        spec.mount_options[:] = _harmless(spec.mount_options)


def trim_class(row: StorageClass) -> None:
    """Take away what no rule reads of a class's parameters."""
    trim_parameters(row.parameters)


def trim_pod(row: Pod) -> None:
    """Take away what no rule reads of the parameters of a Pod's own volumes, and what its status says twice.

    Of its addresses that is a list with no other than the one that is said before, and of its conditions the steps on
    the way to Ready that it has passed.
    """
    trim_pod_volumes(row.spec)
    status = row.status
    if all(address.ip == status.pod_ip for address in status.pod_ips or ()):
        force_setattr(status, "pod_ips", None)
    if status.conditions:
        telling = [one for one in status.conditions if one.status != "True" or one.type not in PASSED_STEPS]
        force_setattr(status, "conditions", telling)


def trim_pod_volumes(spec: PodSpec) -> None:
    """Take away what no rule reads of the parameters of the volumes of a Pod, or of a template of Pods."""
    volumes: Iterable[Volume] = spec.volumes or ()
    for volume in volumes:
        if volume.csi:
            trim_parameters(volume.csi.volume_attributes)
        if volume.flex:
            trim_parameters(volume.flex.options)


def trim_event(row: Event) -> None:
    """Take away the event's own UID: no other object refers to it."""
    force_setattr(row.metadata, "uid", "")


TRIM_ROW: dict[type[Any], Any] = {
    Event: trim_event,
    PersistentVolume: trim_volume,
    Pod: trim_pod,
    StorageClass: trim_class,
}
"""By type of row, what takes away more than annotations."""


def _suppress(text: str) -> str:
    """Return what is kept of the annotation: of one that is too long so much that it can be told to be."""
    return _USER_OF_URL.sub("", text)[: MOST_CHARACTERS + 1]


def _is_kept(name: str, value: str) -> bool:
    if name.endswith(ADDRESS_LISTS):
        return True  # under any domain: an Ingress controller may have a prefix of its own
    domain = name.partition("/")[0]
    is_known = any(domain == kept or domain.endswith(f".{kept}") for kept in KEPT_DOMAINS) or name.endswith("-snippet")
    return is_known and name != LAST_APPLIED and len(value) <= ANNOTATION_CHARACTERS


def _kept_of(statement: str) -> str:
    words = statement.split()
    if not words:
        return ""
    if words[0] in _WHOLE:
        return " ".join(words)
    return f"{words[0]} " if words[0] in _NAMED else ""


def _harmless(options: Iterable[str]) -> list[str]:
    return [option for option in options if not _SECRET_OPTION.search(option)]
