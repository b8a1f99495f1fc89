"""service/endpoints-empty."""

from typing import Any

import msgspec
import pytest

from auditor.facts.kubernetes.batch import CronJob, Job
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.services import EndpointSlice, Service
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment, ReplicaSet, StatefulSet
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit, make

CHECK = "service/endpoints-empty"
OLD, FRESH = "2026-11-23T07:00:00Z", "2026-11-23T07:59:00Z"
WEB = {"app": "web"}
MIRRORED = {"endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io"}


def service(key: str = "shop/web", **more: Any) -> Service:
    return make.service(key, **({"selector": WEB, "creationTimestamp": OLD} | more))


def pod(name: str = "web-1", ready: bool = False, made: str = OLD, **more: Any) -> Pod:
    given = {"labels": WEB, "node_name": "n1", "creationTimestamp": made}
    return make.pod(f"shop/{name}", ready=ready, **(given | more))


def piece(*ready: bool, key: str = "shop/web", **more: Any) -> EndpointSlice:
    rows = [
        {"addresses": [f"172.20.0.{i}"], "nodeName": "n1", "conditions": {"ready": state}}
        for i, state in enumerate(ready)
    ]
    return make.endpoint_slice(key, rows, **more)


def by_hand(*ready: bool, labels: dict[str, str] | None = None) -> EndpointSlice:
    data = msgspec.to_builtins(piece(*ready))
    data["metadata"]["labels"] = {"kubernetes.io/service-name": "web", **(labels or {})}
    return msgspec.convert(data, EndpointSlice)


def workload(kind: type[Any], replicas: int, name: str = "web", labels: dict[str, str] = WEB, **more: Any) -> Any:
    data = {
        "metadata": make.meta(name, "shop", creationTimestamp=OLD) | more,
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": labels}}},
        "status": {"desiredNumberScheduled": replicas},
    }
    return msgspec.convert(data, kind)


def empty(*pods: Pod, of: Service | None = None, slices: tuple[EndpointSlice, ...] = (), **more: Any) -> Landscape:
    return kit.landscape(services=[of or service()], endpoint_slices=slices or [piece()], pods=pods, **more)


def one(base: Landscape, subject: str = "shop/web") -> ReportedFinding:
    findings = kit.finds(CHECK, base, subject)
    assert len(findings) == 1
    return findings[0]


def broken(finding: ReportedFinding) -> list[str]:
    return [str(hop.ref) for hop in finding.trail if hop.state is HopState.BROKEN]


def said(status: dict[str, Any], **more: Any) -> str:
    return str(one(empty(pod(status=status, **more))).message)


# --- what it finds, in the order of the reasons ------------------------------------------------------------------


def test_no_selector_and_no_slice() -> None:
    base = kit.landscape(services=[service(selector=None)])
    finding = one(base)
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert "neither a selector" in str(finding.message)
    assert broken(finding) == ["Service shop/web"]
    one(kit.landscape(services=[service(selector={})]))


def test_no_selector_and_only_a_slice_left_from_one() -> None:
    assert "neither a selector" in str(one(empty(of=service(selector=None), slices=(piece(),))).message)


def test_the_selector_matches_no_pod() -> None:
    other = pod("api-1", ready=True, labels={"app": "api", "tier": "web"})
    finding = one(empty(other, of=service(selector={"app": "web", "tier": "web"})))
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert "matches no Pod" in str(finding.message)
    assert finding.evidence["nearest_pod"] == "api-1"
    assert finding.evidence["differing_labels"] == ["app=api"]
    assert broken(finding) == ["Service shop/web"]


def test_pods_of_another_namespace_do_not_match() -> None:
    elsewhere = make.pod("other/web-1", "n1", labels=WEB, ready=True)
    assert "matches no Pod" in str(one(empty(elsewhere)).message)


def test_a_workload_that_wants_pods_and_has_none() -> None:
    finding = one(empty(deployments=[workload(Deployment, 3)]))
    assert (finding.severity, finding.evidence["wanted"]) == (Severity.HIGH, 3)
    assert "Deployment shop/web wants 3" in str(finding.message)
    assert broken(finding) == ["Deployment shop/web"]


def test_pods_that_have_failed_are_none() -> None:
    failed = pod(phase="Failed", status={"reason": "Evicted"})
    assert one(empty(failed)).severity is Severity.HIGH
    assert one(empty(failed, deployments=[workload(Deployment, 1)])).severity is Severity.HIGH


def waits(reason: str) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "main", "state": {"waiting": {"reason": reason}}}]}


