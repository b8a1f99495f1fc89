"""The doctor: can everything be reached and read, what is missing, and what to grant."""

import http.server
import io
import json
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest
import yaml
from rich.console import Console

from auditor.agent.doctor import Diagnosis, SideState
from auditor.agent.granted import Grant, Permission
from auditor.cli.doctor_page import print_page
from auditor.config.clusters import Cluster
from auditor.facts.ref import Layer
from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import t
from tests.cli.conftest import Place, Ran

ROLE = "acs:ram::1098765432101234:role/ack-auditor"
VOLUMES = "list persistentvolumes"


def diagnosed(place: Place, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Run the doctor and return what it says of the one cluster."""
    ran = place.run("doctor", "--format", "json", *arguments)
    assert ran.code == code, ran.err
    assert ran.err == ""
    said = json.loads(ran.out)
    assert said["schema"] == "auditor.doctor/v1"
    cluster: dict[str, Any] = said["clusters"][0]
    return cluster


def by_grant(said: dict[str, Any], grant: str) -> set[str]:
    return {one["name"] for one in said["permissions"] if one["grant"] == grant}


def side(said: dict[str, Any], layer: str) -> dict[str, Any]:
    return next(one for one in said["sides"] if one["layer"] == layer)


def used(place: Place) -> set[str]:
    asked_first = {"sts:GetCallerIdentity"}
    return (place.cloud.permissions() - asked_first) | place.kubernetes.permissions_used


def test_a_healthy_cluster_is_whole(place: Place) -> None:
    said = diagnosed(place)
    assert said["whole"]
    assert by_grant(said, "ok") == used(place), "a permission is granted if a call that needs it was answered"
    assert by_grant(said, "not_needed")
    assert not by_grant(said, "missing") | by_grant(said, "not_told")
    assert said["grant"] == {"ram": None, "rbac": None}
    assert side(said, "cloud")["identity"]["arn"].endswith("assumed-role/ack-auditor/ack-auditor")
    assert side(said, "kubernetes")["identity"]["user"] == "fake-user"
    assert all(one["readable"] and one["seconds"] > 0 for one in said["sides"])


def test_the_page_says_the_same(place: Place) -> None:
    ran = place.run("doctor")
    assert ran.code == 0
    assert "Everything that the checks need can be read." in ran.out
    assert "ok  ecs:DescribeDisks  1 call answered" in ran.out
    assert "not needed now  nlb:ListLoadBalancers  there was nothing to ask" in ran.out
    assert not (place.folder / "reports").exists(), "nothing is written"


@pytest.mark.parametrize(
    ("permission", "blocked"),
    [
        ("ecs:DescribeDisks", "nothing"),
        ("cs:DescribeClusterDetail", "nothing"),
        ("slb:DescribeLoadBalancers", "slb:DescribeVServerGroups"),
        ("ram:ListPoliciesForRole", "ram:GetPolicy"),
        (VOLUMES, "ecs:DescribeDisks"),
        ("list volumeattachments.storage.k8s.io", "nothing"),
    ],
)
def test_a_denied_permission_is_missing_and_what_hangs_on_it_is_not_told(
    place: Place, permission: str, blocked: str
) -> None:
    before = diagnosed(place)
    place.cloud.deny(permission)
    place.kubernetes.deny(permission)
    said = diagnosed(place, code=2)
    assert by_grant(said, "missing") == {permission}
    assert by_grant(said, "ok") <= by_grant(before, "ok") - {permission}
    assert blocked == "nothing" or blocked in by_grant(said, "not_told")
    if ":" in permission:
        statement = {"Effect": "Allow", "Action": [permission], "Resource": "*"}
        assert said["grant"] == {"ram": {"Version": "1", "Statement": [statement]}, "rbac": None}
    else:
        resource, _, group = permission.removeprefix("list ").partition(".")
        rule = {"apiGroups": [group], "resources": [resource], "verbs": ["list"]}
        assert said["grant"] == {"ram": None, "rbac": [rule]}


def test_what_is_granted_cures_it(place: Place) -> None:
    place.cloud.deny("nas:*")
    place.kubernetes.deny("list pods", "list nodes")
    granted: set[str] = set()
    for _ in range(5):
        ran = place.run("doctor", "--format", "json")
        missing = by_grant(json.loads(ran.out)["clusters"][0], "missing")
        if not missing:
            break
        assert not missing & granted, "nothing is asked for twice"
        granted |= missing
        place.cloud.heal()
        if not granted >= {"nas:DescribeFileSystems", "nas:DescribeAccessRules"}:
            place.cloud.deny("nas:DescribeAccessRules")
        place.kubernetes._denied -= granted
    assert ran.code == 0
    assert granted == {"nas:DescribeFileSystems", "nas:DescribeAccessRules", "list pods", "list nodes"}


def test_a_permission_for_some_objects_only_is_missing(place: Place) -> None:
    first = next(iter(place.cloud.state.slb.load_balancers))
    place.cloud.deny("slb:DescribeVServerGroups", when=lambda params: params["LoadBalancerId"] == first)
    ran = place.run("doctor")
    assert ran.code == 2
    assert "missing  slb:DescribeVServerGroups  1 of 5 calls denied" in ran.out
    assert "An audit would be incomplete: a permission is missing." in ran.out


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (lambda place: place.cloud.throttle("ecs:DescribeDisks"), "throttled"),
        (lambda place: place.cloud.fail("ecs:DescribeDisks", 502, "<html>busy</html>"), "malformed"),
    ],
)
def test_a_call_that_ends_otherwise_tells_nothing(place: Place, plant: Callable[[Place], object], kind: str) -> None:
    place.configure(alibaba=f'endpoint = "{place.endpoint}"\ntimeout_seconds = 2')
    plant(place)
    said = diagnosed(place, code=2)
    assert by_grant(said, "not_told") == {"ecs:DescribeDisks"}
    shown = next(one for one in said["permissions"] if one["name"] == "ecs:DescribeDisks")
    assert shown["reason"]["kind"] == kind
    assert shown["calls"] == 1
    assert said["grant"] == {"ram": None, "rbac": None}
    assert [one["kind"] for one in said["unread"]] == [kind]


def test_an_answer_that_can_not_be_read_proves_the_permission_and_is_said(place: Place) -> None:
    place.cloud.mutate("ecs:DescribeDisks", lambda answer: {**answer, "Disks": None})
    said = diagnosed(place, code=2)
    assert "ecs:DescribeDisks" in by_grant(said, "ok")
    assert [(one["table"], one["kind"]) for one in said["unread"]] == [("disks", "malformed")]
    assert not said["whole"]


def test_one_side_that_does_not_answer_leaves_the_other(place: Place) -> None:
    place.configure(kubernetes='kubeconfig = "dead"')
    place.kubernetes.write_kubeconfig(place.folder / "dead", token="not-the-token")
    said = diagnosed(place, code=2)
    assert not side(said, "kubernetes")["readable"]
    assert side(said, "cloud")["readable"]
    told = {one["grant"] for one in said["permissions"] if one["layer"] == "kubernetes"}
    assert told == {"not_told"}
    assert "cs:DescribeClusterDetail" in by_grant(said, "ok")
    assert said["grant"]["rbac"] is None, "no role cures a wrong token"
    assert said["unread"] == [], "what a whole side lacks is said once, at the side"


def test_no_side_is_the_end(place: Place) -> None:
    place.configure(alibaba='endpoint = "http://127.0.0.1:9"\ntimeout_seconds = 1', kubernetes='kubeconfig = "dead"')
    place.kubernetes.write_kubeconfig(place.folder / "dead", token="not-the-token")
    ran = place.run("doctor")
    assert ran.code == 3
    assert "No audit is possible: neither side can be read." in ran.out


def test_a_wrong_configuration_is_said_and_the_other_side_is_looked_at(place: Place) -> None:
    (place.folder / "kubeconfig").unlink()
    ran = place.run("doctor")
    assert ran.code == 3
    assert "No audit is possible: the configuration is wrong." in ran.out
    assert "the kubeconfig kubeconfig does not exist" in ran.out
    assert "ok  cs:DescribeClusterDetail" in ran.out


def test_variables_that_override_the_configured_credentials_are_named_without_their_values(place: Place) -> None:
    place.environment |= {"ALIYUN_ACCESS_KEY_ID": "LTAI-other", "ALIYUN_ACCESS_KEY_SECRET": "other-secret"}
    keys = 'access_key_id = "a", access_key_secret = "b"'
    place.configure(alibaba=f'endpoint = "{place.endpoint}"\ncredentials = {{ kind = "access_key", {keys} }}')
    ran = place.run("doctor")
    assert ran.code == 3
    assert "ALIYUN_ACCESS_KEY_ID, ALIYUN_ACCESS_KEY_SECRET would silently override" in ran.out
    assert "ALIYUN_ACCESS_KEY_SECRET  the SDK would prefer it" in ran.out
    assert "other" not in ran.out.replace("for other", "")


def test_what_of_the_environment_counts_is_named(place: Place) -> None:
    place.environment |= {"HTTPS_PROXY": "http://user:pass-word@proxy.example:3128", "ALIBABA_CLOUD_CA_BUNDLE": "/no/x"}
    said = diagnosed(place, code=3)  # a bundle that is not there leaves no way to the cloud
    found = {one["name"]: one["overriding"] for one in said["environment"]}
    assert found == {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": False,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": False,
        "HTTPS_PROXY": False,
        "ALIBABA_CLOUD_CA_BUNDLE": True,
    }
    assert "pass-word" not in json.dumps(said)


def test_a_role_that_may_not_be_taken_on_needs_a_right_of_the_other_identity(place: Place) -> None:
    place.configure(
        alibaba=f'endpoint = "{place.endpoint}"\n'
        f'credentials = {{ kind = "ram_role", role_arn = "{ROLE}", source = "default" }}'
    )
    place.cloud.deny("sts:AssumeRole")
    said = diagnosed(place, code=2)
    statement = {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": [ROLE]}
    assert said["grant"]["ram"] == {"Version": "1", "Statement": [statement]}
    assert "the trust policy of the role must name who takes it on" in place.run("doctor").out


def test_a_trust_policy_that_lacks_an_account_is_cured_by_no_statement(place: Place) -> None:
    (place.folder / "token").write_text("oidc-token")
    rrsa = f'role_arn = "{ROLE}", oidc_provider_arn = "{ROLE}-oidc", oidc_token_file = "token"'
    place.configure(alibaba=f'endpoint = "{place.endpoint}"\ncredentials = {{ kind = "rrsa", {rrsa} }}')
    place.cloud.deny("sts:AssumeRoleWithOIDC")
    said = diagnosed(place, code=2)
    assert side(said, "cloud")["reason"]["missing"] == ["sts:AssumeRoleWithOIDC"]
    assert said["grant"]["ram"] is None


def test_a_kubeconfig_that_ack_does_not_hand_out_takes_an_action(place: Place) -> None:
    place.configure(kubernetes='from_ack = "public"')
    place.cloud.deny("cs:DescribeClusterUserKubeconfig")
    said = diagnosed(place, code=2)
    assert not side(said, "kubernetes")["readable"]
    assert said["grant"]["ram"]["Statement"][0]["Action"] == ["cs:DescribeClusterUserKubeconfig"]
    assert said["grant"]["rbac"] is None


def test_a_clock_that_is_off_is_said(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def ahead(_handler: Any, timestamp: float | None = None) -> str:
        import time  # noqa: PLC0415

        return formatdate(time.time() + 1200, usegmt=True)

    monkeypatch.setattr(http.server.BaseHTTPRequestHandler, "date_time_string", ahead)
    ran = place.run("doctor")
    assert ran.code == 0, "it is a warning: the calls were answered"
    assert "this machine's clock is 1200 s behind the server's" in ran.out.replace("1199 s", "1200 s")


def test_reports_that_can_not_be_written_are_told_before_an_audit(place: Place) -> None:
    place.config.write_text('[report]\ndirectory = "taken/reports"\n' + place.config.read_text())
    (place.folder / "taken").write_text("a file")
    ran = place.run("doctor")
    assert ran.code == 3
    assert "taken/reports: reports can't be written there" in ran.out


@pytest.mark.parametrize("on", [False, True])
def test_the_rights_of_a_probe_are_looked_at_only_where_it_is_switched_on(place: Place, on: bool) -> None:
    place.configure(probes='["kubelet"]' if on else "[]")
    said = diagnosed(place)
    assert ("get pods/log" in by_grant(said, "ok")) is on
    assert ("get pods/log" in json.dumps(said)) is on


def test_only_the_chosen_checks_are_looked_at(place: Place) -> None:
    said = diagnosed(place, "--check", "storage/nas-*")
    assert "nas:DescribeAccessRules" in by_grant(said, "ok")
    assert not [one for one in said["permissions"] if one["name"].startswith("slb:")]
    assert place.run("doctor", "--check", "nothing/like-this").code == 3
    assert place.run("doctor", "--cluster", "nobody").code == 3


def test_nothing_hostile_reaches_a_terminal_and_the_statements_stay_whole() -> None:
    hostile = "role\x1b[2J\u202e[red]"
    cluster = Cluster(name="shop", region="cn-hangzhou", cluster_id="c0123456789")
    denied = Reason("ecs", ReasonKind.FORBIDDEN, t("denied to {who}", who=hostile), ("ecs:DescribeDisks",))
    rights = [
        Permission("ecs:DescribeDisks", Layer.CLOUD, "ecs", Grant.MISSING, ("disks",), 1, 1, denied),
        Permission("get /livez", Layer.KUBERNETES, "kubernetes", Grant.MISSING, ("api_health",), 1, 1, denied),
    ]
    states = [SideState(Layer.KUBERNETES), SideState(Layer.CLOUD, "https://sts", {"arn": hostile}, 0.01, -0.5)]
    for is_terminal in (True, False):
        out = io.StringIO()
        console = Console(file=out, force_terminal=is_terminal, width=44, color_system=None)
        print_page([Diagnosis(cluster, [hostile], states, rights, [])], [hostile], console)
        text = out.getvalue()
        assert "\x1b[2J" not in text
        assert "\u202e" not in text
        assert "[red]" in text
        document, _, rules = text[text.index('{\n  "Version"') :].partition("\n\n")
        assert json.loads(document)["Statement"][0]["Action"] == ["ecs:DescribeDisks"]
        assert yaml.safe_load(rules.partition("\n")[2]) == {
            "rules": [{"nonResourceURLs": ["/livez"], "verbs": ["get"]}]
        }


def test_several_clusters_are_looked_at_one_after_the_other(place: Place) -> None:
    second = place.config.read_text().replace('"shop-prod"', '"shop-test"')
    place.config.write_text(place.config.read_text() + second)
    ran: Ran = place.run("doctor", "--format", "json")
    assert ran.code == 0
    assert [one["cluster"] for one in json.loads(ran.out)["clusters"]] == ["shop-prod", "shop-test"]
    assert len(json.loads(place.run("doctor", "--format", "json", "--cluster", "shop-test").out)["clusters"]) == 1
