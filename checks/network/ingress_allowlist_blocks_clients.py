"""A list of addresses keeps clients out of an Ingress.

Who may come in can be limited in many places: annotations and snippets of an Ingress, keys of the controller's
ConfigMap, source ranges of its Service, rules and access lists of an ALB. Clients that are not listed get 403. A white
list of ingress-nginx meets the address that nginx sees: behind a Service with externalTrafficPolicy Cluster that is the
address of a node, so that a list of clients refuses everybody.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from auditor.facts.cloud.alb import AlbAcl, AlbListener, AlbListenerAccess, AlbRule, ApplicationLoadBalancer
from auditor.facts.joins.ingress_controllers import IngressControllers, Kind
from auditor.facts.joins.ingress_paths import is_canary
from auditor.facts.joins.networks import ClusterNetworks
from auditor.facts.joins.services import ServiceLoadBalancers, ServicePaths, is_nlb_service
from auditor.facts.kubernetes.coordination import ConfigMap
from auditor.facts.kubernetes.ingresses import AlbConfig, Ingress
from auditor.facts.kubernetes.services import Service
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.ref import Ref, kubernetes_ref
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.first_match import unique
from auditor.facts.rules.ingress_lists import (
    BLACK_LISTS,
    GLOBAL_SNIPPETS,
    SNIPPETS,
    WHITE_LISTS,
    AddressRules,
    allows_snippets,
    lists_of,
    snippets_of,
)
from auditor.facts.rules.ingress_nginx import DEFAULT_PREFIX, NginxController
from auditor.judge.api import (
    Certainty,
    Check,
    Finding,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    ReasonKind,
    Severity,
    Table,
    Verdict,
    t,
)
from checks.network._alb_lists import of_listener, of_rule, unseen_albs
from checks.network._allowlist_findings import (
    refuses_clients,
    refuses_everybody,
    restricted,
    without_effect,
)
from checks.network._client_view import ClientView, Entrance, Seen

check = Check(
    severity=Severity.MEDIUM,
    causes=("N6",),
    since="0.1.0",
    symptoms=("ingress-unreachable",),
    limits=(
        "Who must come in is known only as far as `client_cidrs` says it; without it, lists are only noted.",
        "Of snippets, allow and deny are read, but not conditions (if) and scripts, nor blocks within a snippet.",
        (
            "Source ranges of a Service on a CLB hold in kube-proxy alone, which many clients do not pass; those on an "
            "NLB hold for all."
        ),
        "What a WAF, a CDN or a proxy before the load balancer refuses can't be read.",
    ),
    links=(
        "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/nginx-ingress-configuration-guide",
    ),
)


RANGES_ANNOTATION = "service.beta.kubernetes.io/load-balancer-source-ranges"
"""The form of old, which Kubernetes reads where the field is empty."""


@dataclass(frozen=True)
class Controllers:
    """What the ingress-nginx of a cluster hold themselves: keys of ConfigMaps, source ranges of Services."""


def subjects(
    ingresses: Table[Ingress], alb_rules: Table[AlbRule], alb_listener_access: Table[AlbListenerAccess]
) -> Iterable[Ingress | Controllers | AlbRule | AlbListenerAccess]:
    found: list[Ingress | Controllers | AlbRule | AlbListenerAccess] = []
    if not ingresses.is_unavailable:
        found += [row for row in ingresses.known_rows() if _has_lists(row)]
    found.append(Controllers())
    if not alb_rules.is_unavailable:
        found += [rule for rule in alb_rules.known_rows() if rule.source_ips]
    if not alb_listener_access.is_unavailable:
        found += [access for access in alb_listener_access.known_rows() if access.acl_type]
    return found


def judge(
    subject: Ingress | Controllers | AlbRule | AlbListenerAccess,
    ingresses: Table[Ingress],
    ingress_controllers: IngressControllers,
    config_maps: Table[ConfigMap],
    service_load_balancers: ServiceLoadBalancers,
    service_paths: ServicePaths,
    cluster_networks: ClusterNetworks,
    alb_configs: Table[AlbConfig],
    application_load_balancers: Table[ApplicationLoadBalancer],
    alb_listeners: Table[AlbListener],
    alb_rules: Table[AlbRule],
    alb_acls: Table[AlbAcl],
    cluster: ClusterIdentity,
) -> Iterator[Verdict]:
    view = ClientView(
        ingress_controllers, config_maps, service_load_balancers, service_paths, cluster_networks, cluster
    )
    clients = AddressSet.of(*cluster.client_cidrs)
    match subject:
        case Ingress():
            verdicts = _of_ingress(subject, view, clients)
        case Controllers():
            verdicts = chain(
                _of_controllers(ingresses, view, clients),
                unseen_albs(alb_configs, application_load_balancers, alb_listeners),
            )
        case AlbRule():
            verdicts = of_rule(subject, ingresses, alb_listeners, alb_rules, clients)
        case AlbListenerAccess():
            verdicts = of_listener(subject, alb_listeners, alb_acls, clients)
    yield from verdicts


def _has_lists(ingress: Ingress) -> bool:
    """Tell whether an Ingress may hold a list; its controller's prefix is not known yet."""
    if ingress.metadata.deletion_timestamp is not None:
        return False
    return any(name.endswith((*WHITE_LISTS, *BLACK_LISTS, *SNIPPETS)) for name in ingress.annotations)


