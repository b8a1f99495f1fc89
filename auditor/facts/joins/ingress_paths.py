"""Host and path ↔ the Ingresses that claim them, of those that one controller serves."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from auditor.facts.joins.ingress_controllers import IngressControllers, Kind, Serving
from auditor.facts.kubernetes.ingresses import Ingress, IngressPath, IngressRule
from auditor.facts.rules.ingress_nginx import DEFAULT_PREFIX, is_true
from auditor.facts.table import NotKnown, Table

ALB_PREFIX = "alb.ingress.kubernetes.io"
_ORDER = f"{ALB_PREFIX}/order"
_DEFAULT_ORDER = 10
"""The order of an Ingress on ALB that says none."""
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)

Claim = tuple[str, ...]
_Place = tuple[int, float, tuple[int, ...], str]


@dataclass(frozen=True)
class Rival:
    """Another Ingress, or the same one, that has a host and path before this one."""

    ingress: Ingress
    host: str
    path: str


class IngressPaths:
    """Host and path ↔ the Ingresses that claim them, of those that one controller serves.

    Of two claims with one type of path, ingress-nginx keeps that of the older Ingress, and of two of one second that
    with the later name (its ``store``). ALB orders by the annotation ``order``, then by name, and the first rule that
    matches decides. A canary is no claim: it takes a part of what another Ingress has. Ingresses whose controller is
    another, or can't be told, are left out.
    """

    def __init__(self, ingresses: Table[Ingress], ingress_controllers: IngressControllers) -> None:
        """Join the Ingresses with each other."""
        self._ingresses = ingresses
        self._controllers = ingress_controllers
        self._claims: dict[Claim, Ingress] | None = None

    def rivals(self, ingress: Ingress) -> Iterator[Rival]:
        """Yield the Ingresses that have a host and path of this one before it, of those that were read.

        An Ingress that has one of its own twice is its own rival.
        """
        holders = self._holders()
        told: set[tuple[str, str, str]] = set()
        own: set[Claim] = set()
        for claim, host, path in _claims_of(ingress, self._controllers.of(ingress)):
            holder = holders[claim]
            is_again = claim in own
            own.add(claim)
            identity = (holder.key, host, path)
            if (holder.key != ingress.key or is_again) and identity not in told:
                told.add(identity)
                yield Rival(holder, host, path)

    def _holders(self) -> dict[Claim, Ingress]:
        """Return who has each host and path."""
        if self._claims is None:
            placed: list[tuple[_Place, Ingress, Serving]] = []
            for ingress in self._ingresses.known_rows():
                try:
                    serving = self._controllers.of(ingress)
                except NotKnown:
                    continue
                placed.append((_place(ingress, serving), ingress, serving))
            claims: dict[Claim, Ingress] = {}
            for _, ingress, serving in sorted(placed, key=lambda entry: entry[0]):
                for claim, _, _ in _claims_of(ingress, serving):
                    claims.setdefault(claim, ingress)
            self._claims = claims
        return self._claims


def is_canary(ingress: Ingress, prefix: str = DEFAULT_PREFIX) -> bool:
    """Tell whether an Ingress takes a part of the requests of another. ALB knows the annotation of nginx too."""
    return any(is_true(ingress.annotations.get(f"{name}/canary")) for name in (prefix, DEFAULT_PREFIX, ALB_PREFIX))


def _place(ingress: Ingress, serving: Serving) -> _Place:
    """Return what puts the Ingresses of one controller in order; those of different kinds are never compared."""
    if serving.kind is Kind.ALB:
        order = ingress.annotations.get(_ORDER, "")
        return (0, int(order) if order.isdecimal() else _DEFAULT_ORDER, (), ingress.key)
    created = ingress.metadata.creation_timestamp or _NEVER
    return (1, created.timestamp(), (*(-ord(letter) for letter in ingress.key), 1), "")


def _claims_of(ingress: Ingress, serving: Serving) -> Iterator[tuple[Claim, str, str]]:
    """Yield what stands for each host and path of an Ingress at each controller, with the two as they are written."""
    if ingress.metadata.deletion_timestamp is not None or is_canary(ingress):
        return
    for rule in ingress.spec.rules or ():
        for path in rule.http.paths if rule.http else ():
            for owner in _owners(ingress, serving, path):
                yield (*owner, rule.host.lower(), path.path or "/", path.path_type), _shown(rule), path.path or "/"


def _shown(rule: IngressRule) -> str:
    return rule.host or "*"


def _owners(ingress: Ingress, serving: Serving, path: IngressPath) -> Iterator[Claim]:
    match serving.kind:
        case Kind.NGINX:
            for controller in serving.controllers:
                yield (controller.workload.KIND, controller.workload.key)
        case Kind.ALB:
            parameters = serving.row.spec.parameters if serving.row else None
            service = path.backend.service.name if path.backend.service else ""
            telling = ("listen-ports", "ssl-redirect", "rule-direction", f"conditions.{service}")
            marks = (ingress.annotations.get(f"{ALB_PREFIX}/{name}", "") for name in telling)
            yield ("alb", parameters.name if parameters else serving.class_name, str(bool(ingress.spec.tls)), *marks)