@pytest.mark.parametrize(
    ("status", "more", "why"),
    [
        (waits("CrashLoopBackOff"), {}, "CrashLoopBackOff"),
        (waits("ImagePullBackOff"), {"phase": "Pending"}, "ImagePullBackOff"),
        (
            {"initContainerStatuses": [{"name": "init", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]},
            {"phase": "Pending"},
            "container init waits",
        ),
        (
            {
                "containerStatuses": [
                    {"name": "main", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
                ]
            },
            {},
            "OOMKilled",
        ),
        ({"containerStatuses": [{"name": "main", "ready": False, "state": {"running": {}}}]}, {}, "readiness probe"),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]},
            {"node_name": ""},
            "0/3 nodes are available",
        ),
        (
            {
                "containerStatuses": [{"name": "main", "ready": True, "state": {"running": {}}}],
                "conditions": [
                    {"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady"},
                    {"type": "service.readiness.alibabacloud.com/web", "status": "False"},
                ],
            },
            {},
            "service.readiness.alibabacloud.com/web",
        ),
        ({"containerStatuses": [{"name": "main", "ready": True, "state": {"running": {}}}]}, {}, "look at node n1"),
        ({"phase": "Pending"}, {}, "none of its containers is started"),
    ],
)
def test_pods_match_but_none_is_ready(status: dict[str, Any], more: dict[str, Any], why: str) -> None:
    assert why in said(status, **more)


def test_all_pods_that_are_not_ready_are_named() -> None:
    finding = one(empty(pod("web-1"), pod("web-2"), slices=(piece(False, False),)))
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert [ref.path for ref in finding.affected] == ["shop/web-1", "shop/web-2"]
    assert broken(finding) == ["Pod shop/web-1", "Pod shop/web-2"]
    assert set(finding.evidence["pods"]) == {"web-1", "web-2"}  # type: ignore[arg-type]


def named(target: str, protocol: str = "TCP") -> Service:
    return service(ports=[{"port": 80, "targetPort": target, "protocol": protocol}])


def declares(*ports: tuple[str, str], sidecar: tuple[str, str] | None = None) -> dict[str, Any]:
    def container(name: str, *rows: tuple[str, str], **more: Any) -> dict[str, Any]:
        declared = [{"name": port, "containerPort": 8080, "protocol": protocol} for port, protocol in rows]
        return {"name": name, "ports": declared, **more}

    spec: dict[str, Any] = {"containers": [container("main", *ports)]}
    if sidecar:
        spec["initContainers"] = [container("proxy", sidecar, restartPolicy="Always")]
    return spec


@pytest.mark.parametrize("slices", [(piece(True, ports=[]),), (piece(),), (piece(True, ports=None),)])
def test_a_named_target_port_that_no_container_declares(slices: tuple[EndpointSlice, ...]) -> None:
    finding = one(empty(pod(ready=True, spec=declares(("metrics", "TCP"))), of=named("http"), slices=slices))
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert finding.evidence["target_ports"] == ["http/TCP"]
    assert finding.evidence["declared"] == ["metrics/TCP"]
    assert broken(finding) == ["Service shop/web"]


def test_a_name_declared_for_another_protocol_is_not_declared() -> None:
    one(empty(pod(ready=True, spec=declares(("dns", "TCP"))), of=named("dns", "UDP"), slices=(piece(True, ports=[]),)))


def test_one_port_of_several_without_endpoint() -> None:
    ports = [{"port": 80, "targetPort": 8080, "name": "web"}, {"port": 81, "targetPort": "admin", "name": "admin"}]
    slices = (piece(True, ports=[{"name": "web", "port": 8080, "protocol": "TCP"}]),)
    finding = one(empty(pod(ready=True), of=service(ports=ports), slices=slices))
    assert finding.evidence["ports"] == ["81"]


def test_not_ready_comes_before_an_undeclared_port() -> None:
    assert "is Ready" in str(one(empty(pod(), of=named("http"))).message)


def test_all_pods_are_being_deleted() -> None:
    going = pod(ready=True, deletionTimestamp="2026-11-23T07:50:00Z")
    finding = one(empty(going, deployments=[workload(Deployment, 1)]))
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert "being deleted" in str(finding.message)
    assert broken(finding) == ["Pod shop/web-1"]


def test_a_pod_that_starts_beside_one_that_goes() -> None:
    base = empty(pod(deletionTimestamp="2026-11-23T07:50:00Z"), pod("web-2", status=waits("ContainerCreating")))
    assert "web-2" in str(one(base).message)


