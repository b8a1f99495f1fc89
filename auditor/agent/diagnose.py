"""From a symptom, or an error text, to what its checks find: only what they need is collected and judged."""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from auditor.agent.audit import Watcher, audit, collect_live, identity_of
from auditor.config.clusters import Cluster
from auditor.config.settings import Suppression
from auditor.facts.catalogue import TABLES
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.services import Service
from auditor.facts.landscape import ClusterIdentity, Landscape, WantedIdentity
from auditor.facts.ref import Layer, Ref, kubernetes_ref
from auditor.facts.rules.wanted_rights import SERVICE_ACCOUNT
from auditor.facts.table import ReasonKind
from auditor.judge.causes import Cause
from auditor.judge.check import LoadedCheck
from auditor.judge.error_texts import ADDRESS, Denial, NamedObject, Reading
from auditor.judge.outcome import CheckResult, Outcome, ReportedFinding
from auditor.judge.symptoms import Symptom, checks_of


@dataclass(frozen=True)
class Inquiry:
    """What somebody asks.

    Attributes:
        symptoms: what to look at, the likeliest first.
        wanted: the object that was asked for by name; None for all.
        reading: what the error text says, if one was given.
    """

    symptoms: tuple[Symptom, ...]
    wanted: NamedObject | None = None
    reading: Reading | None = None

    @property
    def objects(self) -> tuple[NamedObject, ...]:
        """The objects that the answer is about: the one that was asked for, else those that the text names."""
        if self.wanted:
            return (self.wanted,)
        return self.reading.objects if self.reading else ()

    @property
    def denial(self) -> Denial | None:
        """Who was denied what, by the error text."""
        return self.reading.denial if self.reading else None


@dataclass(frozen=True)
class ObjectState:
    """Whether a named object is among what was read.

    Attributes:
        object: as it was named.
        found: the objects that are meant.
        is_certain: whether all was read of which it could be: then one that was not found is not there.
    """

    object: NamedObject
    found: tuple[Ref, ...]
    is_certain: bool


@dataclass(frozen=True)
class CheckAnswer:
    """What one check says: the findings that the answer is about, and the others."""

    result: CheckResult
    findings: tuple[ReportedFinding, ...] = ()
    others: tuple[ReportedFinding, ...] = ()


@dataclass(frozen=True)
class RowAnswer:
    """A cause, and its checks; none if no loaded check looks for it."""

    cause: Cause
    checks: tuple[CheckAnswer, ...]


@dataclass(frozen=True)
class SymptomAnswer:
    """A symptom, and its causes in the order of the notes."""

    symptom: Symptom
    rows: tuple[RowAnswer, ...]


@dataclass(frozen=True)
class Answer:
    """The whole answer.

    Attributes:
        inquiry: what was asked.
        outcome: the run of the checks; of its findings those that the answer is about.
        symptoms: the answers, in the order asked.
        objects: the named objects.
        kinds: the kinds of objects that were read, for those who miss one.
        touches_none: whether an error text named objects and no finding touches them, so that all are shown.
    """

    inquiry: Inquiry
    outcome: Outcome
    symptoms: tuple[SymptomAnswer, ...]
    objects: tuple[ObjectState, ...] = ()
    kinds: tuple[str, ...] = field(default=())
    touches_none: bool = False

    @property
    def lacks_wanted(self) -> bool:
        """Whether the object that was asked for by name is nowhere, though all was read where it could be."""
        return self._misses_wanted and all(state.is_certain for state in self.objects)

    @property
    def _misses_wanted(self) -> bool:
        if self.inquiry.wanted is None or self.outcome.findings:
            return False
        return not any(state.found for state in self.objects)

    @property
    def is_complete(self) -> bool:
        """Whether every cause could be looked for, on what was asked for, but for what the operator switched off."""
        is_unasked = self.inquiry.denial is not None and self.inquiry.denial.right is None
        is_looked_for = all(row.checks for symptom in self.symptoms for row in symptom.rows)
        return self.outcome.is_complete and is_looked_for and not is_unasked and not self._misses_wanted


def look(cluster: Cluster, inquiry: Inquiry, checks: Sequence[LoadedCheck], watcher: Watcher) -> Landscape:
    """Collect what the checks of the symptoms need. Raises as :func:`auditor.agent.audit.collect_live` does."""
    identity = _asking(identity_of(cluster), inquiry)
    return collect_live(cluster, checks_of(inquiry.symptoms, checks), watcher, identity)


def answer(
    landscape: Landscape,
    inquiry: Inquiry,
    checks: Sequence[LoadedCheck],
    suppressions: Sequence[Suppression],
    trigger: str,
    watcher: Watcher,
    *,
    by_annotation: bool = False,
) -> Answer:
    """Judge a landscape by the checks of the symptoms, and put what they say into the order of the notes."""
    identity = _asking(landscape.cluster, inquiry)
    landscape = Landscape(identity, landscape.observed_at, landscape.tables, landscape.collection)
    chosen = checks_of(inquiry.symptoms, checks)
    outcome = audit(landscape, chosen, suppressions, trigger, watcher, by_annotation=by_annotation, known=checks)
    states = _states(landscape, inquiry.objects)
    touching = [one for one in outcome.findings if not states or any(_touches(one, state) for state in states)]
    touches_none = bool(states) and inquiry.wanted is None and not touching
    if touches_none:
        touching = list(outcome.findings)
    return Answer(
        inquiry=inquiry,
        outcome=msgspec.structs.replace(outcome, findings=tuple(touching)),
        symptoms=tuple(_in_order(symptom, chosen, outcome, touching) for symptom in inquiry.symptoms),
        objects=tuple(states),
        kinds=tuple(sorted({ref.kind for ref in _refs(landscape)})) if states else (),
        touches_none=touches_none,
    )


