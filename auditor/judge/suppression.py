"""Suppressions: findings that do not count, by somebody's word and until a day. They stay visible, and so do these."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fnmatch import fnmatchcase

import msgspec

from auditor.facts.ref import Ref
from auditor.facts.rules.suppress_annotation import BadNote, Written, read_annotation
from auditor.facts.text import Text, t
from auditor.judge.annotations import Annotation, Named, Speakers
from auditor.judge.check import LoadedCheck
from auditor.judge.outcome import (
    CheckResult,
    ReportedFinding,
    Suppression,
    SuppressionState,
    SuppressionStatus,
)

EXPIRING = timedelta(days=14)
"""So long before its last day a suppression is called expiring."""
SHOWN = 20
"""So many objects and findings a state names; it counts all."""
MOST_IGNORED = 200
"""So many ignored annotations are listed; the others are counted, as anybody may write annotations."""


class SuppressionRule(msgspec.Struct, frozen=True):
    """What the configuration suppresses.

    ``check`` and ``subject`` are patterns; a subject is ``namespace/name``, a name or an id.
    """

    check: str
    subject: str
    suppression: Suppression


@dataclass(frozen=True)
class Notes:
    """What people wrote on objects. ``speakers`` tells who may speak about what; ``are_allowed``, whether it counts."""

    annotations: Sequence[Annotation]
    speakers: Speakers
    are_allowed: bool


@dataclass
class _Candidate:
    """A suppression, before it is known what becomes of it."""

    checks: frozenset[str]
    check: str = ""
    subject: str = ""
    suppression: Suppression | None = None
    annotated: Ref | None = None
    problem: Text | None = None
    findings: list[ReportedFinding] = field(default_factory=list)

    def is_in_force(self, today: date) -> bool:
        return self.problem is None and self.suppression is not None and self.suppression.expires >= today


class Suppressions:
    """All suppressions that may concern a cluster."""

    def __init__(
        self, rules: Sequence[SuppressionRule], notes: Notes | None = None, checks: Iterable[LoadedCheck] = ()
    ) -> None:
        """Take the rules of the configuration, the annotations, and all checks, those not chosen as well."""
        self._names: dict[str, tuple[str, ...]] = {check.id: (check.id, *check.check.aliases) for check in checks}
        self._speakers = notes.speakers if notes else None
        self._rules = rules
        self._notes = notes

    def apply(
        self, findings: Sequence[ReportedFinding], results: Iterable[CheckResult], today: date
    ) -> tuple[tuple[ReportedFinding, ...], tuple[SuppressionState, ...]]:
        """Return the findings, with the first suppression in force noted on each, and what became of all suppressions.

        Those of the configuration come first. A suppression holds through the whole day of its expiry.
        """
        by_id = {result.id: result for result in results}
        known = {**{name: (name,) for name in (*by_id, *(finding.check for finding in findings))}, **self._names}
        patterns: dict[str, frozenset[str]] = {}
        configured = [_of_rule(rule, _ids(rule.check, known, patterns)) for rule in self._rules]
        written = self._written(known, patterns)
        by_object: dict[Named, list[_Candidate]] = defaultdict(list)
        for candidate in written:
            if candidate.annotated is not None:
                by_object[Named.of(candidate.annotated)].append(candidate)
        judged = tuple(self._judged(finding, configured, by_object, today) for finding in findings)
        unseen = self._unseen(by_id) if written else {}
        states = tuple(_state([one], _is_evaluated(one, by_id, unseen), today) for one in configured)
        groups: dict[SuppressionState, list[_Candidate]] = defaultdict(list)
        for one in written:
            groups[_without_objects(_state([one], _is_evaluated(one, by_id, unseen), today))].append(one)
        joined = [_state(members, same.evaluated, today) for same, members in groups.items()]
        return judged, (*states, *_bounded(joined))

    def _judged(
        self,
        finding: ReportedFinding,
        configured: Sequence[_Candidate],
        by_object: Mapping[Named, Sequence[_Candidate]],
        today: date,
    ) -> ReportedFinding:
        matching = [one for one in configured if finding.check in one.checks and _names(one.subject, finding.subject)]
        if by_object and self._speakers:
            near = [one for named in self._speakers.about(finding.subject) for one in by_object.get(named, ())]
            matching += [one for one in near if finding.check in one.checks]
        for one in matching:
            one.findings.append(finding)
        holding = next((one for one in matching if one.is_in_force(today)), None)
        return msgspec.structs.replace(finding, suppression=holding.suppression) if holding else finding

    def _written(self, known: Mapping[str, tuple[str, ...]], patterns: dict[str, frozenset[str]]) -> list[_Candidate]:
        candidates = []
        for annotation in self._notes.annotations if self._notes else ():
            seen: set[Written] = set()
            for entry in read_annotation(annotation.text):
                if isinstance(entry, BadNote):
                    candidates.append(_Candidate(frozenset(), annotated=annotation.ref, problem=entry.text))
                    continue
                if entry in seen:
                    continue
                seen.add(entry)
                candidates.append(
                    _Candidate(
                        _ids(entry.check, known, patterns),
                        entry.check,
                        suppression=Suppression(entry.reason, entry.owner, entry.expires, annotation.ref),
                        annotated=annotation.ref,
                    )
                )
        for one in candidates:
            if one.problem is None and not one.checks:
                one.problem = _unknown(one.check)
            if self._notes and not self._notes.are_allowed:
                one.problem = t("annotations do not count here: suppress_by_annotation is not true for this cluster")
        return candidates

    def _unseen(self, results: Mapping[str, CheckResult]) -> dict[Named, set[str]]:
        """Return, by object, the checks that could not look at something about which it may speak."""
        found: dict[Named, set[str]] = defaultdict(set)
        for result in results.values():
            for unseen in result.unseen:
                for named in self._speakers.about(unseen.subject) if self._speakers else ():
                    found[named].add(result.id)
        return found


def _of_rule(rule: SuppressionRule, checks: frozenset[str]) -> _Candidate:
    problem = None if checks else _unknown(rule.check)
    return _Candidate(checks, rule.check, rule.subject, rule.suppression, problem=problem)


def _unknown(pattern: str) -> Text:
    return t("no check is called {pattern}", pattern=pattern)


def _ids(pattern: str, known: Mapping[str, tuple[str, ...]], patterns: dict[str, frozenset[str]]) -> frozenset[str]:
    """Return the checks that a pattern names, by their ids or by former ones."""
    if pattern not in patterns:
        patterns[pattern] = frozenset(
            check for check, names in known.items() if any(fnmatchcase(name, pattern) for name in names)
        )
    return patterns[pattern]


def _names(pattern: str, subject: Ref) -> bool:
    return any(fnmatchcase(name, pattern) for name in (subject.path, subject.id) if name)


def _is_evaluated(candidate: _Candidate, results: Mapping[str, CheckResult], unseen: Mapping[Named, set[str]]) -> bool:
    """Tell whether every check that it names ran, and looked at everything that it may match."""
    chosen = [results[check] for check in candidate.checks if check in results]
    if len(chosen) < len(candidate.checks) or any(result.general for result in chosen):
        return False
    if candidate.annotated is not None:
        return not unseen.get(Named.of(candidate.annotated), set()) & candidate.checks
    return not any(_names(candidate.subject, one.subject) for result in chosen for one in result.unseen)


def _state(candidates: Sequence[_Candidate], is_evaluated: bool, today: date) -> SuppressionState:
    """Return what became of a suppression that stands word for word on several objects, as on Pods of one template."""
    first = candidates[0]
    said = first.suppression
    findings = list(dict.fromkeys(finding.fingerprint for one in candidates for finding in one.findings))
    objects = list(dict.fromkeys(one.annotated for one in candidates if one.annotated is not None))
    return SuppressionState(
        status=_status(first, is_evaluated, today),
        check=first.check,
        subject=first.subject,
        reason=said.reason if said else "",
        owner=said.owner if said else "",
        expires=said.expires if said else None,
        findings=len(findings),
        fingerprints=tuple(findings[:SHOWN]),
        evaluated=is_evaluated,
        annotated=tuple(objects[:SHOWN]),
        objects=len(objects),
        problem=first.problem,
    )


def _without_objects(state: SuppressionState) -> SuppressionState:
    return msgspec.structs.replace(state, findings=0, fingerprints=(), annotated=(), objects=0)


def _status(candidate: _Candidate, is_evaluated: bool, today: date) -> SuppressionStatus:
    if candidate.problem is not None or candidate.suppression is None:
        return SuppressionStatus.IGNORED
    expires = candidate.suppression.expires
    if expires < today:
        return SuppressionStatus.EXPIRED
    if not candidate.findings and is_evaluated:
        return SuppressionStatus.UNUSED
    return SuppressionStatus.EXPIRING if expires - today <= EXPIRING else SuppressionStatus.ACTIVE


def _bounded(states: list[SuppressionState]) -> list[SuppressionState]:
    ignored = [place for place, state in enumerate(states) if state.status is SuppressionStatus.IGNORED]
    if len(ignored) <= MOST_IGNORED:
        return states
    rest = set(ignored[MOST_IGNORED:])
    left_out = [states[place] for place in sorted(rest)]
    others = SuppressionState(
        status=SuppressionStatus.IGNORED,
        annotated=tuple(ref for state in left_out for ref in state.annotated)[:SHOWN],
        objects=sum(state.objects for state in left_out),
        problem=t("{count} further annotations, for reasons of their own", count=len(left_out)),
    )
    return [*(state for place, state in enumerate(states) if place not in rest), others]