def test_slices_that_do_not_follow_the_pods() -> None:
    conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": OLD}]
    finding = one(empty(pod(ready=True, status={"conditions": conditions})))
    assert "no endpoint slice holds them" in str(finding.message)
    assert broken(finding) == ["EndpointSlice shop/web-x1"]


def test_headless_services_count() -> None:
    assert one(empty(pod(), of=service(clusterIP="None"))).severity is Severity.HIGH


def test_a_service_whose_slices_do_not_exist() -> None:
    assert one(kit.landscape(services=[service()], pods=[pod()])).severity is Severity.HIGH


# --- what is only noted ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("deployments", workload(Deployment, 0)),
        ("statefulsets", workload(StatefulSet, 0)),
        ("replicasets", workload(ReplicaSet, 0)),
        ("daemonsets", workload(DaemonSet, 0)),
    ],
)
def test_scaled_to_zero_on_purpose(table: str, row: Any) -> None:
    tables: dict[str, Any] = {table: [row]}
    finding = one(empty(**tables))
    assert finding.severity is Severity.INFO
    assert f"{row.KIND} shop/web" in str(finding.message)
    going = pod(deletionTimestamp="2026-11-23T07:59:59Z")
    assert one(empty(going, **tables)).severity is Severity.INFO


def test_scaled_to_zero_needs_all_workloads() -> None:
    rows = [workload(Deployment, 0, "blue"), workload(Deployment, 2, "green")]
    assert one(empty(deployments=rows)).severity is Severity.HIGH


def test_old_replicasets_of_a_deployment_do_not_mean_zero() -> None:
    owner: dict[str, Any] = {"ownerReferences": [{"kind": "Deployment", "name": "web", "controller": True}]}
    old = workload(ReplicaSet, 0, "web-1", **owner)
    assert one(empty(replicasets=[old])).severity is Severity.HIGH
    assert one(empty(replicasets=[old], deployments=[workload(Deployment, 2)])).severity is Severity.HIGH
    rollout: dict[str, Any] = {"ownerReferences": [{"kind": "Rollout", "name": "web", "controller": True}]}
    assert one(empty(replicasets=[workload(ReplicaSet, 0, "web-1", **rollout)])).severity is Severity.INFO


def test_a_service_for_one_pod_of_a_statefulset() -> None:
    of = service(selector={**WEB, "statefulset.kubernetes.io/pod-name": "web-2"})
    assert one(empty(of=of, statefulsets=[workload(StatefulSet, 2)])).severity is Severity.INFO
    assert one(empty(of=of, statefulsets=[workload(StatefulSet, 3)])).severity is Severity.HIGH


def test_scaled_to_zero_before_the_last_pods_go() -> None:
    running = pod("web-1", ready=True)
    assert one(empty(running, deployments=[workload(Deployment, 0)])).severity is Severity.INFO
    assert one(empty(running, deployments=[workload(Deployment, 1)])).severity is Severity.HIGH
    assert one(empty(running)).severity is Severity.HIGH


def test_an_option_of_ack_that_is_switched_off() -> None:
    def of(key: str, **more: Any) -> Landscape:
        made = make.service(key, selector={"app": "cnfs-cache-ds"}, creationTimestamp=OLD)
        return kit.landscape(services=[made], **more)

    assert one(of("kube-system/cnfs-cache-ds-service"), "kube-system/cnfs-cache-ds-service").severity is Severity.INFO
    assert one(of("shop/cnfs-cache-ds-service"), "shop/cnfs-cache-ds-service").severity is Severity.HIGH
    crashing = make.pod("kube-system/cnfs-1", "n1", labels={"app": "cnfs-cache-ds"}, creationTimestamp=OLD)
    running = of("kube-system/cnfs-cache-ds-service", pods=[crashing])
    assert one(running, "kube-system/cnfs-cache-ds-service").severity is Severity.HIGH


def test_pods_of_a_job_that_has_succeeded() -> None:
    assert one(empty(pod(phase="Succeeded"))).severity is Severity.INFO


@pytest.mark.parametrize("labels", [{}, MIRRORED])
def test_a_slice_by_hand_without_endpoints(labels: dict[str, str]) -> None:
    base = empty(of=service(selector=None), slices=(by_hand(labels=labels),))
    assert one(base).severity is Severity.INFO


# --- what must stay quiet ----------------------------------------------------------------------------------------


def quiet(base: Landscape, status: Status = Status.PASSED) -> None:
    kit.stays_quiet(CHECK, base, status)


