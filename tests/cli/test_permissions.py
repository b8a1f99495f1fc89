"""``auditor permissions``: what is printed can be applied as it is, and follows what is switched on."""

import json
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Place


def rules(place: Place, *arguments: str) -> list[dict[str, Any]]:
    ran = place.run("permissions", "rbac", *arguments)
    assert ran.code == 0, ran.err
    found: list[dict[str, Any]] = yaml.safe_load(ran.out)["rules"]
    return found


def reads_logs(place: Place, *arguments: str) -> bool:
    return any("pods/log" in rule.get("resources", ()) for rule in rules(place, *arguments))


def test_probes_are_added_by_name_or_all_at_once(place: Place) -> None:
    assert not reads_logs(place)
    assert reads_logs(place, "--probe", "kubelet")
    assert not reads_logs(place, "--probe", "tcp")
    assert reads_logs(place, "--probes")
    place.configure(probes='["kubelet"]')
    assert reads_logs(place)


def test_an_unknown_probe_is_named_with_the_known_ones(place: Place) -> None:
    ran = place.run("permissions", "rbac", "--probe", "kubelets")
    assert ran.code == 3
    assert "--probe 'kubelets'" in ran.err
    assert "kubelet, tcp" in ran.err


def test_secrets_are_listed_only_where_the_operator_says_so(place: Place) -> None:
    def lists_secrets(*arguments: str) -> bool:
        return any("secrets" in rule.get("resources", ()) for rule in rules(place, *arguments))

    from auditor.judge.engine import needed_tables  # noqa: PLC0415
    from auditor.judge.registry import load_checks  # noqa: PLC0415

    assert "secret_names" in needed_tables(load_checks())
    assert not lists_secrets()
    assert not lists_secrets("--probes")
    assert lists_secrets("--secret-metadata")
    place.configure(kubernetes='kubeconfig = "kubeconfig"\nsecret_metadata = true')
    assert lists_secrets()


def test_the_role_comes_with_an_account_and_its_binding(place: Place) -> None:
    ran = place.run("permissions", "rbac", "--bind", "audit/ack-auditor")
    assert ran.code == 0
    role, account, binding = yaml.safe_load_all(ran.out)
    assert role == yaml.safe_load(place.run("permissions", "rbac").out)
    assert account["metadata"] == {"namespace": "audit", "name": "ack-auditor"}
    assert binding["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": role["kind"],
        "name": role["metadata"]["name"],
    }
    assert binding["subjects"] == [{"kind": account["kind"], **account["metadata"]}]


@pytest.mark.parametrize(
    "arguments",
    [
        ("rbac", "--bind", "ack-auditor"),
        ("rbac", "--bind", "Audit/ack-auditor"),
        ("rbac", "--bind", "audit/"),
        ("rbac", "--bind", "audit/a\nb"),
        ("rbac", "--bind", ""),
        ("ram", "--bind", "audit/ack-auditor"),
    ],
)
def test_what_can_not_be_bound_is_refused(place: Place, arguments: tuple[str, ...]) -> None:
    ran = place.run("permissions", *arguments)
    assert ran.code == 3
    assert "expected rbac, and NAMESPACE/NAME" in ran.err
    assert ran.out == ""


def test_the_policy_is_for_the_chosen_checks_only(place: Place) -> None:
    ran = place.run("permissions", "ram", "--check", "storage/nas-*")
    actions = json.loads(ran.out)["Statement"][0]["Action"]
    assert "nas:DescribeAccessRules" in actions
    assert not [action for action in actions if action.startswith("slb:")]


def test_a_kubeconfig_from_ack_takes_an_action_of_its_own(place: Place) -> None:
    action = "cs:DescribeClusterUserKubeconfig"
    assert action not in json.loads(place.run("permissions", "ram").out)["Statement"][0]["Action"]
    place.configure(kubernetes='from_ack = "intranet"')
    policy = json.loads(place.run("permissions", "ram", "--config", "auditor.toml").out)
    assert action in policy["Statement"][0]["Action"]
