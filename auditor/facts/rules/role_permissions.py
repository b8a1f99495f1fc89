"""What a RAM role lacks of a list of actions, from the role, the policies attached to it and their documents."""

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.facts.cloud.ram import AttachedPolicies, Policy, Role
from auditor.facts.rules.ram_policy import Answer, PolicyDocument, StatementId, decide, read_policy
from auditor.facts.table import NotKnown, Reason, ReasonKind, Table, said
from auditor.facts.text import t

_SOURCE = "ram"


@dataclass(frozen=True)
class Permissions:
    """What was found of a role: the actions that it may not call, and why others could not be looked at."""

    exists: bool = True
    lacking: tuple[str, ...] = ()
    denied_by: tuple[StatementId, ...] = ()
    not_allowed: tuple[str, ...] = ()
    attached: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()


class RolePermissions:
    """Asks the three tables about one role at a time."""

    def __init__(
        self,
        roles: Table[Role],
        attached_policies: Table[AttachedPolicies],
        policies: Table[Policy],
    ) -> None:
        """Take the tables."""
        self._roles = roles
        self._attached = attached_policies
        self._policies = policies

    def of(self, role_name: str, actions: Sequence[str]) -> Permissions:
        """Return which of the actions the role may not call.

        An action that a policy which could not be read may allow or deny is not decided, but for one that
        another policy denies without condition. What is not decided is told by ``reasons``.
        """
        reasons: list[Reason] = []
        try:
            role = self._roles.get(role_name)
            if role is None or not role.exists:
                return Permissions(exists=False)
        except NotKnown as gap:
            reasons += gap.reasons
        try:
            row = self._attached.get(role_name)
            if row is None and reasons:
                return Permissions(exists=False)
            attached = said(row, _SOURCE, t("the policies attached to role {role}", role=role_name))
        except NotKnown as gap:
            return Permissions(reasons=(*reasons, *gap.reasons))
        documents, unread = self._read(attached.policies)
        decisions = {action: decide(action, documents) for action in actions}
        denied = [action for action in actions if decisions[action].answer is Answer.DENIED_BY_STATEMENT]
        not_allowed: list[str] = []
        if unread and len(denied) < len(actions):
            reasons += unread
        elif not unread:
            not_allowed = [action for action in actions if decisions[action].answer is Answer.NOT_ALLOWED]
            open_actions = [action for action in actions if decisions[action].answer is Answer.UNDECIDABLE]
            if open_actions:
                statements = [statement for action in open_actions for statement in decisions[action].statements]
                reasons.append(_undecidable(role_name, open_actions, statements))
        return Permissions(
            lacking=tuple(action for action in actions if action in denied or action in not_allowed),
            denied_by=tuple(
                dict.fromkeys(statement for action in denied for statement in decisions[action].statements)
            ),
            not_allowed=tuple(not_allowed),
            attached=tuple(attached.policies),
            reasons=tuple(reasons),
        )

    def _read(self, keys: Sequence[str]) -> tuple[list[PolicyDocument], list[Reason]]:
        documents: list[PolicyDocument] = []
        unread: list[Reason] = []
        for key in keys:
            try:
                policy = self._policies.get(key)
                document = policy.document if policy else None
                what = t("the document of policy {policy}", policy=key)
                documents.append(read_policy(key, said(document, _SOURCE, what)))
            except NotKnown as gap:
                unread += gap.reasons
        return documents, unread


def _undecidable(role_name: str, actions: list[str], statements: list[StatementId]) -> Reason:
    return Reason(
        _SOURCE,
        ReasonKind.UNDECIDABLE,
        t(
            "whether role {role} may call {actions} depends on {statements}, which have a Condition, NotAction, "
            "NotResource or less than every resource",
            role=role_name,
            actions=actions,
            statements=list(dict.fromkeys(str(statement) for statement in statements)),
        ),
    )
