"""The RAM policy evaluator: its table of cases, and its properties against a brute-force reading."""

import contextlib
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.facts.rules.ram_policy import Answer, Decision, StatementId, decide, read_policy
from auditor.facts.table import NotKnown, ReasonKind

ACTION = "ess:ExecuteScalingRule"
Json = dict[str, Any]


def statement(effect: str = "Allow", action: object = "ess:*", resource: object = "*", **more: Any) -> Json:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def answer(*statements: Json, action: str = ACTION) -> Answer:
    return decision(*statements, action=action).answer


def decision(*statements: Json, action: str = ACTION) -> Decision:
    return decide(action, [read_policy("Custom/p", json.dumps({"Version": "1", "Statement": list(statements)}))])


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "ess:*",
        "ess:ExecuteScalingRule",
        "ESS:executescalingrule",
        "ess:Execute*",
        "*:Execute*",
        "ess:?xecuteScalingRul?",
    ],
)
def test_a_pattern_matches_in_any_case(pattern: str) -> None:
    assert answer(statement(action=pattern)) is Answer.ALLOWED
    assert answer(statement(action=["oss:Get*", pattern])) is Answer.ALLOWED


@pytest.mark.parametrize(
    "pattern",
    ["ecs:*", "ess:Execute", "xess:*", "ess:ExecuteScalingRule?", "ess.ExecuteScalingRule", "ess:[E]*", "ess:", ""],
)
def test_a_pattern_of_something_else_does_not_match(pattern: str) -> None:
    assert answer(statement(action=pattern)) is Answer.NOT_ALLOWED


@pytest.mark.parametrize(
    "resource",
    ["*", "**", ["*"], "acs:*:*:*:*", "acs:ess:*:*:*", "ACS:ESS:*:*:*", "acs:ess:*", "acs:*", ["acs:oss:*:*:x", "*"]],
)
def test_every_resource_is_wide(resource: object) -> None:
    assert answer(statement(resource=resource)) is Answer.ALLOWED
    assert answer(statement(), statement("Deny", resource=resource)) is Answer.DENIED_BY_STATEMENT


@pytest.mark.parametrize(
    "resource",
    [
        "acs:ess:cn-hangzhou:*:*",
        "acs:ess:*:1098765432101234:*",
        "acs:ess:*:*:scalinggroup/asg-1",
        "acs:ess:*:*:scalinggroup/*",
        "acs:ecs:*:*:*",
        "acs:ess",
        "acs",
        "acs:ess:*:*:?",
        "acs:ess:*:*:*:x",
        "",
        [],
    ],
)
def test_less_than_every_resource_does_not_decide(resource: object) -> None:
    assert answer(statement(resource=resource)) is Answer.UNDECIDABLE
    assert answer(statement(), statement("Deny", resource=resource)) is Answer.UNDECIDABLE


CONDITION = {"IpAddress": {"acs:SourceIp": "203.0.113.0/24"}}
CONDITIONAL = statement(Condition=CONDITION)
CONDITIONAL_DENY = statement("Deny", Condition=CONDITION)
NOT_ACTION = {"Effect": "Allow", "NotAction": "ram:*", "Resource": "*"}
NOT_RESOURCE = {"Effect": "Allow", "Action": "ess:*", "NotResource": "acs:ess:*:*:scalinggroup/asg-1"}


def test_what_nothing_allows_is_denied() -> None:
    assert decision() == Decision(Answer.NOT_ALLOWED)
    assert decision(statement(action="ecs:*")).is_denied
    assert decide(ACTION, []) == Decision(Answer.NOT_ALLOWED)


def test_a_deny_wins_over_any_allow_and_is_told() -> None:
    found = decision(statement(), statement("Deny", ACTION), statement(action="*"))
    assert found == Decision(Answer.DENIED_BY_STATEMENT, (StatementId("Custom/p", 2),))
    assert found.is_denied
    assert str(found.statements[0]) == "Custom/p#2"
    assert answer(CONDITIONAL, CONDITIONAL_DENY, statement("Deny")) is Answer.DENIED_BY_STATEMENT


