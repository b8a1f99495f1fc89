"""What a Pod needs of a node ("Resource sharing within containers" and "Sidecar containers" of Kubernetes)."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from auditor.facts.kubernetes.pods import Container, PodSpec
from auditor.facts.rules.quantities import quantity

Amounts = dict[str, Decimal]
"""By resource: ``cpu`` in cores, ``memory`` in bytes, others in pieces."""


def effective_requests(spec: PodSpec) -> Amounts:
    """Return what the scheduler reckons with for a Pod, by resource.

    That is the larger of the sum over its containers and of what its init containers need one after the other; an
    init container that goes on running (a sidecar) counts with all that start after it; the runtime's overhead comes
    on top. A container without a request but with a limit requests its limit.

    Raises ValueError for a quantity that can't be read.
    """
    running: Amounts = {}
    peak: Amounts = {}
    for container in spec.init_containers or ():
        needed = _requests(container)
        if container.restart_policy == "Always":
            running = _sum((running, needed))
            peak = _larger(peak, running)
        else:
            peak = _larger(peak, _sum((running, needed)))
    together = _sum((running, *(_requests(container) for container in spec.containers)))
    return _sum((_larger(peak, together), _amounts(spec.overhead)))


def _requests(container: Container) -> Amounts:
    return {**_amounts(container.resources.limits), **_amounts(container.resources.requests)}


def _amounts(texts: Mapping[str, str] | None) -> Amounts:
    return {resource: quantity(text) for resource, text in (texts or {}).items()}


def _sum(parts: Iterable[Amounts]) -> Amounts:
    total: Amounts = {}
    for part in parts:
        for resource, amount in part.items():
            total[resource] = total.get(resource, Decimal(0)) + amount
    return total


def _larger(one: Amounts, other: Amounts) -> Amounts:
    return {key: max(one.get(key, Decimal(0)), other.get(key, Decimal(0))) for key in {**one, **other}}