def _in_order(
    symptom: Symptom, checks: Sequence[LoadedCheck], outcome: Outcome, touching: Sequence[ReportedFinding]
) -> SymptomAnswer:
    results = {result.id: result for result in outcome.checks}
    shown = {finding.fingerprint for finding in touching}

    def of(check: LoadedCheck) -> CheckAnswer:
        findings = [finding for finding in outcome.findings if finding.check == check.id]
        return CheckAnswer(
            results[check.id],
            tuple(finding for finding in findings if finding.fingerprint in shown),
            tuple(finding for finding in findings if finding.fingerprint not in shown),
        )

    rows = symptom.checks_by_row(checks)
    return SymptomAnswer(symptom, tuple(RowAnswer(cause, tuple(of(one) for one in members)) for cause, members in rows))


def _asking(cluster: ClusterIdentity, inquiry: Inquiry) -> ClusterIdentity:
    """Return the cluster with who was denied, and the right, as all that its operator wants of anybody.

    The text does not tell the groups that the user is in. Where the operator named them, they are taken from there.
    Nobody is left where what was denied is no resource.
    """
    denial = inquiry.denial
    if denial is None:
        return cluster
    groups = [group for one in cluster.identities if one.user == denial.user for group in one.groups]
    asked = [WantedIdentity([denial.right], denial.user, list(dict.fromkeys(groups)))] if denial.right else []
    return msgspec.structs.replace(cluster, identities=asked)


def _states(landscape: Landscape, objects: Sequence[NamedObject]) -> list[ObjectState]:
    if not objects:
        return []
    is_certain = not any(
        reason.kind is not ReasonKind.SWITCHED_OFF
        for name, table in landscape.tables.items()
        for reason in table.reasons
        if hasattr(TABLES[name], "ref")
    )
    refs = [*_refs(landscape), *_identities(landscape.cluster)]
    states = []
    for one in objects:
        if one.kind == ADDRESS:
            found = tuple(_at(landscape, one.name))
        else:
            found = tuple(dict.fromkeys(ref for ref in refs if _is_meant(ref, one)))
        states.append(ObjectState(one, found, is_certain))
    return states


def _refs(landscape: Landscape) -> Iterator[Ref]:
    """Yield a reference to each object that was read."""
    for table in landscape.tables.values():
        for row in () if table.is_unavailable else table.known_rows():
            ref = getattr(row, "ref", None)
            if isinstance(ref, Ref):
                yield ref


def _identities(cluster: ClusterIdentity) -> Iterator[Ref]:
    """Yield whom the operator named: no table has them, and findings are about them."""
    for one in cluster.identities:
        if one.user.startswith(SERVICE_ACCOUNT):
            namespace, _, name = one.user.removeprefix(SERVICE_ACCOUNT).partition(":")
            yield kubernetes_ref("ServiceAccount", name, namespace)
        elif one.user:
            yield kubernetes_ref("User", one.user)
        yield from (kubernetes_ref("Group", group) for group in one.groups)


def _at(landscape: Landscape, address: str) -> Iterator[Ref]:
    """Yield the nodes, Pods and Services that have an address."""
    wanted = _plain(address)
    for name in ("nodes", "pods", "services"):
        table = landscape.tables.get(name)
        for row in () if table is None or table.is_unavailable else table.known_rows():
            if wanted in {_plain(one) for one in _addresses(row)}:
                yield row.ref


def _addresses(row: Any) -> Iterable[str]:
    match row:
        case Node():
            return [one.address for one in row.status.addresses or ()]
        case Pod():
            # A Pod in its node's network has the node's address, which means the node.
            return [] if row.spec.host_network else [row.status.pod_ip, *(one.ip for one in row.status.pod_ips or ())]
        case Service():
            return [row.spec.cluster_ip, *(one.ip for one in row.ingress)]
        case _:
            return []


def _plain(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address


def _touches(finding: ReportedFinding, state: ObjectState) -> bool:
    """Tell whether a finding is about an object, affects it, or has it on its trail."""
    found = set(state.found)
    refs = (finding.subject, *finding.affected, *(hop.ref for hop in finding.trail))
    return any(ref in found or _is_meant(ref, state.object) or _is_same(ref, found) for ref in refs)


def _is_same(ref: Ref, found: set[Ref]) -> bool:
    """Tell whether a reference is to one of these objects, though it may lack, or have, a cloud id."""
    return any((ref.kind, ref.namespace, ref.name) == (one.kind, one.namespace, one.name) for one in found)


def _is_meant(ref: Ref, named: NamedObject) -> bool:
    if ref.id and ref.id == named.name:
        return True
    if ref.name != named.name or (named.namespace and ref.namespace != named.namespace):
        return False
    return not named.kind or ref.kind == named.kind or (ref.layer is Layer.CLOUD and ref.id == ref.name)