def test_a_deny_of_another_action_leaves_this_one_alone() -> None:
    assert answer(statement(), statement("Deny", "ess:DeleteScalingGroup")) is Answer.ALLOWED


@pytest.mark.parametrize("conditional", [CONDITIONAL, NOT_ACTION, NOT_RESOURCE])
def test_a_conditional_allow_decides_nothing_by_itself(conditional: Json) -> None:
    assert answer(conditional) is Answer.UNDECIDABLE
    assert not decision(conditional).is_denied
    assert answer(statement(), conditional) is Answer.ALLOWED
    assert answer(conditional, statement("Deny")) is Answer.DENIED_BY_STATEMENT


@pytest.mark.parametrize("conditional", [CONDITIONAL, NOT_ACTION, NOT_RESOURCE])
def test_a_conditional_deny_matters_only_where_something_is_allowed(conditional: Json) -> None:
    deny = {**conditional, "Effect": "Deny"}
    assert answer(deny) is Answer.NOT_ALLOWED
    assert decision(statement(), deny) == Decision(Answer.UNDECIDABLE, (StatementId("Custom/p", 2),))
    assert answer(CONDITIONAL, deny) is Answer.UNDECIDABLE


def test_a_condition_on_another_action_does_not_matter() -> None:
    assert answer(statement(), statement("Deny", "ecs:*", Condition=CONDITION)) is Answer.ALLOWED


@pytest.mark.parametrize("empty", [{}, None])
def test_an_empty_condition_is_none(empty: object) -> None:
    assert answer(statement(Condition=empty)) is Answer.ALLOWED


def test_a_single_statement_needs_no_list() -> None:
    policy = read_policy("p", json.dumps({"Version": "1", "Statement": statement()}))
    assert decide(ACTION, [policy]).answer is Answer.ALLOWED


@pytest.mark.parametrize(
    "document",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"Statement": null}',
        '{"Statement": "Allow"}',
        '{"Statement": [7]}',
        '{"Statement": [{"Action": "*", "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Perhaps", "Action": "*", "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "NotResource": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": [1], "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": "x"}]}',
    ],
)
def test_what_is_no_policy_is_not_known(document: str) -> None:
    with pytest.raises(NotKnown) as gap:
        read_policy("Custom/broken", document)
    assert [reason.kind for reason in gap.value.reasons] == [ReasonKind.MALFORMED]
    assert "Custom/broken" in str(gap.value)


LETTERS = st.text("aAbB:*?.[]", max_size=8)


