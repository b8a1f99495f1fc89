"""What the scenarios about Ingresses plant, in the words of the two APIs."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.scenarios.kit import Report, Scene

Json = dict[str, Any]
Plant = Callable[[Scene], object]

INGRESSES = "/apis/networking.k8s.io/v1/ingresses"
CLASSES = "/apis/networking.k8s.io/v1/ingressclasses"
ALB_CONFIGS = "/apis/alibabacloud.com/v1/albconfigs"
SERVICES = "/api/v1/services"
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
DEPLOYMENTS = "/apis/apps/v1/deployments"
DAEMONSETS = "/apis/apps/v1/daemonsets"
PODS = "/api/v1/pods"
CONFIG_MAPS = "/api/v1/configmaps"
SECRETS = "/api/v1/secrets"
NGINX = "nginx.ingress.kubernetes.io/"
SYSTEM = "kube-system"
CONTROLLER = "nginx-ingress-controller"
ENTRANCE = "nginx-ingress-lb"
ADDRESS = "203.0.113.10"
HOST = "shop.example.com"


def audited(check: str, *plants: Plant, clients: tuple[str, ...] = (), secrets: bool = True) -> Report:
    """Return the report on a cluster in which all that a check may want is switched on."""
    return looked_at(scene(*plants, clients=clients, secrets=secrets), check)


def scene(*plants: Plant, clients: tuple[str, ...] = (), secrets: bool = True) -> Scene:
    made = Scene(probes=("component-logs",), secret_metadata=secrets, client_cidrs=clients)
    for plant in plants:
        plant(made)
    return made


def looked_at(made: Scene, check: str) -> Report:
    return made.audit(check)


def patch(path: str, name: str, change: Callable[[Json], object], namespace: str) -> Plant:
    return lambda made: made.kubernetes.patch(path, name, change, namespace)


def on_shop(change: Callable[[Json], object]) -> Plant:
    """Change the Ingress ``shop/storefront``."""
    return patch(INGRESSES, "storefront", change, "shop")


def annotate(**annotations: str) -> Plant:
    """Annotate ``shop/storefront`` for ingress-nginx; underscores stand for dashes."""
    named = {NGINX + name.replace("_", "-"): value for name, value in annotations.items()}
    return on_shop(lambda row: row["metadata"].setdefault("annotations", {}).update(named))


def of_class(name: str | None, annotation: str = "") -> Plant:
    """Let ``shop/storefront`` be of a class, by its field or by the annotation of old."""

    def change(row: Json) -> None:
        row["spec"].pop("ingressClassName", None)
        if name:
            row["spec"]["ingressClassName"] = name
        if annotation:
            row["metadata"].setdefault("annotations", {})["kubernetes.io/ingress.class"] = annotation

    return on_shop(change)


def first_path(change: Callable[[Json], object]) -> Plant:
    return on_shop(lambda row: change(row["spec"]["rules"][0]["http"]["paths"][0]))


def to(service: str, **port: int | str) -> Plant:
    """Let the first path of ``shop/storefront`` lead to another Service or port."""
    return first_path(lambda path: path["backend"].update(service={"name": service, "port": port}))


def add_ingress(name: str, namespace: str = "shop", *, made: str = "2026-11-22T23:00:00Z", **fields: Any) -> Plant:
    """Add an Ingress of ``shop.example.com/`` that leads to Service ``catalog``, made after all others."""
    annotations = fields.pop("annotations", {})
    backend = {"service": {"name": fields.pop("service", "catalog"), "port": {"number": fields.pop("port", 8080)}}}
    path = {"path": fields.pop("path", "/"), "pathType": fields.pop("path_type", "Prefix"), "backend": backend}
    spec: Json = {
        "ingressClassName": fields.pop("class_name", "nginx"),
        "rules": [{"host": fields.pop("host", HOST), "http": {"paths": [path]}}],
        **fields,
    }
    metadata = {"name": name, "namespace": namespace, "creationTimestamp": made, "annotations": annotations}
    return lambda scene: scene.kubernetes.add(
        INGRESSES, {"metadata": metadata, "spec": spec, "status": {"loadBalancer": {}}}
    )


def add_class(name: str, controller: str, *, default: bool = False, parameters: Json | None = None) -> Plant:
    annotations = {"ingressclass.kubernetes.io/is-default-class": "true"} if default else {}
    spec = {"controller": controller, **({"parameters": parameters} if parameters else {})}
    row = {"metadata": {"name": name, "annotations": annotations}, "spec": spec}
    return lambda made: made.kubernetes.add(CLASSES, row)


def add_workload(name: str, namespace: str, image: str, *args: str) -> Plant:
    """Add a Deployment of somebody else."""
    labels = {"app.kubernetes.io/name": name}
    container = {"name": name, "image": image, "args": list(args)}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    row = {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        "status": {"replicas": 1, "readyReplicas": 1},
    }
    return lambda made: made.kubernetes.add(DEPLOYMENTS, row)


def flags(*words: str, without: str = "-") -> Plant:
    """Give the controller further flags, and take those away that begin with ``without``."""

    def change(row: Json) -> None:
        container = row["spec"]["template"]["spec"]["containers"][0]
        container["args"] = [word for word in container["args"] if not word.startswith(without)] + list(words)

    return patch(DEPLOYMENTS, CONTROLLER, change, SYSTEM)


def no_controller(made: Scene) -> None:
    """Take ingress-nginx away, and its Pods with it."""
    made.kubernetes.remove(DEPLOYMENTS, CONTROLLER, SYSTEM)
    for name in controller_pods(made):
        made.kubernetes.remove(PODS, name, SYSTEM)


def controller_pods(made: Scene) -> list[str]:
    names = [pod["metadata"]["name"] for pod in made.kubernetes.objects.all(PODS)]
    return [name for name in names if name.startswith(f"{CONTROLLER}-")]


def settings(**data: str) -> Plant:
    """Set keys of the controller's ConfigMap; underscores stand for dashes."""
    named = {key.replace("_", "-"): value for key, value in data.items()}
    return patch(CONFIG_MAPS, "nginx-configuration", lambda row: row["data"].update(named), SYSTEM)


