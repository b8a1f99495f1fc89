"""``auditor run --now`` against both sides over HTTP."""

import json

import pytest

from tests.cli.conftest import Place

ZONE_CHECK = "storage/disk-in-other-zone"


def test_a_healthy_cluster_gives_nothing_above_info(place: Place) -> None:
    ran = place.run("run", "--now", "--format", "json")
    assert ran.code == 0, ran.err
    report = place.report()
    assert report["schema"] == "auditor.report/v1"
    assert report["run"]["complete"] is True
    assert report["run"]["trigger"] == "now"
    assert {finding["severity"] for finding in report["findings"]} <= {"info"}
    assert {source["state"] for source in report["collection"]} == {"known"}
    assert ran.err == ""


def test_a_fault_that_only_both_sides_show_is_found(place: Place) -> None:
    place.cloud.state.ecs.disks["d-bp1dgkv4xmy49qfhhlnm"]["ZoneId"] = "cn-hangzhou-i"
    ran = place.run("run", "--now", "--format", "json,html,pdf")
    assert ran.code == 1
    finding = next(f for f in place.report()["findings"] if f["check"] == ZONE_CHECK)
    assert finding["certainty"] == "confirmed"
    assert finding["severity"] == "high"
    assert [hop["state"] for hop in finding["trail"]].count("broken") >= 1
    assert {hop["layer"] for hop in finding["trail"]} == {"kubernetes", "cloud"}
    assert "mysql-2" in ran.out
    folder = place.folder / "reports" / "shop-prod"
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")
    assert "mysql-2" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("fail_on", "code"), [("critical", 0), ("high", 1), ("info", 1), ("never", 0)])
def test_the_exit_code_follows_fail_on(place: Place, fail_on: str, code: int) -> None:
    place.cloud.state.ecs.disks["d-bp1dgkv4xmy49qfhhlnm"]["ZoneId"] = "cn-hangzhou-i"
    assert place.run("run", "--now", "--format", "json", "--check", ZONE_CHECK, "--fail-on", fail_on).code == code


def test_a_denied_permission_is_named_and_makes_the_audit_incomplete(place: Place) -> None:
    place.cloud.deny("ecs:DescribeDisks")
    ran = place.run("run", "--now", "--format", "json")
    assert ran.code == 2
    assert place.check(ZONE_CHECK)["status"] == "not_evaluated"
    assert ["ecs:DescribeDisks"] in [reason["missing"] for reason in place.check(ZONE_CHECK)["reasons"]]
    assert place.report()["run"]["complete"] is False
    assert place.check("service/endpoints-empty")["status"] == "passed"
    assert "ecs:DescribeDisks" in ran.out


def test_findings_count_more_than_gaps(place: Place) -> None:
    place.cloud.deny("nas:DescribeFileSystems")
    place.cloud.state.ecs.disks["d-bp1dgkv4xmy49qfhhlnm"]["ZoneId"] = "cn-hangzhou-i"
    assert place.run("run", "--now", "--format", "json").code == 1


def test_only_what_is_asked_for_is_collected(place: Place) -> None:
    place.run("run", "--now", "--format", "json", "--check", "service/endpoints-empty")
    assert set(place.cloud.actions()) == {"sts:GetCallerIdentity", "cs:DescribeClusterDetail"}
    assert [check["id"] for check in place.report()["checks"]] == ["service/endpoints-empty"]


def test_the_same_landscape_gives_the_same_findings_live_and_saved(place: Place) -> None:
    place.cloud.state.ecs.disks["d-bp1dgkv4xmy49qfhhlnm"]["ZoneId"] = "cn-hangzhou-i"
    assert place.run("collect", "--output", "shop.landscape").code == 0
    assert place.run("run", "--now", "--format", "json", "--output", "reports").code == 1
    live = place.report()
    assert (
        place.run("run", "--now", "--landscape", "shop.landscape", "--format", "json", "--output", "reports").code == 1
    )
    saved = place.report()
    assert saved["run"]["trigger"] == "landscape"
    for report in (live, saved):
        for finding in report["findings"]:
            del finding["seen"]
    assert saved["findings"] == live["findings"]