def matches_by_hand(pattern: str, text: str) -> bool:
    """Match character by character: ``*`` is any text, ``?`` any one character, and case does not matter."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(matches_by_hand(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0].lower()) and matches_by_hand(pattern[1:], text[1:])


@given(LETTERS, st.text("aAbB:.", min_size=1, max_size=8))
def test_only_the_star_and_the_question_mark_are_wild(pattern: str, action: str) -> None:
    expected = Answer.ALLOWED if matches_by_hand(pattern.lower(), action.lower()) else Answer.NOT_ALLOWED
    assert answer(statement(action=pattern), action=action) is expected
    denied = answer(statement(action="*"), statement("Deny", pattern), action=action)
    assert (denied is Answer.DENIED_BY_STATEMENT) == (expected is Answer.ALLOWED)


@given(
    st.lists(st.sampled_from(["ess:*", "ecs:*", "*", "ess:Execute*"]), min_size=1), st.sampled_from(["Allow", "Deny"])
)
def test_what_a_not_action_leaves_out_never_decides(left_out: list[str], effect: str) -> None:
    """Whatever it leaves out: whether it means a call is not told, only ever whether it could matter."""
    made = {"Effect": effect, "NotAction": left_out, "Resource": "*"}
    assert answer(made) is (Answer.UNDECIDABLE if effect == "Allow" else Answer.NOT_ALLOWED)
    assert answer(made, statement("Deny", ACTION)) is Answer.DENIED_BY_STATEMENT
    assert answer(made, statement()) is (Answer.ALLOWED if effect == "Allow" else Answer.UNDECIDABLE)


ACTION_PATTERNS = st.sampled_from(["*", "ess:*", "ess:Execute*", "ESS:EXECUTESCALINGRULE", "ecs:*", "ess:Describe?"])
RESOURCES = st.sampled_from(["*", "acs:*:*:*:*", "acs:ess:*:*:*", "acs:ess:*:*:scalinggroup/asg-1", "acs:oss:*:*:*"])


@st.composite
def statements(draw: st.DrawFn, effects: tuple[str, ...] = ("Allow", "Deny")) -> Json:
    made: Json = {
        "Effect": draw(st.sampled_from(effects)),
        draw(st.sampled_from(["Action", "Action", "Action", "NotAction"])): draw(st.lists(ACTION_PATTERNS, min_size=1)),
        draw(st.sampled_from(["Resource", "Resource", "Resource", "NotResource"])): draw(
            st.lists(RESOURCES, min_size=1)
        ),
    }
    if draw(st.booleans()):
        made["Condition"] = draw(st.sampled_from([{}, CONDITION]))
    return made


def names_the_action(made: Json) -> bool:
    """Read the few patterns above by hand."""
    return bool({"*", "ess:*", "ess:Execute*", "ESS:EXECUTESCALINGRULE"} & set(made["Action"]))


def is_unconditional(made: Json) -> bool:
    wide = bool({"*", "acs:*:*:*:*", "acs:ess:*:*:*"} & set(made.get("Resource", ())))
    return "Action" in made and wide and not made.get("Condition")


def possible_outcomes(made: list[Json]) -> set[bool]:
    """Try every combination of open statements that do, or do not, meet the call; return whether it passes."""
    relevant = [one for one in made if "NotAction" in one or names_the_action(one)]
    choices = [(True,) if is_unconditional(one) else (True, False) for one in relevant]
    outcomes = set()
    for meets in itertools.product(*choices):
        effects = {one["Effect"] for one, met in zip(relevant, meets, strict=True) if met}
        outcomes.add("Allow" in effects and "Deny" not in effects)
    return outcomes


ANSWERS = {
    frozenset({True}): {Answer.ALLOWED},
    frozenset({False}): {Answer.DENIED_BY_STATEMENT, Answer.NOT_ALLOWED},
    frozenset({True, False}): {Answer.UNDECIDABLE},
}


@given(st.lists(statements(), max_size=6))
def test_it_decides_exactly_what_every_reading_agrees_on(made: list[Json]) -> None:
    found = answer(*made)
    assert found in ANSWERS[frozenset(possible_outcomes(made))]
    explicit = any(one["Effect"] == "Deny" and is_unconditional(one) and names_the_action(one) for one in made)
    assert (found is Answer.DENIED_BY_STATEMENT) == explicit


@given(st.lists(statements(), max_size=5), statements(effects=("Deny",)), st.data())
def test_a_further_deny_never_allows_more(made: list[Json], deny: Json, data: st.DataObject) -> None:
    before = decision(*made)
    place = data.draw(st.integers(0, len(made)))
    after = decision(*made[:place], deny, *made[place:])
    if before.is_denied:
        assert after.is_denied
    if after.answer is Answer.ALLOWED:
        assert before.answer is Answer.ALLOWED


@given(st.lists(statements(), max_size=5), statements(effects=("Allow",)))
def test_a_further_allow_never_denies_more(made: list[Json], allow: Json) -> None:
    before, after = decision(*made), decision(*made, allow)
    if before.answer is Answer.ALLOWED:
        assert after.answer is Answer.ALLOWED
    if before.answer is Answer.DENIED_BY_STATEMENT:
        assert after.answer is Answer.DENIED_BY_STATEMENT
    if after.is_denied:
        assert before.is_denied


@given(st.lists(statements(), min_size=1, max_size=5), st.data())
def test_neither_order_nor_the_split_into_policies_matters(made: list[Json], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(made))
    cut = data.draw(st.integers(0, len(shuffled)))
    policies = [
        read_policy(str(number), json.dumps({"Statement": part}))
        for number, part in enumerate((shuffled[:cut], shuffled[cut:]))
    ]
    assert decide(ACTION, policies).answer is answer(*made)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(document: str) -> None:
    with contextlib.suppress(NotKnown):
        assert read_policy("p", document).name == "p"
