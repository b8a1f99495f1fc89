"""Ingresses on ALB: their AlbConfig, its listeners, and what the controller says of them."""

from collections.abc import Iterator

from auditor.facts.joins.ingress_controllers import Serving
from auditor.facts.joins.object_events import ObjectEvents
from auditor.facts.kubernetes.ingresses import AlbConfig, Ingress
from auditor.facts.ref import Ref
from auditor.facts.rules.ingress_values import ALB_PREFIX, listen_ports
from auditor.facts.table import NotKnown, Table
from auditor.judge.api import Certainty, Finding, broken, kubernetes_ref, ok, step, t
from checks.network._ingress_class import edit

_REFUSALS = ("FailedBuildModel", "FailedDeployModel")
"""The events by which the controller says so."""


def alb_config_missing(ingress: Ingress, serving: Serving, name: str) -> Finding:
    """Say that the class of an Ingress on ALB leads to no AlbConfig."""
    row: Ref = serving.row.ref if serving.row else kubernetes_ref("IngressClass", serving.class_name)
    message = (
        t(
            "Ingress {ingress} is of class {class_name}, whose AlbConfig {name} does not exist: no ALB serves it",
            ingress=ingress.key,
            class_name=serving.class_name,
            name=name,
        )
        if name
        else t(
            "Ingress {ingress} is of class {class_name}, which names no AlbConfig: no ALB serves it",
            ingress=ingress.key,
            class_name=serving.class_name,
        )
    )
    hops = (ok(row, t("parameters {name}", name=name)), broken(kubernetes_ref("AlbConfig", name), t("does not exist")))
    return Finding(
        subject=ingress.ref,
        fault="alb-config-missing",
        message=message,
        certainty=Certainty.CONFIRMED if name else Certainty.LIKELY,
        remedy=(
            step(t("See which AlbConfigs there are"), "kubectl", "get", "albconfigs"),
            step(
                t("Name one of them in the parameters of the class (they can't be changed: make the class anew)"),
                *("kubectl", "get", "ingressclass", row.name, "-o", "yaml"),
            ),
        ),
        trail=(ok(ingress.ref), *(hops if name else (broken(row, t("no parameters")),))),
        evidence={"class": serving.class_name, "alb_config": name},
    )


def listener_missing(ingress: Ingress, config: AlbConfig, protocol: str, port: int) -> Finding:
    """Say that the ALB has no listener on a port that an Ingress wants."""
    listeners = [f"{row.protocol}:{row.port}" for row in config.spec.listeners or ()]
    return Finding(
        subject=ingress.ref,
        fault=f"listener-missing/{port}",
        message=t(
            "Ingress {ingress} wants {protocol} on port {port}, on which AlbConfig {config} has no listener; it has "
            "{listeners}",
            ingress=ingress.key,
            protocol=protocol,
            port=port,
            config=config.name,
            listeners=listeners or ["-"],
        ),
        remedy=(
            step(t("See the listeners of the AlbConfig"), "kubectl", "get", "albconfig", config.name, "-o", "yaml"),
            step(
                t(
                    "Add the listener. Edit the whole object: applying a shorter one deletes the listeners that it "
                    "leaves out."
                ),
                *("kubectl", "edit", "albconfig", config.name),
            ),
        ),
        trail=(
            ok(ingress.ref, t("{protocol} on port {port}", protocol=protocol, port=port)),
            broken(config.ref, t("listeners {listeners}", listeners=listeners or ["-"])),
        ),
        evidence={"wanted": f"{protocol}:{port}", "listeners": listeners},
    )


def refused_by_alb(ingress: Ingress, reason: str, message: str) -> Finding:
    """Say that the ALB Ingress controller could not build what an Ingress asks for, by its event."""
    return Finding(
        subject=ingress.ref,
        fault="alb-refused",
        message=t(
            "the ALB Ingress controller can't build Ingress {ingress}: {reason}: {message}",
            ingress=ingress.key,
            reason=reason,
            message=message,
        ),
        certainty=Certainty.LIKELY,
        why=t(
            "All Ingresses of one ALB are built together: while one can't be built, changes of the others wait as well."
        ),
        remedy=(
            step(
                t("See whether it is still said"),
                *("kubectl", "-n", ingress.namespace, "describe", "ingress", ingress.name),
            ),
            edit(ingress, t("Correct what the message names")),
        ),
        trail=(broken(ingress.ref, t("{reason}: {message}", reason=reason, message=message)),),
        evidence={"reason": reason, "event": message},
    )


def config_findings(
    ingress: Ingress, serving: Serving, alb_configs: Table[AlbConfig], object_events: ObjectEvents
) -> Iterator[Finding]:
    """Yield what is wrong with the AlbConfig of an Ingress, or its listeners. Raises NotKnown."""
    found = False
    parameters = serving.row.spec.parameters if serving.row else None
    if serving.row is not None and parameters is None:
        yield alb_config_missing(ingress, serving, "")
        found = True
    elif parameters is not None and parameters.kind == "AlbConfig":
        configs = alb_configs.where("name", lambda row: row.name, parameters.name)
        if not configs:
            yield alb_config_missing(ingress, serving, parameters.name)
            found = True
        for config in configs[:1]:
            for protocol, port in _missing_listeners(ingress, config):
                yield listener_missing(ingress, config, protocol, port)
                found = True
    event = object_events.saying(ingress.ref, reasons=_REFUSALS)
    if event is not None and not found:
        yield refused_by_alb(ingress, event.reason, event.message)
    if object_events.reasons and not found:
        raise NotKnown(*object_events.reasons)


def _missing_listeners(ingress: Ingress, config: AlbConfig) -> Iterator[tuple[str, int]]:
    own = {str(row.port) for row in config.spec.listeners or ()}
    yield from (pair for pair in _wanted_listeners(ingress) if str(pair[1]) not in own)


def _wanted_listeners(ingress: Ingress) -> list[tuple[str, int]]:
    """Return the listeners that an Ingress wants: by its annotation, else HTTPS for hosts with TLS, else HTTP."""
    text = ingress.annotations.get(f"{ALB_PREFIX}/listen-ports")
    if text is not None:
        return listen_ports(text) or []
    is_secured = any(host for entry in ingress.spec.tls or () for host in entry.hosts or ())
    return [("HTTPS", 443)] if is_secured else [("HTTP", 80)]
