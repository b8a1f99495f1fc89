"""Rows around an Ingress, for the tests of the checks on Ingresses: controllers, classes, Services."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from auditor.facts.cloud.cs import Cluster
from auditor.facts.kubernetes.coordination import ConfigMap
from auditor.facts.kubernetes.ingresses import AlbConfig, Ingress, IngressClass
from auditor.facts.kubernetes.secrets import SecretName
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment
from auditor.facts.landscape import ClusterIdentity, Landscape
from tests.checks import kit, make

Json = dict[str, Any]
NGINX = "nginx.ingress.kubernetes.io"
IMAGE = "registry-cn-hangzhou-vpc.ack.aliyuncs.com/acs/aliyun-ingress-controller:v1.13.3-aliyun.1"
FLAGS = (
    "--controller-class=k8s.io/ingress-nginx",
    "--ingress-class=nginx",
    "--configmap=$(POD_NAMESPACE)/nginx-configuration",
)
LABELS = {"app": "ingress-nginx"}
CONFIG = "kube-system/nginx-configuration"
ENTRANCE = "kube-system/nginx-ingress-lb"


def backend(service: str = "web", port: int | str = 80) -> Json:
    return {"service": {"name": service, "port": {"name": port} if isinstance(port, str) else {"number": port}}}


def path(text: str = "/", service: str = "web", port: int | str = 80, kind: str = "Prefix") -> Json:
    return {"path": text, "pathType": kind, "backend": backend(service, port)}


def ingress(
    key: str = "shop/web",
    *paths: Json,
    class_name: str | None = "nginx",
    host: str = "shop.example.com",
    tls: Sequence[str] = (),
    annotations: Mapping[str, str] | None = None,
    published: str = "",
    made: str = "2026-11-01T08:00:00Z",
    **spec: Any,
) -> Ingress:
    """Make an Ingress; annotations without a slash are those of ingress-nginx."""
    namespace, _, name = key.partition("/")
    named = {(f"{NGINX}/{k}" if "/" not in k else k): v for k, v in (annotations or {}).items()}
    data: Json = {
        "metadata": make.meta(name, namespace, annotations=named, creationTimestamp=made),
        "spec": {
            **({"ingressClassName": class_name} if class_name else {}),
            "rules": [{"host": host, "http": {"paths": list(paths) or [path()]}}],
            "tls": [{"hosts": [host], "secretName": secret} for secret in tls],
            **spec,
        },
        "status": {"loadBalancer": {"ingress": [{"ip": published}]}} if published else {},
    }
    return msgspec.convert(data, Ingress)


def ingress_class(name: str = "nginx", controller: str = "k8s.io/ingress-nginx", **more: Any) -> IngressClass:
    annotations = {"ingressclass.kubernetes.io/is-default-class": "true"} if more.pop("default", False) else {}
    spec = {"controller": controller, **more}
    return msgspec.convert({"metadata": make.meta(name, annotations=annotations), "spec": spec}, IngressClass)


def workload(
    key: str = "kube-system/nginx-ingress-controller",
    *flags: str,
    image: str = IMAGE,
    kind: type[Any] = Deployment,
    labels: Mapping[str, str] | None = None,
    ports: Sequence[Json] = (),
) -> Any:
    """Make a workload that runs an Ingress controller."""
    namespace, _, name = key.partition("/")
    own = dict(labels or LABELS)
    container = {"name": "controller", "image": image, "args": list(flags or FLAGS), "ports": list(ports)}
    data = {
        "metadata": make.meta(name, namespace),
        "spec": {
            "selector": {"matchLabels": own},
            "template": {"metadata": {"labels": own}, "spec": {"containers": [container]}},
        },
        "status": {},
    }
    return msgspec.convert(data, kind)


def daemonset(key: str, *flags: str, **more: Any) -> DaemonSet:
    made: DaemonSet = workload(key, *flags, kind=DaemonSet, **more)
    return made


def controller_pod(name: str = "nginx-1", node: str = "n1", ip: str = "172.20.0.5", **more: Any) -> Any:
    """Make a ready Pod of the controller."""
    declared = {"http": 80, "https": 443, "webhook": 8443, "metrics": 10254}
    ports = more.pop("ports", [{"name": name, "containerPort": number} for name, number in declared.items()])
    container = {"name": "controller", "image": IMAGE, "ports": ports}
    spec = {"containers": [container], **more.pop("spec", {})}
    status = {"podIP": ip, "podIPs": [{"ip": ip}]}
    return make.pod(f"kube-system/{name}", node, labels=LABELS, spec=spec, status=status, **more)


def entrance(policy: str = "Local", **more: Any) -> Any:
    """Make the controller's Service of type LoadBalancer."""
    more.setdefault("ingress", [{"ip": "203.0.113.10"}])
    return make.service(
        ENTRANCE,
        type="LoadBalancer",
        externalTrafficPolicy=policy,
        selector=LABELS,
        ports=[{"name": "http", "port": 80, "targetPort": 80}, {"name": "https", "port": 443, "targetPort": 443}],
        **more,
    )


def web(key: str = "shop/web", **more: Any) -> Any:
    """Make a Service behind an Ingress."""
    return make.service(key, selector={"app": key.rpartition("/")[2]}, **more)


def served(key: str = "shop/web", **more: Any) -> Any:
    """Make the slice of a Service with one ready endpoint."""
    return make.endpoint_slice(key, [{"addresses": ["172.20.0.9"], "nodeName": "n1"}], **more)


def secret(key: str, type_: str | None = "kubernetes.io/tls") -> SecretName:
    namespace, _, name = key.partition("/")
    return msgspec.convert({"metadata": make.meta(name, namespace), "type": type_}, SecretName)


def alb_config(name: str = "alb", *listeners: tuple[str, int | str]) -> AlbConfig:
    spec = {"listeners": [{"protocol": protocol, "port": port} for protocol, port in listeners]}
    return msgspec.convert({"metadata": make.meta(name), "spec": spec}, AlbConfig)


def config_map(key: str = CONFIG, **data: str) -> ConfigMap:
    """Make a ConfigMap; underscores of keys stand for dashes."""
    namespace, _, name = key.partition("/")
    values = {key.replace("_", "-"): value for key, value in data.items()}
    return msgspec.convert({"metadata": make.meta(name, namespace), "data": values}, ConfigMap)


def cluster(**more: Any) -> Cluster:
    """Make the description of a Flannel cluster with IPVS."""
    given: Json = {
        "container_cidr": "172.20.0.0/16",
        "service_cidr": "172.21.0.0/20",
        "network": "flannel",
        "proxy_mode": "ipvs",
        **more,
    }
    return Cluster(id=kit.CLUSTER_ID, **given)


def landscape(*, clients: Sequence[str] = (), **tables: Any) -> Landscape:
    """Make a landscape in which ingress-nginx runs and serves class ``nginx``; tables that are given replace it."""
    given: dict[str, Any] = {
        "ingress_classes": [ingress_class()],
        "deployments": [workload()],
        "pods": [controller_pod()],
        "services": [entrance(), web()],
        "endpoint_slices": [served()],
        "config_maps": [config_map()],
        "clusters": [cluster()],
        "nodes": [make.node("n1", ip="192.168.0.11")],
        **tables,
    }
    base = kit.landscape(**given)
    identity = ClusterIdentity("test", kit.CLUSTER_ID, "cn-hangzhou", client_cidrs=list(clients))
    return Landscape(identity, base.observed_at, base.tables)
