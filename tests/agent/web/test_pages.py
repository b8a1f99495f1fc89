"""What the pages show."""

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from auditor.agent.service import Agent
from auditor.facts.landscape import ClusterIdentity
from auditor.judge.verdicts import Severity
from auditor.ledger.errors import LedgerError
from auditor.ledger.ledger import Ledger
from auditor.ledger.overview import Overview
from auditor.ledger.records import DeliveryState, RunState
from tests.agent.web import sites
from tests.agent.web.forms import Browser
from tests.report import samples

DISK = "3f9a0c52d1b84e67a0c95b1d2e3f4a5b"
PAGES = {
    "/": ("Clusters", "Faults are open.", "No faults.", "weekly", "were given up: 1"),
    "/clusters/shop-prod": ("Trend", "data/mysql-0", "storage/disk-in-other-zone", "Run now", "<svg", "on demand"),
    "/clusters/shop-staging": ("No faults. Everything that was asked for could be looked at.",),
    "/runs": ("shop-prod", "schedule weekly", "incomplete", "complete", "12 s"),
    "/runs/shop-prod-0000": ("1 critical", "DescribeSecurityGroupAttribute was denied", "report.pdf?language=zh"),
    "/findings": ("access/kubelet-port-blocked", "Found: 4"),
    f"/findings/{DISK}": ("d-bp1j4i2jdf3owlheb6kx", "broken", "kubectl get pv", "/runs/shop-prod-0007"),
    "/deliveries": ("410 Gone: &lt;b&gt;no such integration&lt;/b&gt;", "Try again", "ops-mail"),
}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_shows_what_the_ledger_knows(shown: sites.Running, path: str) -> None:
    answer = shown.get(path, headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    for expected in PAGES[path]:
        assert expected in answer.text
    assert '<html lang="en">' in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_pages_need_no_script_and_no_style_of_their_own(shown: sites.Running, path: str) -> None:
    text = shown.get(path).text
    assert not re.search(r"<script(?! src=\"/static/)", text)
    assert not re.search(r"\s(style|on\w+)=", text)
    assert "javascript:" not in text


@pytest.mark.parametrize(
    ("headers", "query", "language"),
    [
        ({"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}, "", "zh-CN"),
        ({"Accept-Language": "de, en;q=0.5"}, "", "en"),
        ({"Accept-Language": "de"}, "", "en"),
        ({"Accept-Language": "zh"}, "?lang=en", "en"),
        ({"Accept-Language": "en", "Cookie": "auditor-language=zh"}, "", "zh-CN"),
        ({"Accept-Language": "zh", "Cookie": "auditor-language=xx"}, "?lang=yy", "zh-CN"),
    ],
)
def test_the_language_is_the_readers(shown: sites.Running, headers: dict[str, str], query: str, language: str) -> None:
    answer = shown.get(f"/findings{query}", headers=headers)
    assert f'<html lang="{language}">' in answer.text
    assert ("严重" in answer.text) == (language == "zh-CN")


def test_a_chosen_language_stays(shown: sites.Running) -> None:
    browser = Browser(shown)
    browser.get("/?lang=zh")
    assert '<html lang="zh-CN">' in browser.get("/runs").text


def test_the_links_to_the_languages_keep_the_filters(shown: sites.Running) -> None:
    assert 'href="/findings?q=disk&amp;state=all&amp;lang=zh"' in shown.get("/findings?q=disk&state=all&lang=en").text


def _found(site: sites.Running, query: str) -> int:
    match = re.search(r"Found: (\d+)", site.get(f"/findings?{query}", headers={"Accept-Language": "en"}).text)
    assert match
    return int(match.group(1))


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("state=all", 9),
        ("", 4),
        ("state=open&severity=high", 2),
        ("state=suppressed", 1),
        ("state=resolved", 4),
        ("state=unevaluated", 0),
        ("cluster=shop-staging", 0),
        ("cluster=no-such", 0),
        ("check=storage/*&state=all", 7),
        ("check=storage/disk-in-other-zone", 2),
        ("check=storage%25", 0),
        ("check=storage_disk*", 0),
        ("q=MYSQL+pod", 2),
        ("q=kubelet-port", 1),
        ("q=no+such+words", 0),
        ("state=nonsense&severity=nonsense", 4),
    ],
)
def test_filters(shown: sites.Running, query: str, number: int) -> None:
    assert _found(shown, query) == number


def test_words_are_looked_for_in_the_readers_language(shown: sites.Running) -> None:
    assert "security group sg-bp1c8x0r4sx3v7d2wq9p" in shown.get("/findings?q=sg-bp1c8x0r4sx3v7d2wq9p").text


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sites.Running]:
    def fill(ledger: Ledger) -> None:
        for number in (3, 2, 1):
            ledger.finish(sites.run(number, findings=samples.crowded(230).findings), sites.owing())
        for number in range(120, 10, -1):
            ledger.finish(sites.run(number, sites.SECOND, findings=()), sites.owing())

    with sites.running(tmp_path_factory.mktemp("crowded"), history=fill) as site:
        yield site


