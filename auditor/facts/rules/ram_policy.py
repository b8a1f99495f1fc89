"""What a RAM identity may do, by the policies attached to it.

An explicit Deny wins over any Allow, and what nothing allows is denied. A statement with a Condition, with
NotAction or NotResource, or for less than every resource may or may not meet the call in question: it decides
nothing by itself, and leaves an action undecidable only where it could turn the answer.

Source: RAM documentation, "Policy structure and syntax" and "Policy evaluation process", read 2026-11.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal

import msgspec

from auditor.facts.decoders import decoder_of
from auditor.facts.table import NotKnown, Reason, ReasonKind
from auditor.facts.text import t

_SOURCE = "ram"
_RESOURCE_PARTS = 5
"""A resource is named ``acs:<product>:<region>:<account>:<relative id>``."""


class _Statement(msgspec.Struct, rename="pascal", frozen=True):
    effect: Literal["Allow", "Deny"]
    action: str | list[str] | None = None
    not_action: str | list[str] | None = None
    resource: str | list[str] | None = None
    not_resource: str | list[str] | None = None
    condition: dict[str, Any] | None = None


class _Document(msgspec.Struct, rename="pascal", frozen=True):
    statement: list[_Statement] | _Statement


_DOCUMENT: msgspec.json.Decoder[_Document] = decoder_of(_Document)


class Answer(StrEnum):
    """Whether an action may be called."""

    ALLOWED = "allowed"
    DENIED_BY_STATEMENT = "denied_by_statement"
    NOT_ALLOWED = "not_allowed"
    UNDECIDABLE = "undecidable"


@dataclass(frozen=True)
class StatementId:
    """One statement: the policy that it stands in, and its place there, counted from 1."""

    policy: str
    number: int

    def __str__(self) -> str:
        """Return the policy and the number."""
        return f"{self.policy}#{self.number}"


@dataclass(frozen=True)
class Decision:
    """The answer for one action, and the statements that it rests on; none where nothing allows the action."""

    answer: Answer
    statements: tuple[StatementId, ...] = ()

    @property
    def is_denied(self) -> bool:
        """Whether the call is refused, by a statement or for want of one."""
        return self.answer in (Answer.DENIED_BY_STATEMENT, Answer.NOT_ALLOWED)


@dataclass(frozen=True)
class PolicyDocument:
    """A policy that was read and understood."""

    name: str
    statements: tuple[_Statement, ...]


def read_policy(name: str, document: str) -> PolicyDocument:
    """Read the JSON text of a policy.

    Raises:
        NotKnown: malformed, if the text is no policy: no JSON, no Statement, an Effect other than Allow and
            Deny, or a statement that names neither or both of Action and NotAction, or of Resource and
            NotResource. Such a policy may allow or deny anything.
    """
    try:
        read = _DOCUMENT.decode(document)
    except msgspec.DecodeError as error:
        raise _malformed(name, str(error)) from None
    statements = read.statement if isinstance(read.statement, list) else [read.statement]
    for number, statement in enumerate(statements, start=1):
        if (statement.action is None) == (statement.not_action is None):
            raise _malformed(name, f"statement {number} needs either Action or NotAction")
        if (statement.resource is None) == (statement.not_resource is None):
            raise _malformed(name, f"statement {number} needs either Resource or NotResource")
    return PolicyDocument(name, tuple(statements))


def decide(action: str, policies: Iterable[PolicyDocument]) -> Decision:
    """Tell whether an identity with exactly these policies may call an action (``ess:ExecuteScalingRule``).

    An unconditional Deny decides at once; a conditional one makes an action undecidable only if something
    allows it; and a conditional Allow only if nothing else does.
    """
    found: dict[tuple[str, bool], list[StatementId]] = {}
    for policy in policies:
        for number, statement in enumerate(policy.statements, start=1):
            meets = _meets(statement, action)
            if meets is not False:
                found.setdefault((statement.effect, meets is True), []).append(StatementId(policy.name, number))
    denies, maybe_denies = found.get(("Deny", True), []), found.get(("Deny", False), [])
    allows, maybe_allows = found.get(("Allow", True), []), found.get(("Allow", False), [])
    if denies:
        return Decision(Answer.DENIED_BY_STATEMENT, tuple(denies))
    if not allows and not maybe_allows:
        return Decision(Answer.NOT_ALLOWED)
    if maybe_denies or not allows:
        return Decision(Answer.UNDECIDABLE, tuple(maybe_denies + ([] if allows else maybe_allows)))
    return Decision(Answer.ALLOWED, tuple(allows))


def _meets(statement: _Statement, action: str) -> bool | None:
    """Tell whether a statement speaks of every call of an action; None if it may, depending on what is not read."""
    if statement.action is None:
        return None
    if not any(_pattern(pattern).fullmatch(action) for pattern in _listed(statement.action)):
        return False
    if statement.condition or statement.resource is None:
        return None
    product = action.partition(":")[0]
    return True if any(_is_every_resource(name, product) for name in _listed(statement.resource)) else None


def _listed(value: str | list[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> re.Pattern[str]:
    """Return an expression for a pattern in which ``*`` is any text and ``?`` any one character, and no more."""
    text = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in glob)
    return re.compile(text, re.IGNORECASE | re.DOTALL)


def _is_every_resource(resource: str, product: str) -> bool:
    """Tell whether a pattern takes in all resources of a product: ``*``, ``acs:*:*:*:*``, ``acs:ess:*:*:*``."""
    parts = [re.sub(r"\*+", "*", part).lower() for part in resource.split(":")]
    if parts == ["*"]:
        return True
    if parts[0] not in ("acs", "*") or not 1 < len(parts) <= _RESOURCE_PARTS:
        return False
    if parts[1] not in (product.lower(), "*") or any(part != "*" for part in parts[2:]):
        return False
    return len(parts) == _RESOURCE_PARTS or parts[-1] == "*"


def _malformed(name: str, error: str) -> NotKnown:
    message = t("policy {policy} could not be understood: {error}", policy=name, error=error)
    return NotKnown(Reason(_SOURCE, ReasonKind.MALFORMED, message))
