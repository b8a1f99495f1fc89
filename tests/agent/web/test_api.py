"""The API, held against its own description."""

import re
from pathlib import Path
from typing import Any

import pytest

from auditor.agent.web.app import api_routes
from auditor.agent.web.openapi import DESCRIPTION
from tests.agent.web import sites

BASE = "/api/v1"
DISK = "3f9a0c52d1b84e67a0c95b1d2e3f4a5b"
GIVEN = [
    ("/openapi.json", "/openapi.json"),
    ("/clusters", "/clusters"),
    ("/clusters/{name}", "/clusters/shop-prod"),
    ("/runs", "/runs"),
    ("/runs", "/runs?limit=2&cluster=shop-prod&state=finished"),
    ("/runs/{run_id}", "/runs/shop-prod-0000"),
    ("/runs/{run_id}/report", "/runs/shop-prod-0000/report?language=zh"),
    ("/findings", "/findings"),
    ("/findings", "/findings?state=all&limit=3&q=pv&language=zh"),
    ("/deliveries", "/deliveries"),
    ("/deliveries", "/deliveries?state=dead&channel=pager&run=shop-prod-0000"),
]


def faults(value: Any, schema: dict[str, Any], at: str = "$") -> list[str]:
    """Hold a value against a schema: what of JSON Schema the description uses, and no more."""
    if "$ref" in schema:
        return faults(value, DESCRIPTION["components"]["schemas"][schema["$ref"].rpartition("/")[2]], at)
    if "anyOf" in schema:
        tried = [faults(value, one, at) for one in schema["anyOf"]]
        return [] if [] in tried else min(tried, key=len)
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    found = (
        "null"
        if value is None
        else {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer"}[type(value)]
    )
    if found not in kinds:
        return [f"{at} is {found}, not {kinds}"]
    wrong = []
    if "enum" in schema and value not in schema["enum"]:
        wrong.append(f"{at} is {value!r}")
    if schema.get("format") == "date-time" and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value):
        wrong.append(f"{at} is {value!r}, no moment")
    if found == "array":
        return [fault for number, one in enumerate(value) for fault in faults(one, schema["items"], f"{at}[{number}]")]
    if found == "object":
        properties = schema.get("properties", {})
        wrong += [f"{at}.{name} is missing" for name in schema.get("required", []) if name not in value]
        if schema.get("additionalProperties") is False:
            wrong += [f"{at}.{name} is not described" for name in value if name not in properties]
        wrong += [
            fault
            for name, one in value.items()
            if name in properties
            for fault in faults(one, properties[name], f"{at}.{name}")
        ]
    return wrong


def schema_of(path: str, method: str, status: int) -> dict[str, Any]:
    content = DESCRIPTION["paths"][path][method]["responses"][str(status)]["content"]
    schema: dict[str, Any] = next(iter(content.values()))["schema"]
    return schema


def test_every_address_is_described_and_no_other() -> None:
    offered = {
        (route.path.removeprefix(BASE), method.lower())
        for route in api_routes()
        for method in (route.methods or ())
        if method != "HEAD"
    }
    described = {(path, method) for path, methods in DESCRIPTION["paths"].items() for method in methods}
    assert offered == described


@pytest.mark.parametrize(("path", "asked"), GIVEN)
def test_answers_are_as_described(shown: sites.Running, path: str, asked: str) -> None:
    answer = shown.get(BASE + asked)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert faults(answer.json(), schema_of(path, "get", 200)) == []


def test_the_description_refers_to_nothing_that_is_not_there(shown: sites.Running) -> None:
    text = shown.get(f"{BASE}/openapi.json").text
    schemas = DESCRIPTION["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/(\w+)", text)) == set(schemas)


@pytest.mark.parametrize(
    ("path", "asked", "status", "words"),
    [
        ("/runs", "/runs?state=nonsense", 400, "state: expected one of running"),
        ("/runs", "/runs?limit=0", 400, "limit: expected a number from 1 to 200"),
        ("/runs", "/runs?limit=201", 400, "limit"),
        ("/runs", "/runs?limit=٣", 400, "limit"),
        ("/runs", "/runs?after=none", 400, "not in the history any more"),
        ("/runs", "/runs?colour=red", 400, "no parameter is called 'colour'"),
        ("/findings", "/findings?severity=nonsense", 400, "no severity is called"),
        ("/findings", "/findings?state=nonsense", 400, "no state is called"),
        ("/findings", "/findings?language=de", 400, "expected one of en, zh"),
        ("/findings", "/findings?offset=-1", 400, "offset"),
        ("/deliveries", "/deliveries?state=nonsense", 400, "state"),
        ("/clusters/{name}", "/clusters/none", 404, "no such cluster"),
        ("/runs/{run_id}", "/runs/none", 404, "no such run"),
        ("/runs/{run_id}/report", "/runs/none/report", 404, "no such run"),
        ("/runs/{run_id}/report", "/runs/shop-prod-0000/report?language=de", 400, "language"),
    ],
)
def test_refusals_are_problems_and_described(
    shown: sites.Running, path: str, asked: str, status: int, words: str
) -> None:
    answer = shown.get(BASE + asked)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]
    assert faults(answer.json(), schema_of(path, "get", status)) == []


def test_what_is_not_there_is_a_problem(shown: sites.Running) -> None:
    answer = shown.get(f"{BASE}/nope")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert shown.ask("DELETE", f"{BASE}/runs").status_code == 405


