"""Ordered rules of which the first match decides: what they do to a range of addresses and ports, exactly.

Security groups and network ACLs are both such lists. What was not read stays in the picture: a rule that may or
may not match is followed both ways, and only where the two ways end differently is the answer *unknown*.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from auditor.facts.rules.addresses import AddressSet
from auditor.facts.table import Reason


class Outcome(StrEnum):
    """What becomes of traffic."""

    ALLOWED = "allowed"
    DENIED = "denied"
    PARTLY = "partly"
    UNKNOWN = "unknown"


@dataclass(frozen=True, order=True)
class Ports:
    """A range of ports, both ends included."""

    first: int
    last: int

    @classmethod
    def one(cls, port: int) -> "Ports":
        """Make the range of one port."""
        return cls(port, port)

    def __contains__(self, other: "Ports") -> bool:
        """Tell whether another range lies wholly in this one."""
        return self.first <= other.first and other.last <= self.last

    def __str__(self) -> str:
        """Return ``first/last`` as the cloud writes it, or the port alone."""
        return str(self.first) if self.first == self.last else f"{self.first}/{self.last}"


ALL_PORTS = Ports(0, 65535)


def parse_ports(text: str) -> Ports:
    """Read ``first/last``, a single port, or ``-1/-1`` for any. Raises ValueError for anything else."""
    first, slash, last = text.strip().partition("/")
    ports = Ports(int(first), int(last if slash else first))
    if ports == Ports(-1, -1):
        return ALL_PORTS
    if not 0 <= ports.first <= ports.last <= ALL_PORTS.last:
        raise ValueError(text)
    return ports


@dataclass(frozen=True)
class Clause:
    """One rule of an ordered list, cut down to the traffic in question.

    ``open_questions`` are the facts that are not known and must all hold for it to match ("the peer is in
    sg-1"); without any it matches for certain. ``reasons`` say why they are not known. ``owner`` is the group or
    ACL that it belongs to, ``rule`` its id or place there; empty for a default.
    """

    accepts: bool
    peers: AddressSet
    ports: tuple[Ports, ...]
    owner: str = ""
    rule: str = ""
    open_questions: frozenset[str] = frozenset()
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class Part:
    """A part of the traffic that fares as one; ``owner`` and ``rule`` name the clause that decides it.

    ``rule`` is empty where no rule matched and the default decides. Of a part that is unknown, the clause is the
    one that decides if none of the uncertain ones does, and ``reasons`` say what would have to be known.
    """

    outcome: Outcome
    peers: AddressSet
    ports: Ports
    owner: str
    rule: str
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What becomes of the traffic, part by part."""

    parts: tuple[Part, ...]

    @property
    def outcome(self) -> Outcome:
        """The whole in one word.

        *Denied* or *allowed* if every part is; *partly* if a part is refused for certain and another is not;
        *unknown* if nothing is refused for certain and a part is not known.
        """
        outcomes = {part.outcome for part in self.parts}
        if len(outcomes) == 1:
            return outcomes.pop()
        return Outcome.PARTLY if Outcome.DENIED in outcomes else Outcome.UNKNOWN

    @property
    def refused(self) -> tuple[Part, ...]:
        """The parts that are refused for certain."""
        return tuple(part for part in self.parts if part.outcome is Outcome.DENIED)

    @property
    def refused_peers(self) -> AddressSet:
        """The addresses that are refused on at least one of the ports."""
        peers = AddressSet()
        for part in self.refused:
            peers |= part.peers
        return peers

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why parts are not known, once each; empty if everything is."""
        return unique(reason for part in self.parts for reason in part.reasons)


def unique(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Return each reason once, in order. Reasons carry texts with values, so they can't be members of a set."""
    return tuple({(r.source, r.kind, str(r.message), r.missing): r for r in reasons}.values())


def decide(clauses: Sequence[Clause], peers: AddressSet, ports: Ports) -> Answer:
    """Send traffic from or to ``peers`` on ``ports`` through an ordered list of clauses.

    The list must end with a certain clause for all peers and ports: the default. The open questions are taken
    as independent of each other. The walk is exact under that: going on past an uncertain clause means that not
    all its questions hold, so a later clause that needs at least the same ones can't match either.
    """
    parts: list[Part] = []
    for segment in _segments(clauses, ports):
        active = [clause for clause in clauses if any(segment in ports for ports in clause.ports)]
        parts += _decide_peers(active, peers, segment)
    return Answer(tuple(_joined(parts)))


def _segments(clauses: Iterable[Clause], ports: Ports) -> list[Ports]:
    """Cut a range of ports so that no clause begins or ends within a piece."""
    starts = {ports.first}
    for clause in clauses:
        for own in clause.ports:
            starts |= {start for start in (own.first, own.last + 1) if ports.first < start <= ports.last}
    ordered = sorted(starts)
    return [Ports(first, after - 1) for first, after in zip(ordered, [*ordered[1:], ports.last + 1], strict=True)]


def _decide_peers(clauses: Sequence[Clause], peers: AddressSet, segment: Ports) -> list[Part]:
    undecided: dict[tuple[int, ...], AddressSet] = {(): peers} if peers else {}
    decided: dict[tuple[int, tuple[int, ...]], AddressSet] = {}
    for number, clause in enumerate(clauses):
        left: dict[tuple[int, ...], AddressSet] = {}
        for passed, addresses in undecided.items():
            matched = addresses & clause.peers
            _add(left, passed, addresses - clause.peers)
            if not clause.open_questions:
                _add(decided, (number, passed), matched)
            elif any(clauses[before].open_questions <= clause.open_questions for before in passed):
                _add(left, passed, matched)
            else:
                _add(left, (*passed, number), matched)
        undecided = left
        if not undecided:
            break
    return [
        _part(clauses[number], [clauses[before] for before in passed], addresses, segment)
        for (number, passed), addresses in decided.items()
    ]


K = TypeVar("K")


def _add(sets: dict[K, AddressSet], key: K, addresses: AddressSet) -> None:
    if addresses:
        sets[key] = sets.get(key, AddressSet()) | addresses


def _part(clause: Clause, uncertain: Sequence[Clause], peers: AddressSet, ports: Ports) -> Part:
    deciding = [other for other in uncertain if other.accepts != clause.accepts]
    if deciding:
        reasons = unique(reason for other in deciding for reason in other.reasons)
        return Part(Outcome.UNKNOWN, peers, ports, clause.owner, clause.rule, reasons)
    return Part(Outcome.ALLOWED if clause.accepts else Outcome.DENIED, peers, ports, clause.owner, clause.rule)


def _joined(parts: Iterable[Part]) -> list[Part]:
    """Join parts that differ by adjoining ports alone."""
    joined: list[Part] = []
    for part in parts:
        for number, other in enumerate(joined):
            wider = replace(other, ports=Ports(other.ports.first, part.ports.last))
            if other.ports.last + 1 == part.ports.first and replace(part, ports=wider.ports) == wider:
                joined[number] = wider
                break
        else:
            joined.append(part)
    return joined
