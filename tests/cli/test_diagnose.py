"""`auditor diagnose`: the causes behind a symptom or an error text, in the order of the notes."""

import io
import json
import sys
from typing import Any
from unittest import mock

import pytest
from rich.console import Console

from auditor.agent.audit import Watcher
from auditor.agent.diagnose import Answer, Inquiry, answer
from auditor.cli.diagnose_page import IN_FULL, LINES, print_page
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.landscape import Landscape
from auditor.facts.table import Table
from auditor.judge.registry import load_checks
from auditor.judge.symptoms import SYMPTOMS, checks_of
from tests.checks import make
from tests.checks.kit import landscape
from tests.cli.conftest import Place, Ran

LOGS = "kubectl-logs-exec-fail"
GROUP = "sg-bp1ownnodes00000001"
NODE = "cn-hangzhou.192.168.0.11"
DENIED = (
    'Error from server (Forbidden): deployments.apps "web" is forbidden: User "20482-1" cannot patch resource '
    '"deployments" in API group "apps" in the namespace "shop"'
)
RBAC_CHECK = '''"""Somebody lacks a right that he must have

It is asked of the API server."""

from auditor.facts.rules.wanted_rights import questions
from auditor.judge.api import Check, Finding, Passed, Severity, t
from auditor.facts.ref import kubernetes_ref

check = Check(severity=Severity.MEDIUM, causes=("K1",), since="0.1.0", symptoms=("kubectl-forbidden",))


def subjects(cluster):
    return list(questions(cluster))


def judge(question, access_reviews):
    review = access_reviews.get(question.key)
    if review.allowed:
        return Passed()
    return Finding(subject=kubernetes_ref("User", question.user), message=t("{user} may not", user=question.user),
        evidence={"groups": list(question.groups), "right": f"{question.verb} {question.resource}"})
'''
OTHER_CHECK = '''"""A node is there

To have a finding for each."""

from auditor.judge.api import Check, Finding, Severity, step, t

check = Check(severity=Severity.LOW, causes=("N13",), since="0.1.0", symptoms=("pod-unreachable",))


def subjects(nodes):
    return nodes.known_rows()


def judge(node):
    return Finding(subject=node.ref, message=t("is there"), remedy=(step(t("Look."), "kubectl", "get", "nodes"),))
'''


def own_check(place: Place, text: str, name: str = "access/made.py") -> None:
    path = place.folder / "own" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    config = place.config.read_text(encoding="utf-8")
    place.config.write_text(f'{config}\n[checks]\nfolders = ["own"]\n', encoding="utf-8")


def close_kubelets(place: Place) -> None:
    """Put the nodes into a group of their own, which lets nobody in."""
    ecs = place.cloud.state.ecs
    ecs.add_security_group(GROUP, SecurityGroupType="normal")
    for machine in (*ecs.instances.values(), *(one for one in ecs.network_interfaces.values() if one["InstanceId"])):
        machine["SecurityGroupIds"] = {"SecurityGroupId": [GROUP]}


def told(place: Place, *arguments: str, code: int) -> dict[str, Any]:
    """Run the command and return what it says as JSON."""
    ran = place.run("diagnose", *arguments, "--format", "json")
    assert ran.code == code, ran.err or ran.out
    said: dict[str, Any] = json.loads(ran.out)
    assert said["schema"] == "auditor.diagnose/v1"
    return said


def checks_in(said: dict[str, Any], row: str) -> list[dict[str, Any]]:
    return [
        check
        for symptom in said["symptoms"]
        for one in symptom["rows"]
        if one["cause"] == row
        for check in one["checks"]
    ]


def answered(symptom: str, base: Landscape) -> Answer:
    return answer(base, Inquiry((SYMPTOMS[symptom],)), load_checks(), [], "landscape", Watcher())