def entrance(**spec: Any) -> Plant:
    """Change the controller's Service."""
    return patch(SERVICES, ENTRANCE, lambda row: row["spec"].update(spec), SYSTEM)


def local(made: Scene) -> None:
    """Set externalTrafficPolicy of the controller's Service to Local, as ACK does by default."""
    entrance(externalTrafficPolicy="Local")(made)


def entrance_settings(settings: Mapping[str, str]) -> Plant:
    """Annotate the controller's Service."""
    return patch(SERVICES, ENTRANCE, lambda row: row["metadata"]["annotations"].update(settings), SYSTEM)


def port_of(service: str, **fields: Any) -> Plant:
    """Change the first port of a Service of ``shop``, and its slices' port of the same name."""

    def plant(made: Scene) -> None:
        made.kubernetes.patch(SERVICES, service, lambda row: row["spec"]["ports"][0].update(fields), "shop")
        for piece in made.kubernetes.objects.all(SLICES):
            labels = piece["metadata"].get("labels", {})
            if labels.get("kubernetes.io/service-name") == service and "name" in fields:
                piece["ports"][0]["name"] = fields["name"]

    return plant


def log(line: str) -> Plant:
    """Let the controller's first Pod write a line."""

    def plant(made: Scene) -> None:
        name = min(controller_pods(made))
        made.kubernetes.logs[f"{SYSTEM}/{name}/{CONTROLLER}"] = f"I1122 all is well\n{line}\nI1122 go on\n"

    return plant


def on_alb(*listeners: Json, **ingress: Any) -> Plant:
    """Let there be the ALB Ingress controller, its class and AlbConfig, and an Ingress ``shop/web`` on it."""
    parameters = {"apiGroup": "alibabacloud.com", "kind": "AlbConfig", "name": "alb"}

    def plant(made: Scene) -> None:
        cs = made.cloud.state.cs
        cs.addons[cs.cluster_id]["alb-ingress-controller"] = {
            "name": "alb-ingress-controller",
            "state": "active",
            "version": "v2.19.0-aliyun.1",
            "config": json.dumps({}),
        }
        add_class("alb", "ingress.k8s.alibabacloud/alb", parameters=parameters)(made)
        config = {"metadata": {"name": "alb"}, "spec": {"config": {}, "listeners": list(listeners)}}
        config["status"] = {"loadBalancer": {"id": "alb-own", "dnsname": "alb-own.cn-hangzhou.alb.aliyuncs.com"}}
        made.kubernetes.objects.declare(ALB_CONFIGS, "AlbConfig", "alibabacloud.com/v1")
        made.kubernetes.add(ALB_CONFIGS, config)
        fields = {"host": "alb.example.com", "service": "storefront", "port": 80, **ingress}
        add_ingress("web", class_name="alb", **fields)(made)

    return plant
