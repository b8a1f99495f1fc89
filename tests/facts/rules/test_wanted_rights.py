"""What has to be asked to know whether everybody has the rights that they must have."""

import pytest

from auditor.facts.landscape import ClusterIdentity, WantedIdentity, WantedRight
from auditor.facts.rules.wanted_rights import groups_of, questions


@pytest.mark.parametrize(
    ("user", "groups", "all_groups"),
    [
        ("alice", [], ("system:authenticated",)),
        ("alice", ["ops", "ops"], ("ops", "system:authenticated")),
        ("", ["ops"], ("ops", "system:authenticated")),
        ("system:anonymous", [], ("system:unauthenticated",)),
        (
            "system:serviceaccount:ci:deployer",
            ["extra"],
            ("extra", "system:authenticated", "system:serviceaccounts", "system:serviceaccounts:ci"),
        ),
    ],
)
def test_the_groups_that_the_server_adds(user: str, groups: list[str], all_groups: tuple[str, ...]) -> None:
    assert groups_of(user, groups) == all_groups


def test_a_question_for_each_verb() -> None:
    rights = [WantedRight(["get", "list"], "pods/log", namespace="shop"), WantedRight(["patch"], "deployments", "apps")]
    asked = list(questions(ClusterIdentity("a", identities=[WantedIdentity(rights, "alice")])))
    assert [(one.verb, one.group, one.resource, one.subresource, one.namespace) for one in asked] == [
        ("get", "", "pods", "log", "shop"),
        ("list", "", "pods", "log", "shop"),
        ("patch", "apps", "deployments", "", ""),
    ]
    assert asked[0].key == "alice [system:authenticated] get pods/log in shop"
    assert asked[2].key == "alice [system:authenticated] patch apps/deployments in *"


def test_nobody_is_asked_about() -> None:
    assert list(questions(ClusterIdentity("a"))) == []