def test_what_is_in_order_is_said(place: Place) -> None:
    said = told(place, LOGS, code=0)
    assert said["complete"]
    (check,) = checks_in(said, "K2")
    assert (check["id"], check["status"], check["findings"]) == ("access/kubelet-port-blocked", "passed", [])
    assert check["subjects"] > 0


def test_what_is_found_is_said_with_its_trail_and_its_remedy(place: Place) -> None:
    close_kubelets(place)
    (finding,) = checks_in(told(place, LOGS, code=1), "K2")[0]["findings"]
    assert finding["subject"]["id"] == GROUP
    ran = place.run("diagnose", LOGS)
    assert ran.code == 1
    assert "found something  access/kubelet-port-blocked" in ran.out
    assert "✗ SecurityGroup " in ran.out
    assert GROUP in ran.out
    assert "  1. " in ran.out
    assert "By design" in ran.out
    assert place.run("diagnose", LOGS, "--fail-on", "critical").code == 0


def test_only_what_the_checks_need_is_read(place: Place) -> None:
    told(place, LOGS, code=0)
    assert "list persistentvolumes" not in place.kubernetes.permissions_used
    assert "slb:DescribeLoadBalancers" not in place.cloud.actions()
    assert "list nodes" in place.kubernetes.permissions_used


def test_what_could_not_be_looked_at_is_named_with_what_to_grant(place: Place) -> None:
    place.cloud.deny("ecs:DescribeSecurityGroupAttribute")
    ran = place.run("diagnose", LOGS)
    assert ran.code == 2
    assert "not evaluated  access/kubelet-port-blocked" in ran.out
    assert "Permission is missing: ecs:DescribeSecurityGroupAttribute (touches access/kubelet-port-blocked)" in ran.out
    assert "auditor permissions ram" in ran.out
    assert not told(place, LOGS, code=2)["complete"]


def test_an_object_narrows_the_answer_and_the_others_are_counted(place: Place) -> None:
    close_kubelets(place)
    said = told(place, LOGS, "--object", NODE, code=1)
    (check,) = checks_in(said, "K2")
    assert (len(check["findings"]), check["findings_on_others"]) == (1, 0)
    assert said["objects"][0]["found"][0]["kind"] == "Node"
    said = told(place, LOGS, "--object", "shop/cart", code=0)
    (check,) = checks_in(said, "K2")
    assert (len(check["findings"]), check["findings_on_others"]) == (0, 1)
    ran = place.run("diagnose", LOGS, "--object", "shop/cart")
    assert "found nothing on what was named  access/kubelet-port-blocked" in ran.out
    assert "On other objects: 1 (SecurityGroup " in ran.out


@pytest.mark.parametrize("given", [f"node/{NODE}x", "shop/cartx", "nothere/cart", "i-bp1nosuchinstance1", "pv/cart"])
@pytest.mark.parametrize("shape", ["text", "json"])
def test_an_object_that_is_not_there_is_an_error(place: Place, given: str, shape: str) -> None:
    close_kubelets(place)
    ran = place.run("diagnose", LOGS, "--object", given, "--format", shape)
    assert ran.code == 3
    assert ran.out == ""
    assert given.partition("/")[2] in ran.err
    assert f"there is no such object among what the checks of {LOGS} read" in ran.err
    assert "they read these kinds: " in ran.err
    assert "Node" in ran.err


def test_an_object_that_may_be_among_what_was_denied_is_no_error(place: Place) -> None:
    place.kubernetes.deny("list services")
    ran = place.run("diagnose", LOGS, "--object", "shop/cartx")
    assert ran.code == 2
    assert "shop/cartx is not among what could be read; not everything could" in ran.out