def test_a_ready_endpoint() -> None:
    quiet(empty(slices=(piece(False, True),)))
    quiet(empty(slices=(make.endpoint_slice("shop/web", [{"addresses": ["172.20.0.1"], "conditions": {}}]),)))


def test_an_external_name() -> None:
    quiet(kit.landscape(services=[service(type="ExternalName", externalName="example.com")]), Status.NOT_APPLICABLE)


def test_the_service_of_the_api_server() -> None:
    quiet(kit.landscape(services=[service("default/kubernetes", selector=None)]), Status.NOT_APPLICABLE)


@pytest.mark.parametrize("labels", [{}, MIRRORED])
def test_no_selector_but_a_slice_by_hand(labels: dict[str, str]) -> None:
    quiet(empty(of=service(selector=None), slices=(by_hand(True, labels=labels),)))


def test_no_selector_no_ports() -> None:
    quiet(kit.landscape(services=[service(selector=None, clusterIP="None", ports=None)]), Status.NOT_APPLICABLE)


def test_a_headless_service_without_ports() -> None:
    quiet(empty(of=service(clusterIP="None", ports=None), slices=(piece(True, ports=[]),)))


def test_addresses_of_pods_that_need_not_be_ready() -> None:
    quiet(empty(pod(), of=service(publishNotReadyAddresses=True), slices=(piece(False),)))


@pytest.mark.parametrize(
    "base",
    [
        empty(pod(made=FRESH)),
        empty(of=service(creationTimestamp=FRESH)),
        empty(deployments=[workload(Deployment, 1, creationTimestamp=FRESH)]),
    ],
)
def test_what_was_made_just_now(base: Landscape) -> None:
    quiet(base, Status.NOT_APPLICABLE)


def test_one_older_pod_is_enough_for_a_fault() -> None:
    one(empty(pod("web-1", made=FRESH), pod("web-2")))


def test_a_pod_that_became_ready_just_now() -> None:
    conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": FRESH}]
    quiet(empty(pod(ready=True, status={"conditions": conditions})))


def test_a_service_that_is_being_deleted() -> None:
    data = msgspec.to_builtins(service())
    data["metadata"]["deletionTimestamp"] = FRESH
    quiet(empty(of=msgspec.convert(data, Service)), Status.NOT_APPLICABLE)


def test_a_named_port_that_some_pods_declare() -> None:
    slices = (
        piece(True, ports=[{"name": "", "port": 8080, "protocol": "TCP"}]),
        piece(True, ports=[]),
    )
    quiet(
        empty(
            pod(ready=True), pod("web-2", ready=True, spec=declares(("http", "TCP"))), of=named("http"), slices=slices
        )
    )


@pytest.mark.parametrize("spec", [declares(("http", "TCP")), declares(sidecar=("http", "TCP"))])
def test_a_named_port_that_the_slices_will_hold_in_a_moment(spec: dict[str, Any]) -> None:
    quiet(empty(pod(ready=True, spec=spec), of=named("http"), slices=(piece(True, ports=[]),)))


def test_slices_that_hold_an_endpoint_whose_pod_is_gone() -> None:
    quiet(empty(of=named("http"), slices=(piece(True, ports=[]),)))


def test_a_number_that_no_container_declares() -> None:
    quiet(empty(pod(ready=True), of=service(), slices=(piece(True),)))


def test_the_second_address_family_has_no_endpoint() -> None:
    quiet(empty(slices=(piece(True), piece(addressType="IPv6"))))


# --- what is not known -------------------------------------------------------------------------------------------

WORKLOADS = {"deployments", "statefulsets", "replicasets", "daemonsets"}
RUNS = {"cron_jobs", "jobs"}
HEALTHY = empty(pod(ready=True), slices=(piece(True),))
NOBODY = empty()
UNREADY = empty(pod())


def test_the_tables_are_these() -> None:
    assert kit.tables_needed(CHECK) == WORKLOADS | RUNS | {"services", "endpoint_slices", "pods"}


@pytest.mark.parametrize("table", ["services", "endpoint_slices"])
def test_not_evaluated_without(table: str) -> None:
    for base in (HEALTHY, NOBODY, UNREADY):
        kit.is_not_evaluated(CHECK, kit.without(base, table))


@pytest.mark.parametrize("table", sorted(WORKLOADS | RUNS | {"pods"}))
def test_a_service_with_endpoints_is_untouched_without(table: str) -> None:
    quiet(kit.without(HEALTHY, table))