def _of_ingress(ingress: Ingress, view: ClientView, clients: AddressSet) -> Iterator[Verdict]:
    serving = view.controllers.of(ingress)
    if serving.kind is None:
        yield NotApplicable(t("no controller serves the Ingress"))
        return
    prefix = f"{serving.controllers[0].prefix if serving.controllers else DEFAULT_PREFIX}/"
    if serving.kind is Kind.ALB or is_canary(ingress, prefix.rstrip("/")):
        yield NotApplicable(t("its annotations of ingress-nginx are not used"))
        return
    if serving.kind is Kind.OTHER:
        found = [_as_seen(ingress.ref, rules, clients, (), Certainty.LIKELY) for rules in _own(ingress, prefix)]
        yield from [one for one in found if one]
        if not any(found):
            yield Passed()
        return
    lists = list(_own(ingress, prefix))
    if _is_open_to_the_known(ingress, prefix):
        lists = []  # who has a password comes in from anywhere
    snippets = list(snippets_of(ingress.annotations, SNIPPETS, prefix))
    yield from _judged(ingress.ref, serving.controllers, lists, snippets, view, clients)


def _own(ingress: Ingress, prefix: str) -> Iterator[AddressRules]:
    yield from lists_of(ingress.annotations, prefix)


def _is_open_to_the_known(ingress: Ingress, prefix: str) -> bool:
    return ingress.annotations.get(f"{prefix}satisfy") == "any" and any(
        ingress.annotations.get(f"{prefix}{name}") for name in ("auth-url", "auth-secret", "auth-type")
    )


def _judged(
    holder: Ref,
    controllers: Sequence[NginxController],
    lists: Sequence[AddressRules],
    snippets: Sequence[AddressRules],
    view: ClientView,
    clients: AddressSet,
    affected: Sequence[Ref] = (),
) -> Iterator[Verdict]:
    """Judge the lists of one object that holds for these controllers; snippets only if they are taken."""
    gaps: list[Reason] = []
    found: list[Finding] = []
    entrances: list[Entrance] = []
    active = [*lists]
    try:
        taken = [allows_snippets(view.settings(one), one.version) for one in controllers] if snippets else []
        active += snippets if any(one is not False for one in taken) else []
        found += [without_effect(holder, one) for one in snippets if one not in active and one.is_restricting]
    except NotKnown as gap:
        gaps += gap.reasons
    active = [rules for rules in active if rules.is_restricting]
    is_view_known = True
    try:
        entrances = [entrance for one in controllers for entrance in view.entrances(one)] if active else []
    except NotKnown as gap:
        gaps += gap.reasons
        is_view_known = False
    for rules in active:
        try:
            finding = _through(holder, rules, entrances, view, clients, affected, is_view_known=is_view_known)
        except NotKnown as gap:
            gaps += gap.reasons
            continue
        if finding:
            found.append(finding)
    yield from found
    if gaps:
        yield NotEvaluated(unique(gaps))
    elif not found:
        yield Passed()


def _through(
    holder: Ref,
    rules: AddressRules,
    entrances: Sequence[Entrance],
    view: ClientView,
    clients: AddressSet,
    affected: Sequence[Ref],
    *,
    is_view_known: bool,
) -> Finding | None:
    """Judge a list by what nginx sees of clients, at the entrance where it hurts most."""
    for entrance in entrances:
        if entrance.seen is Seen.CLIENT:
            continue
        seen = view.networks.worker_addresses() if entrance.seen is Seen.NODE else AddressSet.of("100.64.0.0/10")
        seen = seen.ipv4 or seen
        refused = rules.refused(seen)
        if refused:
            return refuses_everybody(holder, rules, refused, entrance, affected, is_whole=refused == seen)
    direct = next((entrance for entrance in entrances if entrance.seen is Seen.CLIENT), None)
    if entrances and direct is None:
        return None  # the list admits all the addresses that nginx sees
    certainty = Certainty.CONFIRMED if is_view_known else Certainty.LIKELY
    return _as_seen(holder, rules, clients, affected, certainty, direct)