def test_whom_the_operator_named_is_there(place: Place) -> None:
    must = '[{ verbs = ["get"], resource = "pods" }]'
    deployer = f'{{ user = "system:serviceaccount:ci:deployer", must = {must} }}'
    place.configure(identities=f'[{{ user = "ops", must = {must} }}, {deployer}]')
    place.kubernetes.grant("ops", "get", "pods")
    said = told(place, "kubectl-forbidden", "--object", "ops", "--fail-on", "medium", code=0)
    assert [one["kind"] for one in said["objects"][0]["found"]] == ["User"]
    said = told(place, "kubectl-forbidden", "--object", "ci/deployer", "--fail-on", "medium", code=1)
    assert [one["subject"]["name"] for one in checks_in(said, "K1")[0]["findings"]] == ["deployer"]
    assert place.run("diagnose", "kubectl-forbidden", "--object", "nobody").code == 3


def test_a_missing_disk_is_told_of_a_claim_that_waits(place: Place) -> None:
    said = told(place, "pvc-pending", code=0)
    assert "storage/disk-missing" in {check["id"] for check in checks_in(said, "S3")}


@pytest.mark.parametrize("given", ["", "a/b/c/d", "widget/shop/web", "shop/"])
def test_what_is_no_object_is_refused(place: Place, given: str) -> None:
    ran = place.run("diagnose", LOGS, "--object", given)
    assert ran.code == 3
    assert "expected NAMESPACE/NAME" in ran.err or "there is no kind 'widget'" in ran.err
    assert place.kubernetes.requests == []


def test_an_error_text_leads_to_the_symptom_and_the_object(place: Place) -> None:
    close_kubelets(place)
    text = f"Error from server: error dialing backend: dial tcp {NODE.partition('.')[2]}:10250: i/o timeout"
    said = told(place, text, code=1)
    assert said["error"]["patterns"][0]["id"] == "kubelet-unreachable"
    assert [one["id"] for one in said["symptoms"]] == [LOGS]
    (named,) = said["objects"]
    assert (named["kind"], [one["name"] for one in named["found"]]) == ("address", [NODE])
    assert len(checks_in(said, "K2")[0]["findings"]) == 1


def test_findings_that_touch_nothing_of_what_a_text_names_are_shown_and_said_to(place: Place) -> None:
    close_kubelets(place)
    ran = place.run("diagnose", 'Get "https://10.9.9.9:10250/x": dial tcp 10.9.9.9:10250: i/o timeout')
    assert ran.code == 1
    assert "No finding touches them, so all are shown." in ran.out


def test_a_text_may_come_by_standard_input(place: Place) -> None:
    text = "don't know why: dial tcp 192.168.0.11:10250: i/o timeout\n"
    with mock.patch.object(sys, "stdin", io.StringIO(text)):
        said = told(place, "-", code=0)
    assert [one["id"] for one in said["symptoms"]] == [LOGS]


def test_a_denial_is_asked_of_the_api_server_and_nothing_else(place: Place) -> None:
    place.configure(identities='[{ user = "other", must = [{ verbs = ["get"], resource = "pods" }] }]')
    own_check(place, RBAC_CHECK)
    ran = place.run("diagnose", DENIED, "--format", "json")
    said = json.loads(ran.out)
    made = next(check for check in checks_in(said, "K1") if check["id"] == "access/made")
    (finding,) = made["findings"]
    assert finding["evidence"]["right"] == "patch deployments"
    assert made["subjects"] == 1, "the right of the text alone is asked for"
    assert said["error"]["denied"] == {
        "user": "20482-1",
        "verb": "patch",
        "resource": "deployments",
        "group": "apps",
        "namespace": "shop",
        "path": "",
    }
    place.kubernetes.grant("20482-1", "patch", "deployments", "apps", "shop")
    said = json.loads(place.run("diagnose", DENIED, "--format", "json").out)
    made = next(check for check in checks_in(said, "K1") if check["id"] == "access/made")
    assert (made["status"], made["findings"]) == ("passed", [])