def test_a_report_is_the_file_as_stored(shown: sites.Running) -> None:
    told = shown.get(f"{BASE}/runs/shop-prod-0000/report").json()
    assert told == shown.get("/runs/shop-prod-0000/report.json?language=en").json()
    assert told["schema"] == "auditor.report/v1"


def test_a_run_leads_to_its_report(shown: sites.Running) -> None:
    links = shown.get(f"{BASE}/runs/shop-prod-0000").json()["links"]
    assert set(links) == {"self", "page", "report"}
    assert {shown.get(link).status_code for link in links.values()} == {200}


@pytest.mark.parametrize(
    ("path", "name", "key", "number"),
    [("/runs?limit=7", "runs", "id", 32), ("/findings?state=all&limit=2", "findings", "fingerprint", 9),
     ("/deliveries?limit=1", "deliveries", "key", 4)],
)  # fmt: skip
def test_lists_go_on_until_their_end(shown: sites.Running, path: str, name: str, key: str, number: int) -> None:
    seen: list[str] = []
    following: str | None = BASE + path
    while following:
        told = shown.get(following).json()
        assert told[name]
        seen += [one[key] for one in told[name]]
        following = told["next"]
    assert (len(seen), len(set(seen))) == (number, number)


def test_a_cluster_tells_how_it_is(shown: sites.Running) -> None:
    prod, staging = shown.get(f"{BASE}/clusters").json()["clusters"]
    assert (prod["name"], staging["name"]) == ("shop-prod", "shop-staging")
    assert prod["open"] == {"critical": 1, "high": 2, "info": 1}
    assert (prod["suppressed"], prod["complete"], prod["under_way"]) == (1, False, None)
    assert (staging["open"], staging["complete"]) == ({}, True)
    assert prod["next_run"] == staging["next_run"] is not None


def test_findings_tell_of_their_life(shown: sites.Running) -> None:
    told = {one["fingerprint"]: one for one in shown.get(f"{BASE}/findings?state=all").json()["findings"]}
    assert told[DISK]["state"] == "open"
    assert told[DISK]["cluster"] == "shop-prod"
    assert told[DISK]["run"] == "shop-prod-0000"
    assert told["aa00bb11cc22dd33ee44ff5566778899"]["state"] == "suppressed"
    assert {one["state"] for one in told.values()} == {"open", "suppressed", "resolved"}


def test_run_now(own: sites.Running) -> None:
    own.audits.go.clear()
    asked = {"cluster": "shop-prod", "checks": ["storage/*"]}
    answer = own.post(f"{BASE}/runs", json=asked)
    assert answer.status_code == 202
    assert faults(answer.json(), schema_of("/runs", "post", 202)) == []
    location = answer.headers["location"]
    assert answer.json()["runs"][0]["links"]["self"] == location
    under_way = own.get(location)
    assert under_way.json()["state"] in ("waiting", "running")
    assert faults(under_way.json(), schema_of("/runs/{run_id}", "get", 200)) == []

    own.audits.go.set()
    assert own.agent.runs.wait(30)
    done = own.get(location).json()
    assert (done["state"], done["trigger"]) == ("finished", "api")
    assert [(job.cluster.name, job.checks) for job in own.audits.jobs] == [("shop-prod", ("storage/*",))]


def test_run_now_of_all_clusters(own: sites.Running) -> None:
    answer = own.post(f"{BASE}/runs", json={})
    assert [one["cluster"] for one in answer.json()["runs"]] == ["shop-prod", "shop-staging"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"cluster": "none"}, 404),
        ({"cluster": 1}, 400),
        ({"checks": []}, 400),
        ({"checks": "storage/*"}, 400),
        ({"checks": [1]}, 400),
        ({"checks": ["no/such-check"]}, 400),
        ({"checks": ["storage/*"] * 51}, 400),
        ({"colour": "red"}, 400),
        ([], 400),
        (None, 400),
    ],
)
def test_what_makes_no_sense_is_refused(shown: sites.Running, body: Any, status: int) -> None:
    answer = shown.post(
        f"{BASE}/runs",
        json=body,
        headers={"Content-Type": "application/json"},
        data=None if body is not None else "null",
    )
    assert answer.status_code == status
    assert faults(answer.json(), schema_of("/runs", "post", status)) == []
    assert shown.audits.jobs == []


@pytest.mark.parametrize("data", [b"{", b"\xff", b"[" * 20000, b'{"cluster": NaN}'])
def test_broken_json_is_refused(shown: sites.Running, data: bytes) -> None:
    answer = shown.post(f"{BASE}/runs", data=data, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_form_of_another_site_can_not_ask(shown: sites.Running, kind: str) -> None:
    assert shown.post(f"{BASE}/runs", data=b"{}", headers={"Content-Type": kind}).status_code == 415


def test_hidden_characters_are_escaped(tmp_path: Path) -> None:
    from tests.report import samples  # noqa: PLC0415

    def fill(ledger: Any) -> None:
        ledger.finish(sites.run(0, findings=samples.hostile().findings), sites.owing())

    with sites.running(tmp_path, history=fill) as site:
        content = site.get(f"{BASE}/findings").content
        assert b"\x1b" not in content
        assert "\u202e".encode() not in content
        assert samples.HOSTILE[0] in [one["subject"]["name"] for one in site.get(f"{BASE}/findings").json()["findings"]]