def _as_seen(
    holder: Ref,
    rules: AddressRules,
    clients: AddressSet,
    affected: Sequence[Ref],
    certainty: Certainty,
    entrance: Entrance | None = None,
) -> Finding | None:
    """Judge a list that meets the clients' own addresses."""
    if not rules.is_restricting:
        return None
    if not clients:
        return restricted(holder, rules, entrance, affected)
    has_ipv6 = any(addresses.ipv6 for _, addresses in rules.entries)
    refused = rules.refused(clients if has_ipv6 else clients.ipv4)
    return refuses_clients(holder, rules, refused, entrance, affected, certainty) if refused else None


def _of_controllers(ingresses: Table[Ingress], view: ClientView, clients: AddressSet) -> Iterator[Verdict]:
    """Judge what every ingress-nginx holds for all of its Ingresses."""
    gaps: list[Reason] = []
    is_looked_at = False
    for controller in view.controllers.all_nginx():
        for part in (_of_settings(controller, ingresses, view, clients), _of_ranges(controller, view, clients)):
            try:
                for verdict in part:
                    is_looked_at = True
                    yield verdict
            except NotKnown as gap:
                gaps += gap.reasons
    if gaps:
        yield NotEvaluated(unique(gaps))
    elif not is_looked_at:
        yield NotApplicable(t("no ingress-nginx is installed"))


def _of_settings(
    controller: NginxController, ingresses: Table[Ingress], view: ClientView, clients: AddressSet
) -> Iterator[Verdict]:
    """Judge the keys of the ConfigMap: those that an annotation replaces hold for the other Ingresses only."""
    settings = view.settings(controller)
    namespace, _, name = (controller.config_map or "").partition("/")
    holder = kubernetes_ref("ConfigMap", name, namespace)
    lists = [*lists_of(settings), *snippets_of(settings, GLOBAL_SNIPPETS)]
    if not lists:
        yield Passed()
    for rules in lists:
        names = {**dict.fromkeys(WHITE_LISTS, WHITE_LISTS), **dict.fromkeys(BLACK_LISTS, BLACK_LISTS)}.get(rules.name)
        hit = list(_without_own(controller, ingresses, view.controllers, names or ()))
        if hit:
            yield from _judged(holder, (controller,), [rules], [], view, clients, hit)
        else:
            yield NotApplicable(t("every Ingress of the controller has a list of its own, or there is none"))


def _without_own(
    controller: NginxController, ingresses: Table[Ingress], controllers: IngressControllers, names: Sequence[str]
) -> Iterator[Ref]:
    for ingress in ingresses.all():
        if ingress.metadata.deletion_timestamp is not None:
            continue
        own = (ingress.annotations.get(f"{controller.prefix}/{name}") for name in names)
        if controller in controllers.of(ingress).controllers and not any(own) and not is_canary(ingress):
            yield ingress.ref


def _of_ranges(controller: NginxController, view: ClientView, clients: AddressSet) -> Iterator[Verdict]:
    """Judge the source ranges of the Services: they meet the clients' own addresses."""
    for service in view.controllers.services_of(controller):
        written = service.spec.load_balancer_source_ranges or service.annotations.get(RANGES_ANNOTATION, "").split(",")
        ranges = [one.strip() for one in written if one.strip()]
        if not service.is_load_balancer or not ranges:
            continue
        rules = AddressRules("loadBalancerSourceRanges", ((True, _range(service, ranges)),), False, tuple(ranges))
        certainty = Certainty.CONFIRMED if is_nlb_service(service) else Certainty.LIKELY
        yield _as_seen(service.ref, rules, clients, (), certainty) or Passed()


def _range(service: Service, ranges: Sequence[str]) -> AddressSet:
    try:
        return AddressSet.of(*ranges)
    except ValueError:
        message = t(
            "a source range of Service {service} can't be read: {ranges}", service=service.key, ranges=list(ranges)
        )
        raise NotKnown(Reason("kubernetes", ReasonKind.MALFORMED, message)) from None