def test_long_lists_of_findings_have_pages(crowded: sites.Running) -> None:
    path, seen, pages = "/findings?lang=en", [], 0
    while path:
        text = crowded.get(path).text
        pages += 1
        assert f"Page {pages} of 5" in text
        seen += re.findall(r"PersistentVolume (pv-\d+)", text)
        later = re.search(r'rel="next" href="([^"]+)"', text)
        path = later.group(1).replace("&amp;", "&") if later else ""
    assert (pages, len(seen), len(set(seen))) == (5, 230, 230)
    assert "Found: 230" in crowded.get("/findings?page=99&lang=en").text


def test_long_lists_of_runs_have_pages(crowded: sites.Running) -> None:
    path, seen = "/runs", []
    while path:
        text = crowded.get(path).text
        seen += re.findall(r'href="/runs/([\w-]+)"', text)
        later = re.search(r'rel="next" href="([^"]+)"', text)
        path = later.group(1).replace("&amp;", "&") if later else ""
    assert (len(seen), len(set(seen))) == (113, 113)


def test_a_run_with_very_many_findings_lists_some(crowded: sites.Running) -> None:
    text = crowded.get("/runs/shop-prod-0001?lang=en").text
    assert "And 30 more" in text
    assert text.count("<tr") < 700


@pytest.mark.parametrize(
    "path",
    ["/nope", "/runs/none", "/clusters/none", "/findings/none", f"/findings/{DISK}?cluster=none", "/static/none",
     "/static/..%2freport.html.j2", "/runs/none/report.html", "/runs/shop-prod-0000/report.exe", "/runs/"],
)  # fmt: skip
def test_what_is_not_there_is_said_so(shown: sites.Running, path: str) -> None:
    answer = shown.get(path, headers={"Accept-Language": "en"})
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


@pytest.mark.parametrize(("method", "path"), [("POST", "/"), ("DELETE", "/runs"), ("GET", "/clusters/shop-prod/run")])
def test_what_can_not_be_done_is_said_so(shown: sites.Running, method: str, path: str) -> None:
    answer = shown.ask(method, path, headers={"Accept-Language": "en"})
    assert answer.status_code == 405
    assert "can&#39;t be used that way" in answer.text


