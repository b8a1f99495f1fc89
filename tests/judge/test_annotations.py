"""Who may speak about what: an object about itself, a workload about its Pods, a claim about its volume."""

from typing import Any

import msgspec
import pytest

from auditor.facts.kubernetes.batch import CronJob, Job
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.workloads import Deployment, ReplicaSet
from auditor.facts.landscape import Landscape
from auditor.facts.ref import Ref, cloud_ref, kubernetes_ref
from auditor.judge.annotations import Annotation, Speakers, annotations_in, speakers_of
from tests.checks import make
from tests.checks.kit import landscape, without

NOTE = {"annotations": {"ack-auditor/suppress": "words", "other": "CANARY"}}


def owned(kind: str, name: str, *, controller: bool = True) -> dict[str, Any]:
    return {"ownerReferences": [{"kind": kind, "name": name, "controller": controller}]}


def made(row_type: Any, name: str, **more: Any) -> Any:
    return msgspec.convert(
        {"metadata": make.meta(name, "shop", **more), "spec": {"template": {"spec": {"containers": []}}}}, row_type
    )


def pod(name: str, **more: Any) -> Pod:
    data = {"metadata": make.meta(name, "shop", **more), "spec": {"containers": []}}
    return msgspec.convert(data, Pod)


BASE = landscape(
    pods=[
        pod("web-1-a", **owned("ReplicaSet", "web-1"), **NOTE),
        pod("lone"),
        pod("static", **owned("Node", "n-1")),
        pod("friend", **owned("ReplicaSet", "web-1", controller=False)),
        pod("orphan", **owned("ReplicaSet", "gone-1")),
        pod("nightly-1-x", **owned("Job", "nightly-1")),
        pod("clone-0", **owned("CloneSet", "clone")),
    ],
    replicasets=[made(ReplicaSet, "web-1", **owned("Deployment", "web"), **NOTE), made(ReplicaSet, "own", **NOTE)],
    deployments=[made(Deployment, "web", **NOTE)],
    jobs=[made(Job, "nightly-1", **owned("CronJob", "nightly"))],
    cron_jobs=[msgspec.convert({"metadata": make.meta("nightly", "shop"), "spec": {"schedule": "0 1 * * *"}}, CronJob)],
    persistent_volumes=[
        make.disk_volume("pv-1", "d-1", "data/logs"),
        make.disk_volume("pv-2", "d-2", "data/other"),
        make.disk_volume("pv-3", "d-3"),
    ],
    persistent_volume_claims=[make.volume_claim("data/logs", "pv-1"), make.volume_claim("data/other", "pv-1")],
)


def about(subject: Ref, base: Landscape = BASE) -> list[str]:
    return [f"{one.kind} {one.name}" for one in Speakers(base).about(subject)]


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("web-1-a", ["ReplicaSet web-1", "Deployment web"]),
        ("lone", []),
        ("static", []),
        ("friend", []),
        ("orphan", ["ReplicaSet gone-1"]),
        ("nightly-1-x", ["Job nightly-1", "CronJob nightly"]),
        ("clone-0", []),
        ("never-was", []),
    ],
)
def test_about_a_pod(name: str, others: list[str]) -> None:
    assert about(kubernetes_ref("Pod", name, "shop")) == [f"Pod {name}", *others]


def test_a_claim_about_its_volume_if_each_names_the_other() -> None:
    claimed, stolen, free = (
        kubernetes_ref("PersistentVolume", f"pv-{number}", "", f"d-{number}") for number in (1, 2, 3)
    )
    assert about(claimed) == ["PersistentVolume pv-1", "PersistentVolumeClaim logs"]
    assert about(stolen) == ["PersistentVolume pv-2"]
    assert about(free) == ["PersistentVolume pv-3"]


def test_nobody_about_the_cloud() -> None:
    assert about(cloud_ref("Disk", "d-1")) == []


@pytest.mark.parametrize("table", ["pods", "replicasets"])
def test_what_is_not_known_does_not_speak(table: str) -> None:
    missing = without(BASE, table)
    assert "Deployment web" not in about(kubernetes_ref("Pod", "web-1-a", "shop"), missing)


def test_annotations_are_found_but_for_those_that_a_deployment_copies() -> None:
    assert set(annotations_in(BASE)) == {
        Annotation(kubernetes_ref("Pod", "web-1-a", "shop"), "words"),
        Annotation(kubernetes_ref("ReplicaSet", "own", "shop"), "words"),
        Annotation(kubernetes_ref("Deployment", "web", "shop"), "words"),
    }


def test_the_tables_of_those_who_may_speak() -> None:
    assert speakers_of({"pods"}) == {*("daemonsets", "jobs", "replicasets", "statefulsets", "deployments", "cron_jobs")}
    assert speakers_of({"persistent_volumes"}) == {"persistent_volume_claims"}
    assert speakers_of({"services", "disks"}) == set()
