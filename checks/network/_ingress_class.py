"""Findings on the class of an Ingress, and on the controller that should serve it."""

from datetime import datetime, timedelta

from auditor.facts.joins.ingress_controllers import (
    ALB_CONTROLLER,
    CLASS_ANNOTATION,
    IngressControllers,
    Serving,
    Unserved,
)
from auditor.facts.kubernetes.ingresses import Ingress
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.rules.ingress_nginx import NginxController
from auditor.facts.rules.pod_readiness import why_not_ready
from auditor.judge.api import Certainty, Evidence, Finding, Hop, Step, Text, broken, kubernetes_ref, ok, step, t

STARTING = timedelta(minutes=2)
"""How long Pods may take to start before their absence is a fault."""


def edit(ingress: Ingress, text: Text) -> Step:
    """Make the step that changes an Ingress."""
    return step(text, "kubectl", "-n", ingress.namespace, "edit", "ingress", ingress.name)


def unserved(ingress: Ingress, serving: Serving, controllers: IngressControllers) -> Finding:
    """Say that nobody serves an Ingress."""
    classes = controllers.class_names()
    evidence: dict[str, Evidence] = {
        "ingress_class_name": ingress.spec.ingress_class_name or "",
        "class_annotation": ingress.annotations.get(CLASS_ANNOTATION, ""),
        "classes": classes,
        "controller": serving.row.spec.controller if serving.row else "",
    }
    certainty = Certainty.CONFIRMED if serving.is_sure else Certainty.LIKELY
    return Finding(
        subject=ingress.ref,
        fault="class-unserved",
        message=_message(ingress, serving, classes),
        certainty=certainty,
        why=t(
            "A controller leaves alone every Ingress that is not of its class, and says nothing: the hosts of the "
            "Ingress answer 404, or not at all."
        ),
        remedy=_remedy(ingress, serving, classes),
        trail=_trail(ingress, serving),
        evidence=evidence,
    )


def _message(ingress: Ingress, serving: Serving, classes: list[str]) -> Text:
    name, shown = serving.class_name, classes or ["-"]
    match serving.why:
        case Unserved.NO_CLASS:
            return t(
                "Ingress {ingress} names no class, no class is the default one, and no controller serves Ingresses "
                "without a class; there are the classes {classes}",
                ingress=ingress.key,
                classes=shown,
            )
        case Unserved.CLASS_MISSING:
            return t(
                "Ingress {ingress} is of class {class_name}, which does not exist; there are the classes {classes}",
                ingress=ingress.key,
                class_name=name,
                classes=shown,
            )
        case Unserved.ANNOTATION_NOT_SERVED:
            return t(
                "Ingress {ingress} names its class {class_name} by the annotation of old, by which no controller "
                "serves it: the controller of this class looks for it in spec.ingressClassName",
                ingress=ingress.key,
                class_name=name,
            )
        case Unserved.NAMESPACE_NOT_WATCHED:
            return t(
                "Ingress {ingress} lies in a namespace that the controllers of class {class_name} do not look at: "
                "{controllers}",
                ingress=ingress.key,
                class_name=name or "-",
                controllers=[one.workload.key for one in serving.controllers],
            )
        case _:
            return t(
                "Ingress {ingress} is of class {class_name}, whose controller {controller} does not run in this "
                "cluster",
                ingress=ingress.key,
                class_name=name,
                controller=serving.row.spec.controller if serving.row else name,
            )


def _trail(ingress: Ingress, serving: Serving) -> tuple[Hop, ...]:
    told = t("class {class_name}", class_name=serving.class_name or "-")
    if serving.why is Unserved.CLASS_MISSING:
        missing = kubernetes_ref("IngressClass", serving.class_name)
        return (ok(ingress.ref, told), broken(missing, t("does not exist")))
    if serving.why is Unserved.CONTROLLER_MISSING:
        row = serving.row.ref if serving.row else kubernetes_ref("IngressClass", serving.class_name)
        name = serving.row.spec.controller if serving.row else serving.class_name
        return (ok(ingress.ref, told), broken(row, t("no controller {controller} runs", controller=name)))
    if serving.why is Unserved.NAMESPACE_NOT_WATCHED:
        hops = (broken(one.workload.ref, t("looks at another namespace")) for one in serving.controllers)
        return (ok(ingress.ref, told), *hops)
    return (broken(ingress.ref, told), *((ok(serving.row.ref),) if serving.row else ()))