@pytest.mark.parametrize("path", ["/", "/api/v1/clusters"])
def test_a_fault_of_ours_shows_no_trace(own: sites.Running, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    def broken(_self: Overview) -> Any:
        raise RuntimeError("a secret")

    monkeypatch.setattr(Overview, "life_counts", broken)
    answer = own.get(path, headers={"Accept-Language": "en"})
    assert answer.status_code == 500
    assert "fault of the auditor itself" in answer.text
    assert not re.search("secret|Traceback|RuntimeError", answer.text)
    assert own.get("/runs").status_code == 200


@pytest.mark.parametrize("path", ["/", "/runs", "/findings", "/deliveries", "/api/v1/clusters", "/api/v1/runs"])
def test_without_the_ledger_it_is_said_that_it_will_be_back(
    own: sites.Running, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def broken(_self: Overview, *_more: Any, **_named: Any) -> Any:
        raise LedgerError("sqlite:///secret.db: the disk is full")

    for name in ("life_counts", "runs", "lives", "deliveries"):
        monkeypatch.setattr(Overview, name, broken)
    answer = own.get(path)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "10"
    assert "secret.db" not in answer.text


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sites.Running]:
    def fill(ledger: Ledger) -> None:
        ledger.finish(
            sites.run(1, findings=samples.hostile().findings, checks=samples.hostile().checks, resolved=(),
                      collection=samples.hostile().collection, trigger=samples.hostile().trigger),
            sites.owing(),
        )  # fmt: skip
        now = datetime.now(UTC)
        ledger.begin("bad", sites.SHOP, samples.HOSTILE[0], now)
        ledger.fail("bad", RunState.FAILED, " ".join(samples.HOSTILE), now)
        ledger.finish(sites.run(2, ClusterIdentity(samples.HOSTILE[1], "x", "<r>")), sites.owing())

    with sites.running(tmp_path_factory.mktemp("hostile"), history=fill) as site:
        yield site


@pytest.mark.parametrize(
    "path",
    ["/", "/clusters/shop-prod", "/runs", "/runs/shop-prod-0001", "/runs/bad", "/findings?state=all", "/deliveries",
     f"/findings/{0:032x}", f"/findings/{1:032x}", f"/findings/{12:032x}", "/runs/shop-prod-0001/report.html",
     "/findings?q=%3Cscript%3Ealert(1)%3C/script%3E&check=%22%3E%3Cimg%20src=x%3E", "/%3Cscript%3Ealert(1)",
     "/runs?cluster=%22%3E%3Cscript%3Ealert(1)", "/deliveries?channel=%3Cscript%3Ealert(1)%3C/script%3E"],
)  # fmt: skip
def test_nothing_from_a_cluster_acts_on_a_page(hostile: sites.Running, path: str) -> None:
    content = hostile.get(path).content
    assert b"<script>alert" not in content
    assert b"<img" not in content
    for hidden in (b"\x1b", b"\x07", "\u202e".encode()):
        assert hidden not in content
    content.decode()


def test_a_report_is_rendered_in_any_format_and_language(shown: sites.Running) -> None:
    base = "/runs/shop-prod-0000/report"
    assert shown.get(f"{base}.json?language=zh").json()["run"]["id"] == "shop-prod-0000"
    for kind, start in (("csv", b"\xef\xbb\xbf"), ("markdown", b"#")):
        answer = shown.get(f"{base}.{kind}?language=en")
        assert answer.content.startswith(start) or answer.content
        assert answer.headers["content-disposition"].startswith('attachment; filename="shop-prod-20')
    assert 'lang="zh-CN"' in shown.get(f"{base}.html?language=zh").text
    assert 'lang="en"' in shown.get(f"{base}.html?language=en").text


def test_a_report_in_html_is_shown_under_a_policy_of_its_own(shown: sites.Running) -> None:
    answer = shown.get("/runs/shop-prod-0000/report.html")
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert policy.endswith("sandbox")
    style = re.search(rb"<style>(.*?)</style>", answer.content, re.DOTALL)
    assert style
    assert base64.b64encode(hashlib.sha256(style.group(1)).digest()).decode() in policy


def test_a_run_that_came_to_nothing(hostile: sites.Running) -> None:
    text = hostile.get("/runs/bad?lang=en").text
    assert "This run came to no outcome: failed" in text
    assert "The last attempt came to nothing" in hostile.get("/?lang=en").text


def test_run_now(own: sites.Running) -> None:
    own.audits.go.clear()
    browser = Browser(own)
    answer = browser.post("/clusters/shop-staging/run", "/clusters/shop-staging")
    assert (answer.status_code, answer.headers["location"]) == (303, "/clusters/shop-staging")
    run_id = own.agent.runs.under_way()["shop-staging"]
    page = browser.get("/clusters/shop-staging?lang=en").text
    assert "An audit " in page
    assert "Run again after this one" in page
    assert browser.get(f"/runs/{run_id}").status_code == 200
    assert run_id in browser.get("/progress").json()["key"]

    own.audits.go.set()
    assert own.agent.runs.wait(30)
    assert browser.get("/progress").json() == {"key": "|", "sentences": {}}
    assert own.agent.ledger.run(run_id).trigger == "now"
    assert "1 critical" in browser.get(f"/runs/{run_id}?lang=en").text


def test_a_run_that_waits_has_a_page(own: sites.Running) -> None:
    own.audits.go.clear()
    own.agent.run_now("shop-prod")
    waiting = own.agent.run_now("shop-prod", "api")[0]
    text = own.get(f"/runs/{waiting}?lang=en").text
    assert "An audit waits for its turn." in text


def test_run_now_can_be_switched_off(tmp_path: Path) -> None:
    with sites.running(tmp_path, run_now=False) as site:
        browser = Browser(site)
        assert "Run now" not in browser.get("/?lang=en").text
        token = browser.form_token("/deliveries")
        assert browser.send("/clusters/shop-prod/run", form_token=token).status_code == 403
        assert site.post("/api/v1/runs", json={"cluster": "shop-prod"}).status_code == 403
        assert site.audits.jobs == []


def test_no_more_audits_than_can_be_worked_through(own: sites.Running) -> None:
    own.audits.go.clear()
    statuses = {
        own.post("/api/v1/runs", json={"cluster": "shop-prod", "checks": [f"storage/{'*' * n}"]}).status_code
        for n in range(1, 40)
    }
    assert statuses == {202, 429}
    assert len(own.agent.runs.waiting()) <= 21


def test_a_dead_delivery_is_tried_again(own: sites.Running) -> None:
    dead = own.agent.ledger.deliveries(states=[DeliveryState.DEAD])[0]
    browser = Browser(own)
    assert browser.post("/deliveries/retry", "/deliveries", key="no such key").status_code == 404
    assert browser.post("/deliveries/retry", "/deliveries", key=dead.key).status_code == 303
    assert own.agent.ledger.overview.delivery(dead.key) is not None
    assert own.agent.ledger.deliveries(states=[DeliveryState.DEAD]) == []


def test_a_cluster_that_is_no_longer_configured(own: sites.Running) -> None:
    gone = ClusterIdentity("gone", "c9", "cn-beijing")
    own.agent.ledger.finish(sites.run(2, gone), sites.owing())
    assert 'href="/clusters/gone"' in own.get("/?lang=en").text
    page = own.get("/clusters/gone?lang=en").text
    assert "it is no longer in the configuration" in page
    assert "Run now" not in page
    assert _found(own, "cluster=gone") == 0


def test_a_finding_that_came_back(own: sites.Running) -> None:
    finding = samples.finding("pv-back", fingerprint="ba" * 16, severity=Severity.LOW)
    for number, found in ((-1, (finding,)), (-2, ()), (-3, (finding,))):
        own.agent.ledger.finish(sites.run(number, findings=found), sites.owing())
    text = own.get(f"/findings/{'ba' * 16}?lang=en").text
    assert "1 times" in text
    for lifecycle in ("new", "resolved", "reopened"):
        assert f'data-label="Then">{lifecycle}</td>' in text


def test_an_agent_that_stops_takes_no_requests(own: sites.Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Agent, "is_stopping", property(lambda _self: True))
    assert own.post("/api/v1/runs", json={"cluster": "shop-prod"}).status_code == 503
