"""The finding that somebody lacks rights, with the smallest rules that are missing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.facts.joins.rbac_rights import Binding
from auditor.facts.rules.wanted_rights import SERVICE_ACCOUNT, Question
from auditor.judge.api import Certainty, Evidence, Finding, Hop, Reason, Ref, Step, Text, broken, ok, step, t

_RAM_USER = re.compile(r"(?P<uid>\d+)-\d+")
"""How ACK names a RAM user in the certificates that it hands out."""
_NO_NAME = re.compile(r"[^a-z0-9.-]+")
"""What the name of a role may not hold."""
MOST_HOPS = 10
MOST_RULES = 5
"""For how many rules the remedy has commands; the evidence has them all."""


@dataclass(frozen=True)
class Lack:
    """A right that is lacking: whether the API server said so, with its words, or why it could not be asked."""

    question: Question
    is_asked: bool
    words: str = ""
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class MissingRule:
    """The smallest rule that would give what is missing of one resource in one place."""

    group: str
    resource: str
    namespace: str
    verbs: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The rule as it is shown."""
        place = f"namespace {self.namespace}" if self.namespace else "whole cluster"
        return f"{','.join(self.verbs)} {self.target} ({place})"

    @property
    def target(self) -> str:
        """The resource as kubectl takes it: ``deployments.apps``, ``pods/log``."""
        kind, slash, part = self.resource.partition("/")
        return f"{kind}{'.' + self.group if self.group else ''}{slash}{part}"

    @property
    def yaml(self) -> str:
        """The rule as it stands in a role."""
        verbs = ", ".join(f'"{verb}"' for verb in self.verbs)
        return f'{{apiGroups: ["{self.group}"], resources: ["{self.resource}"], verbs: [{verbs}]}}'


def ram_user(user: str) -> str:
    """Return the id of the RAM user behind a user name that ACK gave; empty for any other name."""
    match = _RAM_USER.fullmatch(user)
    return match["uid"] if match else ""


def missing_rules(lacking: Sequence[Lack]) -> list[MissingRule]:
    """Return the smallest rules that are missing: one for each resource and place, with the verbs together."""
    verbs: dict[tuple[str, str, str], list[str]] = {}
    for lack in lacking:
        one = lack.question
        resource = f"{one.resource}/{one.subresource}" if one.subresource else one.resource
        verbs.setdefault((one.group, resource, one.namespace), []).append(one.verb)
    return [MissingRule(*key, tuple(dict.fromkeys(named))) for key, named in verbs.items()]


def denied_finding(
    ref: Ref,
    user: str,
    groups: Sequence[str],
    lacking: Sequence[Lack],
    bindings: Sequence[Binding],
    grants: Sequence[str] | None,
) -> Finding:
    """Make the finding that somebody lacks rights."""
    rules = missing_rules(lacking)
    is_asked = any(lack.is_asked for lack in lacking)
    held = [binding.shown for binding in bindings]
    name = user or ", ".join(groups)
    message = (
        t("{who} may not: {rules}; the API server says so", who=name, rules=[rule.shown for rule in rules])
        if is_asked
        else t(
            "{who} may not, as far as roles and bindings tell: {rules}", who=name, rules=[rule.shown for rule in rules]
        )
    )
    evidence: dict[str, Evidence] = {
        "user": user,
        "groups": list(groups),
        "missing_rules": [rule.yaml for rule in rules],
        "missing": [rule.shown for rule in rules],
        "bindings": held,
        "asked": "SubjectAccessReview" if is_asked else "roles and bindings",
        "words": list(dict.fromkeys(lack.words for lack in lacking if lack.words)),
    }
    if grants is not None:
        evidence["ack_grants"] = list(grants)
    return Finding(
        subject=ref,
        fault="lacks-rights",
        certainty=Certainty.CONFIRMED if is_asked else Certainty.LIKELY,
        message=message,
        why=_why(held, grants),
        trail=(*_held(bindings), broken(ref, t("lacks: {rules}", rules=[rule.shown for rule in rules]))),
        evidence=evidence,
        remedy=_remedy(ref, user, groups, rules),
    )


def _why(held: Sequence[str], grants: Sequence[str] | None) -> Text:
    has = (
        t("The bindings that name them are: {bindings}.", bindings=list(held))
        if held
        else t("No binding that could be read names them.")
    )
    if grants is None:
        return t("{has} None of these gives the rights that the configuration says they must have.", has=has)
    if not grants:
        return t("{has} ACK's Authorizations give this RAM user nothing in this cluster.", has=has)
    return t(
        "{has} ACK's Authorizations give: {grants}; that does not hold these rights.", has=has, grants=list(grants)
    )


def _held(bindings: Sequence[Binding]) -> tuple[Hop, ...]:
    return tuple(
        ok(binding.ref, t("gives {kind} {role}", kind=binding.role_kind, role=binding.role_name))
        for binding in bindings[:MOST_HOPS]
    )


def _remedy(ref: Ref, user: str, groups: Sequence[str], rules: Sequence[MissingRule]) -> tuple[Step, ...]:
    first = rules[0]
    kind, _, part = first.target.partition("/")
    as_whom = [
        *(["--as", user] if user else ["--as", "anybody"]),
        *(w for group in groups for w in ("--as-group", group)),
    ]
    steps = [
        step(
            t("Confirm: ask in their name."),
            *("kubectl", "auth", "can-i", first.verbs[0], kind, *(("--subresource", part) if part else ())),
            *(*_place(first), *as_whom),
        )
    ]
    for rule in rules[:MOST_RULES]:
        steps += _grant(ref, user, groups, rule)
    if ram_user(user):
        steps.append(
            step(
                t(
                    "For a RAM user, better by ACK: in the console, Authorizations, choose the user, this cluster and "
                    "namespace, and a predefined or custom role. What kubectl binds is not shown there."
                ),
                *("aliyun", "cs", "GET", f"/permissions/users/{ram_user(user)}"),
            )
        )
    return tuple(steps)


def _grant(ref: Ref, user: str, groups: Sequence[str], rule: MissingRule) -> tuple[Step, ...]:
    """Return the two steps that give one rule and nothing else."""
    if user.startswith(SERVICE_ACCOUNT):
        whom = ("--serviceaccount", user.removeprefix(SERVICE_ACCOUNT))
    elif user:
        whom = ("--user", user)
    else:
        given = [group for group in groups if not group.startswith("system:")]
        whom = ("--group", (given or list(groups))[0])
    kind = "role" if rule.namespace else "clusterrole"
    name = _NO_NAME.sub("-", f"{ref.name or 'group'}-{rule.target}".lower()).strip("-.")
    return (
        step(
            t(
                "Give no more than is missing, {rule}: first a role with the rule. Ask the owner of the namespace: "
                "whoever may create Pods there can read its Secrets too.",
                rule=rule.yaml,
            ),
            *("kubectl", "create", kind, name, f"--verb={','.join(rule.verbs)}", f"--resource={rule.target}"),
            *_place(rule),
        ),
        step(
            t("Then bind it to them; it holds at once."),
            *("kubectl", "create", f"{kind}binding", name, f"--{kind}={name}", *whom, *_place(rule)),
        ),
    )


def _place(rule: MissingRule) -> tuple[str, ...]:
    return ("-n", rule.namespace) if rule.namespace else ()
