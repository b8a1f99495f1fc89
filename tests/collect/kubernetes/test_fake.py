"""The fake API server behaves as a real one where the collectors could tell the difference."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import urllib3

from auditor.collect.kubernetes.client import open_client
from tests.collect.kubernetes.conftest import QUICK
from tests.collect.kubernetes.kit import PODS, collect
from tests.fakes.kubernetes import FakeKubernetes
from tests.fakes.kubernetes import recorded as bodies


def ask(cluster: FakeKubernetes, method: str, path: str, body: object = None, accept: str = "*/*") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {cluster.token}", "Accept": accept}
    with urllib3.PoolManager() as http:
        answer = http.request(method, cluster.url + path, json=body, headers=headers, retries=False)
        is_json = answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(answer.data) if is_json else answer.data


def test_only_reading_is_allowed(cluster: FakeKubernetes) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert ask(cluster, method, f"{PODS}")[0] == 405
    assert [request.method for request in cluster.requests] == ["POST", "PUT", "PATCH", "DELETE"]
    assert len(cluster.objects.all(PODS)) == 87


def test_a_page_is_as_recorded(cluster: FakeKubernetes) -> None:
    status, page = ask(cluster, "GET", f"{PODS}?limit=20")
    assert status == 200
    assert (page["kind"], page["apiVersion"], page["metadata"]["remainingItemCount"]) == ("PodList", "v1", 67)
    assert "kind" not in page["items"][0]


def test_one_namespace_and_one_object(cluster: FakeKubernetes) -> None:
    _, pods = ask(cluster, "GET", "/api/v1/namespaces/data/pods")
    assert {pod["metadata"]["namespace"] for pod in pods["items"]} == {"data"}
    status, pod = ask(cluster, "GET", "/api/v1/namespaces/data/pods/mysql-0")
    assert (status, pod["kind"], pod["metadata"]["name"]) == (200, "Pod", "mysql-0")
    assert ask(cluster, "GET", "/api/v1/namespaces/data/pods/none")[0] == 404
    assert ask(cluster, "GET", "/api/v1/nodes/cn-hangzhou.192.168.0.11")[1]["kind"] == "Node"


def test_errors_are_as_recorded(cluster: FakeKubernetes) -> None:
    cluster.deny("list nodes")
    denied = ask(cluster, "GET", "/api/v1/nodes")[1]
    recorded = json.loads(bodies.body("errors/403_forbidden_nodes_cluster_scope.json"))
    assert denied | {"details": {"kind": "nodes"}} == recorded
    assert ask(cluster, "GET", "/api/v1/nothings") == (404, b"404 page not found\n")


def test_discovery_and_readiness(cluster: FakeKubernetes) -> None:
    assert ask(cluster, "GET", "/version")[1]["gitVersion"] == "v1.36.2"
    assert ask(cluster, "GET", "/apis/apps/v1")[1]["kind"] == "APIResourceList"
    assert ask(cluster, "GET", "/readyz") == (200, b"ok")


def test_access_reviews_tell_what_is_denied(cluster: FakeKubernetes) -> None:
    cluster.deny("list pods")
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    allowed = {}
    for verb in ("list", "get"):
        review = {"spec": {"resourceAttributes": {"verb": verb, "resource": "pods"}}}
        status, answer = ask(cluster, "POST", path, review)
        assert status == 201
        allowed[verb] = answer["status"]["allowed"]
    assert allowed == {"list": False, "get": True}


def test_it_runs_as_a_command(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    command = [sys.executable, "-m", "tests.fakes.kubernetes", "--kubeconfig", str(kubeconfig)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        with open_client(kubeconfig=kubeconfig, patience=QUICK) as client:
            assert len(collect(client, "nodes")) == 8
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def test_a_table_holds_metadata_unless_whole_objects_are_asked_for(cluster: FakeKubernetes) -> None:
    table = "application/json;as=Table;g=meta.k8s.io;v=v1"
    _, answer = ask(cluster, "GET", "/api/v1/secrets?limit=2&includeObject=Metadata", accept=table)
    recorded = bodies.document("api_v1_secrets.table")
    names = [column["name"] for column in answer["columnDefinitions"]]
    assert names == [column["name"] for column in recorded["columnDefinitions"]]
    assert [row["object"] for row in answer["rows"]] == [row["object"] for row in recorded["rows"][:2]]
    assert [row["cells"] for row in answer["rows"]] == [row["cells"] for row in recorded["rows"][:2]]
    assert answer["metadata"]["remainingItemCount"] == 9
    _, whole = ask(cluster, "GET", "/api/v1/secrets?includeObject=Object", accept=table)
    assert whole["rows"][0]["object"]["data"]
    _, bare = ask(cluster, "GET", "/api/v1/secrets?includeObject=None", accept=table)
    assert "object" not in bare["rows"][0]


def test_an_older_server_is_told_by_its_version_and_its_discovery(cluster: FakeKubernetes) -> None:
    cluster.speaks("1.20")
    assert ask(cluster, "GET", "/version")[1]["gitVersion"].startswith("v1.20.")
    groups = {group["name"]: group for group in ask(cluster, "GET", "/apis")[1]["groups"]}
    assert [version["version"] for version in groups["batch"]["versions"]] == ["v1", "v1beta1"]
    assert [version["version"] for version in groups["policy"]["versions"]] == ["v1beta1"]
    assert groups["autoscaling"]["preferredVersion"]["version"] == "v1"
    assert "resource.k8s.io" not in groups
    assert ask(cluster, "GET", "/apis/policy")[1]["versions"] == groups["policy"]["versions"]
    names = {one["name"] for one in ask(cluster, "GET", "/apis/batch/v1beta1")[1]["resources"]}
    assert names == {"cronjobs"}
    assert "cronjobs" not in {one["name"] for one in ask(cluster, "GET", "/apis/batch/v1")[1]["resources"]}


def test_the_newest_server_is_as_recorded(cluster: FakeKubernetes) -> None:
    assert ask(cluster, "GET", "/version")[1] == bodies.document("version")
    recorded = {group["name"]: group["versions"] for group in bodies.document("apis")["groups"]}
    assert {group["name"]: group["versions"] for group in ask(cluster, "GET", "/apis")[1]["groups"]} == recorded


def test_objects_of_an_older_server_have_its_form(cluster: FakeKubernetes) -> None:
    cluster.speaks("1.18")
    path = "/apis/networking.k8s.io/v1beta1/namespaces/ingress-demo/ingresses/echo"
    status, ingress = ask(cluster, "GET", path)
    assert (status, ingress["apiVersion"]) == (200, "networking.k8s.io/v1beta1")
    backend = ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]
    assert backend == {"serviceName": "echo", "servicePort": 80}
    assert ask(cluster, "GET", "/apis/networking.k8s.io/v1/ingresses")[0] == 404
    assert ask(cluster, "GET", "/apis/policy/v1beta1/poddisruptionbudgets")[1]["kind"] == "PodDisruptionBudgetList"
    cluster.speaks("1.36")
    assert ask(cluster, "GET", path)[0] == 404


def test_a_version_beyond_those_known_is_refused(cluster: FakeKubernetes) -> None:
    for version in ("1.17", "1.37", "2.0"):
        with pytest.raises(ValueError, match=re.escape(version)):
            cluster.speaks(version)
