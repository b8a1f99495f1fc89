"""Short makers of rows for the tests of checks. Kubernetes rows are made from the JSON that an API server sends."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from auditor.facts.cloud.ecs import Disk, Instance
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.services import EndpointSlice, Service
from auditor.facts.kubernetes.volumes import (
    DISK_CSI_DRIVER,
    NAS_CSI_DRIVER,
    PersistentVolume,
    PersistentVolumeClaim,
)

REGION = "cn-hangzhou"
VPC = "vpc-1"

Json = dict[str, Any]


def zone(letter: str) -> str:
    """Return the full name of a zone."""
    return f"{REGION}-{letter}"


def meta(name: str, namespace: str = "", **more: Any) -> Json:
    """Make metadata."""
    return {"name": name, **({"namespace": namespace} if namespace else {}), **more}


def node(name: str, letter: str = "h", *, ip: str = "192.168.0.11", ready: bool = True, **more: Any) -> Node:
    """Make a node on the ECS instance ``i-<name>``. ``more`` are further keys of its spec."""
    data = {
        "metadata": meta(name, labels={"topology.kubernetes.io/zone": zone(letter), **more.pop("labels", {})}),
        "spec": {"providerID": f"{REGION}.i-{name}", **more},
        "status": {
            "addresses": [{"type": "InternalIP", "address": ip}],
            "conditions": [{"type": "Ready", "status": "True" if ready else "Unknown"}],
            "allocatable": {"cpu": "4", "memory": "16Gi", "pods": "110"},
        },
    }
    return msgspec.convert(data, Node)


def instance(name: str, letter: str = "h", **more: Any) -> Instance:
    """Make the ECS instance ``i-<name>``."""
    given: Json = {
        "status": "Running",
        "zone": zone(letter),
        "type": "ecs.g7.xlarge",
        "charge_type": "PostPaid",
        "vpc_id": VPC,
        "vswitch_id": f"vsw-{letter}",
        "private_ips": ["192.168.0.11"],
        "security_group_ids": ["sg-1"],
        "lock_reasons": [],
        **more,
    }
    return Instance(id=f"i-{name}", **given)


def disk(id: str, letter: str = "h", **more: Any) -> Disk:  # noqa: A002
    """Make a portable pay-as-you-go data disk."""
    given: Json = {
        "zone": zone(letter),
        "region": REGION,
        "status": "Available",
        "type": "data",
        "category": "cloud_essd",
        "charge_type": "PostPaid",
        "portable": True,
        "multi_attach": False,
        **more,
    }
    return Disk(id=id, **given)


def disk_volume(name: str, handle: str, claim: str = "", letter: str | None = "h", **more: Any) -> PersistentVolume:
    """Make a CSI disk volume bound to ``namespace/claim``, with zone affinity unless ``letter`` is None."""
    spec: Json = {"csi": {"driver": DISK_CSI_DRIVER, "volumeHandle": handle}, "accessModes": ["ReadWriteOnce"]}
    if letter:
        spec["nodeAffinity"] = {
            "required": {
                "nodeSelectorTerms": [
                    {
                        "matchExpressions": [
                            {
                                "key": "topology.diskplugin.csi.alibabacloud.com/zone",
                                "operator": "In",
                                "values": [zone(letter)],
                            }
                        ]
                    }
                ]
            }
        }
    return _volume(name, claim, spec | more)


def nas_volume(name: str, server: str, claim: str = "", **more: Any) -> PersistentVolume:
    """Make a CSI NAS volume bound to ``namespace/claim``."""
    spec: Json = {
        "csi": {"driver": NAS_CSI_DRIVER, "volumeHandle": name, "volumeAttributes": {"server": server, "path": "/"}},
        "accessModes": ["ReadWriteMany"],
    }
    return _volume(name, claim, spec | more)


def _volume(name: str, claim: str, spec: Json) -> PersistentVolume:
    if claim:
        namespace, _, claim_name = claim.partition("/")
        spec["claimRef"] = {"namespace": namespace, "name": claim_name}
    data = {"metadata": meta(name), "spec": spec, "status": {"phase": "Bound" if claim else "Available"}}
    return msgspec.convert(data, PersistentVolume)


def volume_claim(key: str, volume: str = "", **more: Any) -> PersistentVolumeClaim:
    """Make a claim ``namespace/name``, bound to a volume if one is given."""
    namespace, _, name = key.partition("/")
    data = {
        "metadata": meta(name, namespace),
        "spec": {"volumeName": volume, **more},
        "status": {"phase": "Bound" if volume else "Pending"},
    }
    return msgspec.convert(data, PersistentVolumeClaim)


def pod(
    key: str,
    node_name: str = "",
    *,
    claims: Sequence[str] = (),
    phase: str = "",
    ready: bool | None = None,
    labels: Mapping[str, str] | None = None,
    spec: Mapping[str, Any] | None = None,
    status: Mapping[str, Any] | None = None,
    **more: Any,
) -> Pod:
    """Make a Pod ``namespace/name``; running and ready if it has a node, else pending. ``more`` is metadata."""
    namespace, _, name = key.partition("/")
    phase = phase or ("Running" if node_name else "Pending")
    ready = phase == "Running" if ready is None else ready
    data = {
        "metadata": meta(name, namespace, labels=dict(labels or {}), **more),
        "spec": {
            "nodeName": node_name,
            "containers": [{"name": "main", "image": "example.com/app:1"}],
            "volumes": [
                {"name": f"v{i}", "persistentVolumeClaim": {"claimName": claim}} for i, claim in enumerate(claims)
            ],
            **(spec or {}),
        },
        "status": {
            "phase": phase,
            "conditions": [
                {"type": "PodScheduled", "status": "True" if node_name else "False"},
                {"type": "Ready", "status": "True" if ready else "False"},
            ],
            **(status or {}),
        },
    }
    return msgspec.convert(data, Pod)


def service(key: str, **more: Any) -> Service:
    """Make a Service ``namespace/name``. ``more``: keys of its spec; ``ingress``, ``labels``, ``annotations``, …"""
    namespace, _, name = key.partition("/")
    metadata = {
        part: more.pop(part)
        for part in ("labels", "annotations", "uid", "finalizers", "creationTimestamp", "deletionTimestamp")
        if part in more
    }
    ingress = more.pop("ingress", None)
    data = {
        "metadata": meta(name, namespace, **metadata),
        "spec": {"ports": [{"port": 80, "targetPort": 8080, "protocol": "TCP", "nodePort": 30080}], **more},
        "status": {"loadBalancer": {"ingress": ingress} if ingress else {}},
    }
    return msgspec.convert(data, Service)


def endpoint_slice(service_key: str, endpoints: Sequence[Mapping[str, Any]], **more: Any) -> EndpointSlice:
    """Make the managed slice of a Service. An endpoint: ``{"addresses": [...], "nodeName": ..., ...}``."""
    namespace, _, name = service_key.partition("/")
    data = {
        "metadata": meta(
            f"{name}-x1",
            namespace,
            labels={
                "kubernetes.io/service-name": name,
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            },
        ),
        "addressType": "IPv4",
        "endpoints": [{"conditions": {"ready": True}, **endpoint} for endpoint in endpoints],
        "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
        **more,
    }
    return msgspec.convert(data, EndpointSlice)
