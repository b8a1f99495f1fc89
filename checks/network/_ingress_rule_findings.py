"""Findings on the rules and annotations of an Ingress, and on what nginx makes of all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auditor.facts.joins.ingress_controllers import Kind
from auditor.facts.joins.ingress_paths import Rival
from auditor.facts.kubernetes.ingresses import Ingress
from auditor.facts.kubernetes.observations import ContainerLog, LogMatch
from auditor.facts.kubernetes.probes import IngressReload
from auditor.facts.ref import Ref
from auditor.facts.rules.ingress_values import BadValue, Effect
from auditor.judge.api import Certainty, Finding, Severity, broken, ok, step, t
from checks.network._ingress_backend_findings import get_of
from checks.network._ingress_class import edit


def claimed_twice(ingress: Ingress, rivals: Iterable[Rival], kind: Kind) -> Finding:
    """Say that another Ingress, or the same, has a host and path already."""
    found = list(rivals)
    places = [f"{rival.host}{rival.path}" for rival in found]
    others = {rival.ingress.ref: None for rival in found if rival.ingress.key != ingress.key}
    names = list(dict.fromkeys(rival.ingress.key for rival in found))
    rule = (
        t("On an ALB the rule that comes first by the annotation order, then by name, takes the requests.")
        if kind is Kind.ALB
        else t("The Nginx Ingress controller keeps the rule of the Ingress that was made first, and drops the other.")
    )
    return Finding(
        subject=ingress.ref,
        fault="claimed-twice",
        message=t(
            "the rules of Ingress {ingress} for {places} have no effect: {others} had them before",
            ingress=ingress.key,
            places=places,
            others=names,
        ),
        why=t("{rule} The backend, annotations and certificate of the other rule are not used.", rule=rule),
        remedy=(
            step(t("See both"), *get_of(found[0].ingress.namespace, "ingress", found[0].ingress.name, "-o", "yaml")),
            edit(
                ingress,
                t(
                    "Take the host and path out of one of the two. If a part of the requests is to go to the new "
                    "backend, mark its Ingress as a canary. Which backend answers may change at that moment."
                ),
            ),
        ),
        trail=(
            *(ok(other, t("has {places}", places=places)) for other in others),
            broken(ingress.ref, t("asks for the same again")),
        ),
        evidence={"places": places, "held_by": names},
        affected=tuple(others),
    )


def bad_value(ingress: Ingress, bad: BadValue) -> Finding:
    """Say that a value can't be used, and what comes of it."""
    effect = {
        Effect.REFUSES: t("all requests to the paths of the Ingress are answered 503"),
        Effect.IGNORED: t("it has no effect, and the default holds"),
        Effect.STOPS: t("the controller can't load it, and takes no further change of any Ingress"),
    }[bad.effect]
    return Finding(
        subject=ingress.ref,
        fault=f"value/{bad.place.rpartition('/')[2]}" + (f"/{bad.value}" if bad.place == "path" else ""),
        severity=Severity.MEDIUM if bad.effect is Effect.IGNORED else None,
        message=t(
            "Ingress {ingress}: {place} is {value}, but should be {expected}: {effect}",
            ingress=ingress.key,
            place=bad.place,
            value=bad.value,
            expected=bad.expected,
            effect=effect,
        ),
        certainty=Certainty.CONFIRMED if bad.is_sure else Certainty.LIKELY,
        remedy=(
            edit(ingress, t("Correct {place}; this takes effect within seconds", place=bad.place)),
            step(
                t("Then see whether the controller took it: its events stand at the Ingress"),
                *("kubectl", "-n", ingress.namespace, "describe", "ingress", ingress.name),
            ),
        ),
        trail=(broken(ingress.ref, t("{place}: {value}", place=bad.place, value=bad.value)),),
        evidence={"place": bad.place, "value": bad.value},
    )


@dataclass(frozen=True)
class Refusal:
    """That nginx in a Pod refused the configuration that the controller made: what was said, and how sure that is.

    ``loaded_at`` is when it last took one, as far as the controller's metrics say it.
    """

    pod: Ref
    said: str
    match: LogMatch | None
    certainty: Certainty
    loaded_at: str = ""


def by_log(log: ContainerLog, match: LogMatch, *, is_recent: bool) -> Refusal:
    """Return what the controller's log tells."""
    return Refusal(log.ref, match.line, match, Certainty.CONFIRMED if is_recent else Certainty.LIKELY)


def by_metric(told: IngressReload, match: LogMatch | None) -> Refusal:
    """Return what the controller's metric tells of the last try."""
    said = match.line if match else "nginx_ingress_controller_config_last_reload_successful 0"
    loaded_at = told.loaded_at.isoformat() if told.loaded_at else "-"
    return Refusal(told.ref, said, match, Certainty.CONFIRMED, loaded_at)


def reload_refused(refusals: Sequence[Refusal]) -> Finding:
    """Say that nginx refuses the configuration; the Pods of one controller have the same one, and so the same fault."""
    first = min(refusals, key=lambda one: (one.certainty.rank, one.pod.path))
    pod, said, match = first.pod, first.said, first.match
    return Finding(
        subject=pod,
        fault="reload-refused",
        message=t(
            "nginx refuses the configuration that is made of the Ingresses, and goes on with an old one, in "
            "{affected}: {said}",
            said=said,
        ),
        certainty=first.certainty,
        why=t(
            "As long as one Ingress spoils the configuration, no change of any Ingress takes effect, and a controller "
            "that starts anew serves none at all."
        ),
        remedy=(
            step(
                t("Read the controller's log: the line with [emerg] mostly names the directive or the host at fault"),
                *("kubectl", "-n", pod.namespace, "logs", pod.name, "--since=1h"),
            ),
            step(
                t("Take back the Ingress or the key of the ConfigMap that was changed last before it"),
                *("kubectl", "get", "ingress", "-A", "--sort-by=.metadata.creationTimestamp"),
            ),
        ),
        trail=tuple(broken(one.pod, t("the controller says: {said}", said=one.said)) for one in refusals),
        evidence={
            "said": said,
            "time": match.time.isoformat() if match and match.time else "",
            **({"last_loaded_at": first.loaded_at} if first.loaded_at else {}),
        },
        affected=tuple(one.pod for one in refusals),
    )