def _remedy(ingress: Ingress, serving: Serving, classes: list[str]) -> tuple[Step, ...]:
    show = step(
        t("See which classes there are, and by which controllers they are served"), "kubectl", "get", "ingressclasses"
    )
    if serving.why is Unserved.CONTROLLER_MISSING:
        component = "ALB Ingress Controller" if _is_alb(serving) else "Nginx Ingress Controller"
        return (
            show,
            step(
                t(
                    "Install the controller ({component} and others: ACK console, Operations > Add-ons), or name a "
                    "class that is served. From then on requests for these hosts reach the Pods.",
                    component=component,
                )
            ),
            edit(ingress, t("Name another class in spec.ingressClassName")),
        )
    wanted = classes[0] if len(classes) == 1 else "<class>"
    return (
        show,
        step(
            t(
                "Name a class that is served. From then on requests for the hosts of the Ingress reach the Pods behind "
                "it; if another Ingress has the same host and path, the older one keeps it."
            ),
            *("kubectl", "-n", ingress.namespace, "patch", "ingress", ingress.name, "--type=merge"),
            *("-p", f'{{"spec":{{"ingressClassName":"{wanted}"}}}}'),
        ),
    )


def _is_alb(serving: Serving) -> bool:
    return serving.class_name == "alb" or (serving.row is not None and serving.row.spec.controller == ALB_CONTROLLER)


def is_starting(pods: list[Pod], observed_at: datetime) -> bool:
    """Tell whether all Pods of a controller were made just now."""
    made = [pod.metadata.creation_timestamp for pod in pods]
    return bool(made) and all(time is not None and observed_at - time <= STARTING for time in made)


def down(ingress: Ingress, controller: NginxController, pods: list[Pod], services: list[str]) -> Finding:
    """Say that the controller of an Ingress is installed, but has no ready Pod."""
    workload = controller.workload
    return Finding(
        subject=ingress.ref,
        fault="controller-down",
        message=t(
            "Ingress {ingress} is served by nobody: {workload} has no ready Pod ({number} Pods)",
            ingress=ingress.key,
            workload=str(workload.ref),
            number=len(pods),
        ),
        why=t(
            "All Ingresses of the controller are down together. What keeps its Pods from being ready stands under "
            "service/endpoints-empty, where the Service before it is the subject: {services}.",
            services=services or ["-"],
        ),
        remedy=(
            step(
                t("See the Pods of the controller"),
                *("kubectl", "-n", workload.namespace, "describe", workload.KIND.lower(), workload.name),
            ),
            step(
                t("If it was scaled down, scale it up again; this starts Pods on nodes with room for them"),
                *(
                    "kubectl",
                    "-n",
                    workload.namespace,
                    "scale",
                    f"{workload.KIND.lower()}/{workload.name}",
                    "--replicas=2",
                ),
            )
            if workload.KIND == "Deployment"
            else step(
                t("See which nodes the Pods may run on"),
                *("kubectl", "-n", workload.namespace, "get", "pods", "-o", "wide"),
            ),
        ),
        trail=(
            ok(ingress.ref, t("class {class_name}", class_name=ingress.class_name or "-")),
            broken(workload.ref, t("no ready Pod")),
            *(broken(pod.ref, why_not_ready(pod)) for pod in pods[:3]),
        ),
        evidence={"pods": {pod.name: str(why_not_ready(pod)) for pod in pods[:20]}, "replicas": _wanted(controller)},
    )


def _wanted(controller: NginxController) -> int:
    workload = controller.workload
    if workload.KIND == "Deployment":
        return 1 if workload.spec.replicas is None else workload.spec.replicas
    number: int = getattr(workload.status, "desired_number_scheduled", 0)
    return number
