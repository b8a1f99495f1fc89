"""Who gets in, and who does not."""

import http.client
from contextlib import closing
from pathlib import Path

import pytest

from tests.agent.web import sites
from tests.agent.web.forms import Browser

PAGES = ("/", "/runs", "/findings", "/deliveries", "/clusters/shop-prod", "/runs/shop-prod-0000", "/progress")
FOR_PROGRAMS = ("/api/v1/clusters", "/api/v1/runs", "/api/v1/findings", "/api/v1/openapi.json", "/metrics")
BEARER = {"Authorization": f"Bearer {sites.TOKEN}"}


@pytest.mark.parametrize("path", [*PAGES, *FOR_PROGRAMS])
def test_a_loopback_address_is_open(shown: sites.Running, path: str) -> None:
    assert shown.get(path).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "localhost:9", "127.0.0.1", "127.1.2.3:80", "[::1]:8480", "LOCALHOST"])
def test_names_of_this_machine_are_known(shown: sites.Running, host: str) -> None:
    assert shown.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "localhost@evil.example", "evil.example#@localhost", "a/b?"]
)
@pytest.mark.parametrize("path", ["/", "/api/v1/findings", "/metrics", "/static/web.css"])
def test_a_foreign_name_is_refused_on_a_loopback_address(shown: sites.Running, host: str, path: str) -> None:
    answer = shown.get(path, headers={"Host": host})
    assert answer.status_code == 421
    assert "shop-prod" not in answer.text


def test_configured_names_are_known(tmp_path: Path) -> None:
    names = {"public_url": "https://auditor.example.com", "allowed_hosts": ["auditor.internal"]}
    with sites.running(tmp_path, history=None, **names) as site:
        for host in ("auditor.example.com", "auditor.internal:8443", "localhost"):
            assert site.get("/", headers={"Host": host}).status_code == 200
        assert site.get("/", headers={"Host": "other.example.com"}).status_code == 421


def test_probes_are_answered_under_any_name(shown: sites.Running) -> None:
    assert shown.get("/healthz", headers={"Host": "10.1.2.3:8480"}).status_code == 200
    assert shown.get("/readyz", headers={"Host": "10.1.2.3:8480"}).status_code == 200


@pytest.mark.parametrize("path", PAGES)
def test_pages_send_a_browser_to_the_form(guarded: sites.Running, path: str) -> None:
    answer = guarded.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")
    assert not answer.text


@pytest.mark.parametrize("path", FOR_PROGRAMS)
def test_programs_need_the_token(guarded: sites.Running, path: str) -> None:
    refused = guarded.get(path)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["status"] == 401
    assert guarded.get(path, headers=BEARER).status_code == 200


def test_the_name_of_the_host_opens_no_door(guarded: sites.Running) -> None:
    # What is read of a URL that is put together from this header would end in another path.
    for host in ("x/static/", "x/healthz?", "x/sign-in#", "x/static/web.css?"):
        assert guarded.get("/api/v1/clusters", headers={"Host": host}).status_code == 401


@pytest.mark.parametrize("path", ["/static/../api/v1/clusters", "/static/%2e%2e/api/v1/clusters", "//api/v1/clusters"])
def test_crooked_paths_lead_nowhere(guarded: sites.Running, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(guarded.url.rpartition(":")[2]), timeout=60)
    with closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status in (303, 401, 404)
        assert b"shop-prod" not in answer.read()


def test_a_header_that_is_said_twice_says_nothing(tmp_path: Path) -> None:
    proxied = {"user_header": "X-Forwarded-User", "trusted_proxies": ["127.0.0.0/8"]}
    with sites.running(tmp_path, history=None, **proxied) as site:
        for names, status in ((["ann"], 200), (["eve", "ann"], 403)):
            connection = http.client.HTTPConnection("127.0.0.1", int(site.url.rpartition(":")[2]), timeout=60)
            with closing(connection):
                connection.putrequest("GET", "/")
                for name in names:
                    connection.putheader("X-Forwarded-User", name)
                connection.endheaders()
                assert connection.getresponse().status == status


def test_probes_are_open_and_tell_nothing(guarded: sites.Running) -> None:
    assert guarded.get("/healthz").json() == {"status": "ok"}
    assert guarded.get("/readyz").json() == {"status": "ok"}


def test_signing_in_and_out(guarded: sites.Running) -> None:
    browser = Browser(guarded)
    answer = browser.sign_in(sites.TOKEN, "/runs?cluster=shop-prod")
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs?cluster=shop-prod")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Max-Age=43200" in cookie
    assert sites.TOKEN not in cookie
    assert browser.get("/runs").status_code == 200

    kept = browser.session.cookies.copy()
    assert browser.post("/sign-out", "/").status_code == 303
    assert browser.get("/runs").status_code == 303
    browser.session.cookies = kept
    assert browser.get("/runs").status_code == 303, "a session that was ended stays so"


def test_a_cookie_that_was_touched_is_none(guarded: sites.Running) -> None:
    browser = Browser(guarded)
    browser.sign_in(sites.TOKEN)
    name = next(one for one in browser.session.cookies.get_dict() if one.endswith("session"))
    value = browser.session.cookies[name]
    content, _, signature = str(value).rpartition(".")
    for other in (f"{content}0.{signature}", f"{content}.{'0' * 64}", "x", "a.9999999999.", ".", "a.b.c"):
        assert guarded.get("/runs", cookies={name: other}).status_code == 303
    assert guarded.get("/runs", cookies={name: str(value)}).status_code == 200


