"""What decides whether a node takes a Pod."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.facts.kubernetes.meta import LabelSelectorRequirement
from auditor.facts.kubernetes.nodes import Node, Taint
from auditor.facts.kubernetes.pods import NodeSelector, NodeSelectorTerm, Toleration
from auditor.facts.rules.scheduling import (
    first_untolerated,
    is_gated,
    lasting_refusal,
    matches_node,
    refusal,
    requirement_holds,
    selector_admits,
    suits_labels,
    tolerates,
)
from tests.checks import make


def affinity(*terms: dict[str, Any]) -> dict[str, Any]:
    required = {"nodeSelectorTerms": list(terms)}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


def why(pod_spec: dict[str, Any], node: Node) -> str:
    return str(refusal(make.pod("a/b", spec=pod_spec), node) or "")


def node(**more: Any) -> Node:
    return make.node("a1", labels={"disk": "ssd", "cores": "8"}, **more)


def test_a_plain_pod_fits_a_plain_node() -> None:
    assert matches_node(make.pod("a/b"), node())


def test_every_label_of_the_node_selector_counts() -> None:
    assert why({"nodeSelector": {"disk": "ssd", "cores": "8"}}, node()) == ""
    assert why({"nodeSelector": {"disk": "ssd", "cores": "9"}}, node()) == "nodeSelector"
    assert why({"nodeSelector": {"gone": ""}}, node()) == "nodeSelector"


@pytest.mark.parametrize(
    ("term", "fits"),
    [
        (expression("disk", "In", "hdd", "ssd"), True),
        (expression("disk", "In", "hdd"), False),
        (expression("gone", "In", "hdd"), False),
        (expression("disk", "NotIn", "hdd"), True),
        (expression("disk", "NotIn", "ssd"), False),
        (expression("gone", "NotIn", "hdd"), True),
        (expression("disk", "Exists"), True),
        (expression("gone", "Exists"), False),
        (expression("gone", "DoesNotExist"), True),
        (expression("disk", "DoesNotExist"), False),
        (expression("cores", "Gt", "7"), True),
        (expression("cores", "Gt", "8"), False),
        (expression("cores", "Lt", "9"), True),
        (expression("cores", "Lt", "8"), False),
        (expression("cores", "Gt", "-1"), True),
        (expression("disk", "Gt", "1"), False),
        (expression("cores", "Gt", "x"), False),
        (expression("cores", "Gt"), False),
        (expression("gone", "Lt", "9"), False),
        (expression("cores", "Gt", "1_0"), False),
        (expression("cores", "Lt", "9" * 30), False),
        (expression("disk", "Like", "ssd"), False),
        ({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a1"]}]}, True),
        ({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a2"]}]}, False),
        ({"matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["a1"]}]}, False),
        ({"matchFields": [{"key": "metadata.uid", "operator": "NotIn", "values": ["a1"]}]}, False),
        ({}, False),
    ],
)
def test_affinity(term: dict[str, Any], fits: bool) -> None:
    assert why(affinity(term), node()) == ("" if fits else "nodeAffinity")


def test_terms_are_alternatives_and_expressions_are_not() -> None:
    no, yes = expression("disk", "In", "hdd"), expression("disk", "In", "ssd")
    both = {"matchExpressions": no["matchExpressions"] + yes["matchExpressions"]}
    assert why(affinity(no, yes), node()) == ""
    assert why(affinity(both), node()) == "nodeAffinity"
    assert why(affinity(), node()) == "nodeAffinity"


def test_fields_and_expressions_of_a_term_have_to_hold_together() -> None:
    name = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a1"]}]}
    assert why(affinity(name | expression("disk", "In", "hdd")), node()) == "nodeAffinity"
    assert why(affinity(name | expression("disk", "In", "ssd")), node()) == ""


def test_taints() -> None:
    tainted = node(taints=[{"key": "for", "value": "db", "effect": "NoSchedule"}])
    assert why({}, tainted) == "taint for=db:NoSchedule"
    assert why({"tolerations": [{"key": "for", "value": "db", "effect": "NoSchedule"}]}, tainted) == ""
    assert why({"tolerations": [{"key": "for", "value": "web"}]}, tainted) == "taint for=db:NoSchedule"
    assert why({"tolerations": [{"operator": "Exists"}]}, tainted) == ""
    assert why({}, node(taints=[{"key": "for", "effect": "PreferNoSchedule"}])) == ""
    assert why({}, node(taints=[{"key": "for", "effect": "NoExecute"}])) == "taint for:NoExecute"


def test_a_toleration_of_another_effect_does_not_help() -> None:
    tainted = node(taints=[{"key": "for", "effect": "NoExecute"}])
    assert why({"tolerations": [{"key": "for", "operator": "Exists", "effect": "NoSchedule"}]}, tainted) != ""


def test_a_cordon() -> None:
    assert why({}, node(unschedulable=True)) == "unschedulable"
    taint = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    assert why({}, node(taints=[taint])) == "unschedulable"
    assert why({"tolerations": [{**taint, "operator": "Exists"}]}, node(unschedulable=True, taints=[taint])) == ""


def test_a_node_that_is_not_ready() -> None:
    away = node(ready=False)
    assert why({}, away) == "notReady"
    assert why({"tolerations": [{"operator": "Exists"}]}, away) == ""
    # What every Pod is given by default is against NoExecute only, and keeps it where it is.
    default = {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}
    assert why({"tolerations": [default]}, away) == "notReady"


def test_what_lasts() -> None:
    pod = make.pod("a/b")
    pressed = [{"key": "node.kubernetes.io/memory-pressure", "effect": "NoSchedule"}]
    assert lasting_refusal(pod, node(ready=False, taints=pressed)) is None
    assert str(refusal(pod, node(taints=pressed))) == "taint node.kubernetes.io/memory-pressure:NoSchedule"
    assert str(lasting_refusal(pod, node(unschedulable=True))) == "unschedulable"
    assert str(lasting_refusal(pod, node(taints=[{"key": "for", "effect": "NoSchedule"}]))) == "taint for:NoSchedule"
    assert lasting_refusal(make.pod("a/b", spec={"nodeSelector": {"disk": "hdd"}}), node()) is not None


def test_a_gated_pod() -> None:
    gated = {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}
    assert is_gated(make.pod("a/b", status=gated))
    assert not is_gated(make.pod("a/b"))


keys, values = st.sampled_from("ab"), st.sampled_from(["", "1", "2", "x"])
labels_drawn = st.dictionaries(keys, values)
requirements = st.builds(
    LabelSelectorRequirement,
    key=keys,
    operator=st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]),
    values=st.lists(values, max_size=2),
)


def holds(requirement: LabelSelectorRequirement, labels: dict[str, str]) -> bool:
    """Say the same in other words: by the set of labels' values that are right."""
    space = ["", "1", "2", "x"]
    given_ = requirement.values or []
    numbers = {"1": 1, "2": 2}
    one = len(given_) == 1 and given_[0] in numbers
    right: dict[str, set[str | None]] = {
        "In": set(given_),
        "NotIn": {None, *space} - set(given_),
        "Exists": set(space),
        "DoesNotExist": {None},
        "Gt": {v for v in numbers if one and numbers[v] > numbers[given_[0]]},
        "Lt": {v for v in numbers if one and numbers[v] < numbers[given_[0]]},
    }
    return labels.get(requirement.key) in right[requirement.operator]


