"""What a match hangs on that is not known."""

from dataclasses import dataclass

from auditor.facts.rules.security_group.traffic import Peer
from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import Text, t

_BASIC_QUESTION = "the groups are basic"


@dataclass(frozen=True)
class Open:
    """What a rule's match hangs on that is not known: questions, and why each is open."""

    questions: frozenset[str] = frozenset()
    reasons: tuple[Reason, ...] = ()

    def also(self, other: "Open") -> "Open":
        """Return what both together hang on."""
        return Open(self.questions | other.questions, self.reasons + other.reasons)


NOTHING_OPEN = Open()


def open_question(question: str, *reasons: Reason) -> Open:
    """Make one question, open for these reasons. The same words are the same question."""
    return Open(frozenset({question}), reasons)


@dataclass(frozen=True)
class Kind:
    """Whether the groups are basic; None if that is not known, and why."""

    is_basic: bool | None
    reasons: tuple[Reason, ...] = ()

    @property
    def open(self) -> Open:
        """The question whether they are basic, if it is one."""
        return open_question(_BASIC_QUESTION, *self.reasons) if self.is_basic is None else NOTHING_OPEN


def membership_question(group_id: str, peer: Peer) -> Open:
    """Ask whether a peer whose groups are not known is in a group."""
    reason = undecidable(t("which security groups {peer} is in is not known", peer=str(peer.addresses)))
    return open_question(f"the peer is in {group_id}", *(peer.reasons or (reason,)))


def malformed(message: Text) -> Reason:
    """Make the reason that an answer of ECS lacked something, or could not be read."""
    return Reason("ecs", ReasonKind.MALFORMED, message)


def undecidable(message: Text) -> Reason:
    """Make the reason that everything was read, and does not decide."""
    return Reason("ecs", ReasonKind.UNDECIDABLE, message)