@pytest.mark.parametrize("table", sorted(WORKLOADS | RUNS | {"pods"}))
def test_a_service_without_pods_is_not_evaluated_without(table: str) -> None:
    kit.is_not_evaluated(CHECK, kit.without(NOBODY, table))


def test_a_service_without_ready_pods_needs_no_workloads() -> None:
    for table in WORKLOADS:
        one(kit.without(UNREADY, table))
    kit.is_not_evaluated(CHECK, kit.without(UNREADY, "pods"))


def test_single_rows_that_are_not_known() -> None:
    kit.is_not_evaluated(CHECK, kit.without_rows(UNREADY, "pods", "shop/web-9"))
    kit.is_not_evaluated(CHECK, kit.without_rows(UNREADY, "endpoint_slices", "shop/web-x9"))
    quiet(kit.without_rows(HEALTHY, "endpoint_slices", "shop/web-x9"))
    kit.is_not_evaluated(CHECK, kit.without_rows(NOBODY, "deployments", "shop/web"))


def test_a_service_without_selector_needs_neither_pods_nor_workloads() -> None:
    base = kit.landscape(services=[service(selector=None)])
    for table in WORKLOADS | {"pods"}:
        one(kit.without(base, table))


# --- what runs to an end -----------------------------------------------------------------------------------------


def cron_job(labels: dict[str, str] = WEB, **spec: Any) -> CronJob:
    template = {"spec": {"template": {"metadata": {"labels": labels}}}}
    data = {
        "metadata": make.meta("nightly", "shop"),
        "spec": {"schedule": "0 3 * * *", "jobTemplate": template, **spec},
    }
    return msgspec.convert(data, CronJob)


def job(name: str = "nightly-1", of: str = "", ended: str = "", labels: dict[str, str] = WEB, **spec: Any) -> Job:
    owner = [{"kind": "CronJob", "name": of, "controller": True}] if of else None
    data = {
        "metadata": make.meta(name, "shop", uid=f"uid-{name}", ownerReferences=owner),
        "spec": {"template": {"metadata": {"labels": labels}}, **spec},
        "status": {"conditions": [{"type": ended, "status": "True"}] if ended else []},
    }
    return msgspec.convert(data, Job)


@pytest.mark.parametrize(
    "more",
    [
        {"cron_jobs": [cron_job()]},
        {"cron_jobs": [cron_job(suspend=True)]},
        {"cron_jobs": [cron_job()], "jobs": [job(of="nightly", ended="Complete")]},
        {"cron_jobs": [cron_job()], "jobs": [job(of="nightly", ended="Failed")]},
        {"jobs": [job(ended="Complete")]},
        {"jobs": [job(suspend=True)]},
    ],
)
def test_between_two_runs_is_only_noted(more: dict[str, Any]) -> None:
    finding = one(empty(**more))
    assert (finding.severity, finding.certainty) == (Severity.INFO, Certainty.CONFIRMED)
    assert "not running now" in str(finding.message)


def test_a_failed_pod_of_a_cron_job_is_only_noted() -> None:
    assert one(empty(pod(phase="Failed"), cron_jobs=[cron_job()])).severity is Severity.INFO


def test_the_label_that_kubernetes_gives_to_the_pods_of_a_job() -> None:
    by_name = service(selector={"job-name": "nightly-1"})
    assert one(empty(of=by_name, jobs=[job(ended="Complete", labels={})])).severity is Severity.INFO


def test_a_run_that_should_have_pods_and_has_none() -> None:
    assert one(empty(jobs=[job()])).severity is Severity.HIGH
    assert one(empty(jobs=[job(ended="Failed")])).severity is Severity.HIGH
    finding = one(empty(cron_jobs=[cron_job()], jobs=[job(of="nightly")]))
    assert (finding.severity, broken(finding)) == (Severity.HIGH, ["Job shop/nightly-1"])


def test_a_cron_job_that_makes_other_pods_excuses_nothing() -> None:
    other = cron_job({"app": "other"})
    assert one(empty(cron_jobs=[other])).severity is Severity.HIGH
    assert one(empty(cron_jobs=[cron_job()], deployments=[workload(Deployment, 2)])).severity is Severity.HIGH


def test_where_something_else_makes_the_pods_runs_are_not_asked_for() -> None:
    for table in RUNS:
        one(kit.without(empty(deployments=[workload(Deployment, 2)]), table))
        one(kit.without(empty(deployments=[workload(Deployment, 0)]), table))
        one(kit.without(UNREADY, table))