@given(requirement=requirements, labels=labels_drawn)
def test_an_expression_holds_for_just_the_right_values(
    requirement: LabelSelectorRequirement, labels: dict[str, str]
) -> None:
    assert requirement_holds(requirement, labels) == holds(requirement, labels)


@given(terms=st.lists(st.lists(requirements, max_size=3), max_size=3), labels=labels_drawn)
def test_a_selector_is_a_choice_of_conjunctions(
    terms: list[list[LabelSelectorRequirement]], labels: dict[str, str]
) -> None:
    selector = NodeSelector([NodeSelectorTerm(match_expressions=term) for term in terms])
    expected = False
    for term in terms:
        if term and sum(holds(requirement, labels) for requirement in term) == len(term):
            expected = True
    assert selector_admits(selector, labels) == expected


@given(selector=labels_drawn, labels=labels_drawn)
def test_a_node_selector_is_a_subset_of_the_labels(selector: dict[str, str], labels: dict[str, str]) -> None:
    pod = make.pod("a/b", spec={"nodeSelector": selector})
    assert suits_labels(pod, labels) == (selector.items() <= labels.items())


effects = st.sampled_from(["NoSchedule", "NoExecute", "PreferNoSchedule"])
taints_drawn = st.builds(Taint, key=keys, value=values, effect=effects)
tolerations_drawn = st.builds(
    Toleration,
    key=st.sampled_from(["", "a", "b"]),
    operator=st.sampled_from(["", "Equal", "Exists"]),
    value=values,
    effect=st.sampled_from(["", "NoSchedule", "NoExecute"]),
)


@given(toleration=tolerations_drawn, taint=taints_drawn)
def test_a_toleration_answers_a_taint_when_all_that_it_names_is_equal(toleration: Toleration, taint: Taint) -> None:
    named = msgspec.structs.asdict(toleration)
    if named.pop("operator") == "Exists":
        del named["value"]
    wildcards = {part for part in ("key", "effect") if named[part] == ""}
    assert tolerates(toleration, taint) == all(
        getattr(taint, part) == value for part, value in named.items() if part not in wildcards
    )


@given(tolerations=st.lists(tolerations_drawn, max_size=3), taints=st.lists(taints_drawn, max_size=3))
def test_only_hard_taints_that_nothing_answers_keep_a_pod_away(
    tolerations: list[Toleration], taints: list[Taint]
) -> None:
    away = [
        taint
        for taint in taints
        if taint.effect != "PreferNoSchedule" and not [one for one in tolerations if tolerates(one, taint)]
    ]
    assert first_untolerated(tolerations, taints) == (away[0] if away else None)


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [("Gt", "750", True), ("Gt", "950", False), ("Lt", "951", True), ("Lt", "x", False)],
)
def test_tolerations_by_threshold(operator: str, value: str, expected: bool) -> None:
    taint = Taint(key="sla", value="950", effect="NoExecute")
    assert tolerates(Toleration(key="sla", operator=operator, value=value), taint) is expected


def test_an_operator_that_is_not_known_tolerates_nothing() -> None:
    assert not tolerates(Toleration(operator="Like"), Taint(key="a", effect="NoExecute"))