def test_a_denial_is_explained_until_the_right_is_granted(place: Place) -> None:
    (check,) = checks_in(told(place, DENIED, "--fail-on", "medium", code=1), "K1")
    assert check["id"] == "access/rbac-denied"
    assert [finding["subject"]["name"] for finding in check["findings"]] == ["20482-1"]
    place.kubernetes.grant("20482-1", "patch", "deployments", "apps", "shop")
    (check,) = checks_in(told(place, DENIED, "--fail-on", "medium", code=0), "K1")
    assert (check["status"], check["findings"]) == ("passed", [])


def test_the_groups_of_a_user_are_those_of_the_configuration(place: Place) -> None:
    place.configure(
        identities='[{ user = "20482-1", groups = ["ops"], must = [{ verbs = ["get"], resource = "pods" }] }]'
    )
    own_check(place, RBAC_CHECK)
    place.kubernetes.grant("group:ops", "patch", "deployments", "apps", "shop")
    said = json.loads(place.run("diagnose", DENIED, "--format", "json").out)
    made = next(check for check in checks_in(said, "K1") if check["id"] == "access/made")
    assert (made["status"], made["subjects"]) == ("passed", 1)


def test_a_denial_without_the_right_to_ask_is_not_evaluated(place: Place) -> None:
    own_check(place, RBAC_CHECK)
    place.kubernetes.deny("create subjectaccessreviews.authorization.k8s.io")
    ran = place.run("diagnose", DENIED)
    assert ran.code == 2
    assert "create subjectaccessreviews.authorization.k8s.io" in ran.out


def test_a_denied_path_is_not_taken_for_looked_at(place: Place) -> None:
    own_check(place, RBAC_CHECK)
    ran = place.run("diagnose", 'User "ops" cannot get path "/metrics"')
    assert ran.code == 2
    assert "ops was denied the path /metrics" in ran.out
    assert "only rights on resources are" in ran.out


def test_a_text_that_is_not_known_is_not_guessed(place: Place) -> None:
    ran = place.run("diagnose", "the ingress answers oddly")
    assert ran.code == 3
    assert "no known error has this text, so nothing was looked at" in ran.err
    assert "nearest by its words: ingress-unreachable" in ran.err
    assert all(name in ran.err for name in SYMPTOMS)
    assert place.kubernetes.requests == []


def test_a_misspelt_symptom_is_told_the_nearest(place: Place) -> None:
    ran = place.run("diagnose", "disk-mount-fail")
    assert ran.code == 3
    assert "no symptom is called 'disk-mount-fail'" in ran.err
    assert "nearest by its words: disk-mount-fails" in ran.err


def test_nothing_asked_lists_the_symptoms(place: Place) -> None:
    place.config.unlink()
    ran = place.run("diagnose")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == list(SYMPTOMS)
    listed = json.loads(place.run("diagnose", "--format", "json").out)["symptoms"]
    assert listed[0]["causes"] == ["S1", "S2", "S3", "S8"]
    assert place.run("diagnose", "").code == 3
    assert place.run("diagnose", "--object", "a/b").code == 3


def test_a_cluster_that_cant_be_read_is_said_to_be(place: Place) -> None:
    place.kubernetes.token = "another"
    place.cloud.deny("sts:GetCallerIdentity")
    place.configure(alibaba='endpoint = "http://127.0.0.1:9"')
    ran = place.run("diagnose", LOGS)
    assert ran.code == 3
    assert "neither side can be read" in ran.err


def test_one_side_is_enough_to_begin_with(place: Place) -> None:
    place.configure(alibaba='endpoint = "http://127.0.0.1:9"')
    ran = place.run("diagnose", LOGS)
    assert ran.code == 2
    assert "The API can't be reached" in ran.out


def test_the_demo_is_looked_at_without_any_access(place: Place) -> None:
    place.config.unlink()
    said = told(place, LOGS, "--demo", code=1)
    assert said["run"]["trigger"] == "landscape"
    assert checks_in(said, "K2")[0]["findings"]
    assert place.kubernetes.requests == []
    assert place.run("diagnose", LOGS, "--demo", "--landscape", "x").code == 3
    assert place.run("diagnose", LOGS, "--demo", "--cluster", "other").code == 3