def test_wrong_tokens_slow_down_whoever_tries_them(tmp_path: Path) -> None:
    with sites.running(tmp_path, history=None, token=sites.TOKEN) as site:
        browser = Browser(site)
        for _ in range(4):
            assert browser.sign_in("wrong").status_code == 401
        assert site.get("/api/v1/runs", headers={"Authorization": "Bearer wrong"}).status_code == 401
        for answer in (browser.sign_in(sites.TOKEN), site.get("/api/v1/runs", headers=BEARER)):
            assert answer.status_code == 429
            assert int(answer.headers["retry-after"]) >= 1
        assert site.get("/healthz", headers={"Authorization": "Bearer wrong"}).status_code == 200


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)", "/\t/evil", "/sign-out"],
)
def test_signing_in_leads_nowhere_else(guarded: sites.Running, wanted: str) -> None:
    assert Browser(guarded).sign_in(sites.TOKEN, wanted).headers["location"] == "/"


def test_cookies_are_for_https_where_the_site_is_reached_by_it(tmp_path: Path) -> None:
    with sites.running(tmp_path, history=None, token=sites.TOKEN, public_url="https://auditor.example.com") as site:
        for cookie in site.get("/sign-in").headers["set-cookie"].split(", "):
            assert cookie.startswith("__Host-")
            assert cookie.endswith("; Secure")


def test_a_reverse_proxy_says_who_it_is(tmp_path: Path) -> None:
    proxied = {"user_header": "X-Forwarded-User", "trusted_proxies": ["127.0.0.0/8"]}
    with sites.running(tmp_path, history=None, **proxied) as site:
        assert site.get("/").status_code == 403
        assert site.get("/sign-in").status_code == 303
        answer = site.get("/", headers={"X-Forwarded-User": "ann <b>"})
        assert answer.status_code == 200
        assert "ann &lt;b&gt;" in answer.text
        assert site.get("/api/v1/runs", headers={"X-Forwarded-User": "ann"}).status_code == 200
        assert site.get("/", headers={"X-Forwarded-User": ""}).status_code == 403


def test_nobody_else_says_who_it_is(tmp_path: Path) -> None:
    proxied = {"user_header": "X-Forwarded-User", "trusted_proxies": ["10.0.0.0/8"]}
    with sites.running(tmp_path, history=None, **proxied) as site:
        for more in ({}, {"X-Forwarded-For": "10.0.0.1"}, {"X-Real-IP": "10.0.0.1"}, {"Forwarded": "for=10.0.0.1"}):
            assert site.get("/", headers={"X-Forwarded-User": "ann", **more}).status_code == 403
            assert site.get("/api/v1/runs", headers={"X-Forwarded-User": "ann", **more}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_sites_can_ask_for_nothing(own: sites.Running, headers: dict[str, str]) -> None:
    browser = Browser(own)
    form = {"form_token": browser.form_token("/")}
    url = f"{own.url}/clusters/shop-prod/run"
    assert browser.session.post(url, data=form, headers=headers, allow_redirects=False, timeout=60).status_code == 403
    assert own.post("/api/v1/runs", json={}, headers=headers).status_code == 403
    assert own.audits.jobs == []


def test_a_form_is_good_for_the_browser_that_it_was_made_for(own: sites.Running) -> None:
    mine, other = Browser(own), Browser(own)
    other.get("/")
    for token in ("", "x", mine.form_token("/")):
        assert other.send("/clusters/shop-prod/run", form_token=token).status_code == 403
        assert own.post("/clusters/shop-prod/run", data={"form_token": token}).status_code == 403
    assert own.audits.jobs == []


@pytest.mark.parametrize("path", ["/clusters/shop-prod/run", "/api/v1/runs"])
def test_bodies_are_bounded(shown: sites.Running, path: str) -> None:
    large = b"x" * (64 * 1024 + 1)
    assert shown.post(path, data=large).status_code == 413
    assert shown.post(path, data=iter([large[:1000]] * 80)).status_code == 413


@pytest.mark.parametrize("path", [*PAGES, *FOR_PROGRAMS, "/nope", "/healthz", "/static/web.css", "/sign-in"])
def test_every_answer_has_the_headers(guarded: sites.Running, path: str) -> None:
    for headers in ({}, BEARER):
        answer = guarded.get(path, headers=headers)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == ("public, max-age=3600" if "/static/" in path else "no-store")
        assert "server" not in answer.headers


def test_wrong_tokens_slow_down_nobody_else_behind_a_proxy(tmp_path: Path) -> None:
    with sites.running(tmp_path, history=None, token=sites.TOKEN, trusted_proxies=["127.0.0.0/8"]) as site:
        for _ in range(6):
            wrong = {"Authorization": "Bearer wrong", "X-Forwarded-For": "192.0.2.7, 198.51.100.1"}
            last = site.get("/api/v1/runs", headers=wrong).status_code
        assert last == 429
        assert site.get("/api/v1/runs", headers=BEARER | {"X-Forwarded-For": "198.51.100.1"}).status_code == 429
        assert site.get("/api/v1/runs", headers=BEARER | {"X-Forwarded-For": "198.51.100.2"}).status_code == 200