def test_a_suppressed_finding_stays_visible_and_does_not_count(place: Place) -> None:
    place.cloud.state.ecs.disks["d-bp1dgkv4xmy49qfhhlnm"]["ZoneId"] = "cn-hangzhou-i"
    with place.config.open("a", encoding="utf-8") as file:
        file.write(
            '[[suppressions]]\ncheck = "storage/disk-*"\nsubject = "d-bp1dgkv4xmy49qfhhlnm"\n'
            'reason = "is being moved"\nowner = "storage team"\nexpires = 2999-01-01\n'
        )
    assert place.run("run", "--now", "--format", "json").code == 0
    report = place.report()
    finding = next(f for f in report["findings"] if f["check"] == ZONE_CHECK)
    assert finding["suppression"]["owner"] == "storage team"
    assert report["summary"]["lifecycle"]["suppressed"] == 1
    assert report["summary"]["severity"]["high"] == 0


def test_one_side_that_can_not_be_read_leaves_the_other(place: Place) -> None:
    place.kubernetes.token = "another-token"
    ran = place.run("run", "--now", "--format", "json")
    assert ran.code == 1, "that the API server refuses the login is itself a finding"
    assert [found["check"] for found in place.report()["findings"] if found["severity"] == "high"] == [
        "access/api-stage-failing"
    ]
    assert "the Kubernetes API can't be read" in ran.err
    states = {source["source"]: source["state"] for source in place.report()["collection"]}
    assert states["kubernetes"] == "unavailable"
    assert states["cs"] == "known"


def test_neither_side_is_no_audit(place: Place) -> None:
    place.kubernetes.token = "another-token"
    place.environment["ALIBABA_CLOUD_ACCESS_KEY_ID"] = "LTAIunknown"
    ran = place.run("run", "--now", "--format", "json")
    assert ran.code == 3
    assert "neither side can be read" in ran.err
    assert not (place.folder / "reports" / "shop-prod").exists()


def test_several_clusters_are_audited_each(place: Place) -> None:
    text = place.config.read_text(encoding="utf-8")
    place.config.write_text(text + text.replace("shop-prod", "shop-copy"), encoding="utf-8")
    assert place.run("run", "--now", "--format", "json").code == 0
    assert place.report("shop-copy")["run"]["cluster"] == "shop-copy"
    assert place.report("shop-prod")["run"]["cluster"] == "shop-prod"


def test_one_cluster_of_several_is_chosen_by_name(place: Place) -> None:
    text = place.config.read_text(encoding="utf-8")
    place.config.write_text(text + text.replace("shop-prod", "shop-copy"), encoding="utf-8")
    assert place.run("run", "--now", "--format", "json", "--cluster", "shop-copy").code == 0
    assert not (place.folder / "reports" / "shop-prod").exists()
    ran = place.run("run", "--now", "--cluster", "shop-cpy")
    assert ran.code == 3
    assert "the configuration knows: shop-prod, shop-copy" in ran.err


def test_a_report_in_chinese(place: Place) -> None:
    place.cloud.state.ecs.disks["d-bp1dgkv4xmy49qfhhlnm"]["ZoneId"] = "cn-hangzhou-i"
    assert place.run("run", "--now", "--format", "json,html", "--language", "zh").code == 1
    finding = next(f for f in place.report()["findings"] if f["check"] == ZONE_CHECK)
    assert "可用区" in finding["message"]
    html = (place.folder / "reports" / "shop-prod" / "report.html").read_text(encoding="utf-8")
    assert 'lang="zh' in html


def test_the_kubelet_probe_reads_one_line_per_node(place: Place) -> None:
    place.configure(probes='["kubelet"]')
    assert place.run("run", "--now", "--format", "json", "--check", "access/kubelet-port-blocked").code == 0
    reads = [request for request in place.kubernetes.requests if request.path.endswith("/log")]
    assert len(reads) == 8


def test_hostile_names_reach_no_terminal_and_no_page(place: Place) -> None:
    evil = "<script>alert(1)</script>\x1b[31m"

    def rename(service: dict) -> None:  # type: ignore[type-arg]
        service["spec"]["selector"] = {"app": evil}

    place.kubernetes.patch("/api/v1/services", "cart", rename, "shop")
    slices = "/apis/discovery.k8s.io/v1/endpointslices"
    for piece in list(place.kubernetes.objects.all(slices)):
        if piece["metadata"]["labels"].get("kubernetes.io/service-name") == "cart":
            place.kubernetes.patch(
                slices, piece["metadata"]["name"], lambda found: found.update(endpoints=None), "shop"
            )
    ran = place.run("run", "--now", "--format", "json,html", "--check", "service/endpoints-empty")
    assert ran.code == 1
    assert "\x1b" not in ran.out
    html = (place.folder / "reports" / "shop-prod" / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert evil.partition("\x1b")[0] in json.dumps(place.report(), ensure_ascii=False)