@pytest.mark.parametrize("symptom", SYMPTOMS)
def test_every_symptom_is_answered_in_the_order_of_its_rows(place: Place, symptom: str) -> None:
    for language in ("en", "zh"):
        ran = place.run("diagnose", symptom, "--demo", "--format", "json", "--language", language)
        assert ran.code in (0, 1, 2), ran.err
        (said,) = json.loads(ran.out)["symptoms"]
        assert [row["cause"] for row in said["rows"]] == [row.id for row in SYMPTOMS[symptom].rows]
        assert {check["id"] for row in said["rows"] for check in row["checks"]} == {
            check.id for check in checks_of([SYMPTOMS[symptom]], load_checks())
        }
    page = place.run("diagnose", symptom, "--demo").out
    places = [page.index(f"\n  {row.id:<4}") for row in SYMPTOMS[symptom].rows]
    assert places == sorted(places)


def test_a_saved_landscape_is_looked_at_too(place: Place) -> None:
    close_kubelets(place)
    assert place.run("collect", "--output", "shop.landscape", "--check", "access/*").code == 0
    place.kubernetes.requests.clear()
    said = told(place, LOGS, "--landscape", "shop.landscape", code=1)
    assert checks_in(said, "K2")[0]["findings"]
    assert place.kubernetes.requests == []


def test_a_denial_that_a_landscape_was_not_asked_for_is_not_known(place: Place) -> None:
    own_check(place, RBAC_CHECK)
    assert place.run("collect", "--output", "shop.landscape", "--check", "access/made").code == 0
    ran = place.run("diagnose", DENIED, "--landscape", "shop.landscape")
    assert ran.code == 2, "that nobody asked is no denial"


def test_suppressed_findings_are_shown_and_do_not_count(place: Place) -> None:
    close_kubelets(place)
    with place.config.open("a", encoding="utf-8") as file:
        file.write('\n[[suppressions]]\ncheck = "access/*"\nreason = "known"\nowner = "ops"\nexpires = 2099-01-01\n')
    ran = place.run("diagnose", LOGS)
    assert ran.code == 0
    assert "suppressed until 2099-01-01 by ops: known" in ran.out


def test_many_findings_are_cut_and_hostile_names_are_harmless(place: Place) -> None:
    own_check(place, OTHER_CHECK)
    nodes: list[Node] = [make.node(f"node-{number:03}") for number in range(IN_FULL + LINES + 3)]
    nodes[0] = make.node("\x1b[31m[bold]x[/bold]")
    checks = [check for check in load_checks([place.folder / "own"]) if check.id == "access/made"]
    said = answer(landscape(nodes=nodes), Inquiry((SYMPTOMS["pod-unreachable"],)), checks, [], "landscape", Watcher())
    for terminal in (True, False):
        out = io.StringIO()
        print_page(said, "en", Console(file=out, force_terminal=terminal, width=70, color_system=None))
        page = out.getvalue()
        assert "And 3 more" in page
        assert page.count("$ kubectl get nodes") == IN_FULL
        assert "\\x1b[31m[bold]x[/bold]" in page
        assert "\x1b[31m" not in page


def test_a_page_fits_an_encoding_that_lacks_its_characters() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    base = landscape(nodes=[make.node("a")], instances=Table("instances"))
    print_page(answered("disk-detach-fails", base), "zh", Console(file=out, width=80))
    out.flush()
    assert raw.getvalue()


def test_the_help_says_what_it_takes(place: Place) -> None:
    ran: Ran = place.run("diagnose", "--help")
    assert ran.code == 0
    for option in ("--object", "--landscape", "--demo", "--format", "--language", "--fail-on", "--cluster", "--config"):
        assert option in ran.out
    assert "diagnose" in place.run("--help").out
