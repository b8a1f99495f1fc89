"""Findings on lists that refuse clients of an Ingress."""

from collections.abc import Sequence

from auditor.facts.ref import Ref
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.ingress_lists import AddressRules
from auditor.judge.api import Certainty, Evidence, Finding, Hop, Severity, Step, Text, broken, ok, step, t
from checks.network._client_view import Entrance, Seen

_KINDS = {"Ingress": "ingress", "ConfigMap": "configmap", "Service": "service"}


def _change(holder: Ref, text: Text) -> Step:
    if holder.kind not in _KINDS:
        return step(text)
    return step(text, "kubectl", "-n", holder.namespace, "edit", _KINDS[holder.kind], holder.name)


def _hops(entrance: Entrance | None) -> tuple[Hop, ...]:
    return (ok(entrance.service.ref, entrance.why),) if entrance else ()


def refuses_clients(
    holder: Ref,
    rules: AddressRules,
    refused: AddressSet,
    entrance: Entrance | None,
    affected: Sequence[Ref] = (),
    certainty: Certainty = Certainty.CONFIRMED,
) -> Finding:
    """Say that a list refuses configured clients."""
    return Finding(
        subject=holder,
        fault=rules.name,
        message=t(
            "{name} of {holder} refuses the clients {refused}, who get 403; it says {listed}",
            name=rules.name,
            holder=str(holder),
            refused=refused.cidrs,
            listed=list(rules.shown),
        ),
        certainty=certainty,
        remedy=(
            _change(
                holder,
                t(
                    "If these clients are to come in, let the list admit {refused}. It takes effect within seconds, "
                    "for everybody from there. If they are not, take them out of client_cidrs of the auditor.",
                    refused=refused.cidrs,
                ),
            ),
        ),
        trail=(*_hops(entrance), broken(holder, t("{name}: {listed}", name=rules.name, listed=list(rules.shown)))),
        evidence=_evidence(rules, refused, entrance),
        affected=tuple(affected),
    )


def refuses_everybody(
    holder: Ref,
    rules: AddressRules,
    refused: AddressSet,
    entrance: Entrance,
    affected: Sequence[Ref] = (),
    *,
    is_whole: bool = True,
) -> Finding:
    """Say that a list meets the addresses of nodes or of the load balancer, and not those of clients.

    ``is_whole`` tells whether it refuses all of these addresses.
    """
    told = (
        t("as externalTrafficPolicy is Cluster, nginx sees the addresses of nodes")
        if entrance.seen is Seen.NODE
        else t("as its listeners speak HTTP by themselves, nginx sees addresses of the load balancer")
    )
    cure = (
        t(
            "Set externalTrafficPolicy to Local. Then only nodes with a Pod of the controller take requests, and Pods "
            "on other nodes no longer reach the address of the load balancer (network/lb-unreachable-inside-cluster)."
        )
        if entrance.seen is Seen.NODE
        else t(
            "Let nginx believe the load balancer: set use-forwarded-headers to true in the ConfigMap of the "
            "controller, and proxy-real-ip-cidr to 100.64.0.0/10, or anybody may pretend another address."
        )
    )
    service = entrance.service
    policy = '{"spec":{"externalTrafficPolicy":"Local"}}'
    patch = ("kubectl", "-n", service.namespace, "patch", "service", service.name, "-p", policy)
    return Finding(
        subject=holder,
        fault=rules.name,
        message=t(
            "{name} of {holder} refuses everybody who comes in through Service {service}: {told}, while it says "
            "{listed}",
            name=rules.name,
            holder=str(holder),
            service=service.key,
            told=told,
            listed=list(rules.shown),
        )
        if is_whole
        else t(
            "{name} of {holder} refuses every client that comes in through Service {service} by way of {refused}: "
            "{told}, while it says {listed}",
            name=rules.name,
            holder=str(holder),
            service=service.key,
            refused=refused.cidrs,
            told=told,
            listed=list(rules.shown),
        ),
        remedy=(
            step(
                t("Confirm: the access log shows which address nginx sees, with status 403"),
                *("kubectl", "-n", service.namespace, "logs", "-l", _labels(service.spec.selector), "--tail=20"),
            ),
            step(cure, *(patch if entrance.seen is Seen.NODE else ())),
        ),
        trail=(
            broken(service.ref, entrance.why),
            broken(holder, t("{name}: {listed}", name=rules.name, listed=list(rules.shown))),
        ),
        evidence=_evidence(rules, refused, entrance),
        affected=tuple(affected),
    )


def _labels(selector: dict[str, str] | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((selector or {}).items()))


def restricted(holder: Ref, rules: AddressRules, entrance: Entrance | None, affected: Sequence[Ref] = ()) -> Finding:
    """Note that a list refuses somebody, where nobody said who must come in."""
    return Finding(
        subject=holder,
        fault=rules.name,
        severity=Severity.INFO,
        message=t(
            "{name} of {holder} does not admit everybody: {listed}",
            name=rules.name,
            holder=str(holder),
            listed=list(rules.shown),
        ),
        remedy=(
            step(
                t(
                    "Nothing, if it is meant. Name the clients in client_cidrs of the auditor, and it is checked "
                    "whether they come in"
                )
            ),
        ),
        trail=(*_hops(entrance), ok(holder, t("{name}: {listed}", name=rules.name, listed=list(rules.shown)))),
        evidence=_evidence(rules, AddressSet(), entrance),
        affected=tuple(affected),
    )


def without_effect(holder: Ref, rules: AddressRules) -> Finding:
    """Note that a snippet with a list is left out by the controller."""
    return Finding(
        subject=holder,
        fault=rules.name,
        severity=Severity.INFO,
        certainty=Certainty.AT_RISK,
        message=t(
            "{name} of {holder} would refuse clients ({listed}), but the controller takes no snippets: "
            "allow-snippet-annotations is not true",
            name=rules.name,
            holder=str(holder),
            listed=list(rules.shown),
        ),
        remedy=(_change(holder, t("Use the annotation allowlist-source-range instead: it has an effect")),),
        trail=(ok(holder, t("{name}: {listed}", name=rules.name, listed=list(rules.shown))),),
        evidence=_evidence(rules, AddressSet(), None),
    )


def _evidence(rules: AddressRules, refused: AddressSet, entrance: Entrance | None) -> dict[str, Evidence]:
    evidence: dict[str, Evidence] = {"list": rules.name, "entries": list(rules.shown)}
    if refused:
        evidence["refused"] = refused.cidrs[:50]
    if entrance:
        evidence |= {"service": entrance.service.key, "address_seen": str(entrance.seen)}
    return evidence
