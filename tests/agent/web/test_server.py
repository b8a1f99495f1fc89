"""The server: how it comes up, goes down, and says how it is."""

import logging
import socket
from pathlib import Path
from typing import Any

import pytest

from auditor.agent.service import Agent
from auditor.agent.web.server import Site, SiteError
from auditor.config.server import Server
from auditor.ledger.errors import LedgerError
from auditor.ledger.ledger import Ledger
from tests.agent.web import sites


def _agent(folder: Path, ledger: Ledger) -> Agent:
    return Agent(sites.settings(folder), sites.checks(), ledger, auditing=sites.Audits())


def _server(**more: Any) -> Server:
    return Server.model_validate({"port": 0, **more})


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with Ledger.open(f"sqlite:///{tmp_path}/l.db") as ledger, socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SiteError, match=rf"127\.0\.0\.1 port {port}: Address already in use; another program"):
            Site(_server(port=port), _agent(tmp_path, ledger)).start()


def test_an_address_of_another_machine_is_said(tmp_path: Path) -> None:
    with (
        Ledger.open(f"sqlite:///{tmp_path}/l.db") as ledger,
        pytest.raises(SiteError, match="this machine has no such address"),
    ):
        Site(_server(host="192.0.2.1", token=sites.TOKEN), _agent(tmp_path, ledger)).start()


def test_a_token_that_can_not_be_read_is_said(tmp_path: Path) -> None:
    with (
        Ledger.open(f"sqlite:///{tmp_path}/l.db") as ledger,
        pytest.raises(SiteError, match=r"server\.token: .*missing-file"),
    ):
        Site(_server(token_file=str(tmp_path / "missing-file")), _agent(tmp_path, ledger)).start()


def test_the_token_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(sites.TOKEN, encoding="utf-8")
    with sites.running(tmp_path, history=None, token_file=str(file)) as site:
        old, new = ({"Authorization": f"Bearer {one}"} for one in (sites.TOKEN, sites.TOKEN[::-1]))
        assert site.get("/api/v1/runs", headers=old).status_code == 200
        file.write_text(sites.TOKEN[::-1], encoding="utf-8")
        assert site.get("/api/v1/runs", headers=old).status_code == 401
        assert site.get("/api/v1/runs", headers=new).status_code == 200
        file.unlink()
        assert site.get("/api/v1/runs", headers=new).status_code == 503
        assert site.get("/healthz").status_code == 200


def test_a_site_that_stopped_leaves_its_port(tmp_path: Path) -> None:
    with Ledger.open(f"sqlite:///{tmp_path}/l.db") as ledger:
        site = Site(_server(), _agent(tmp_path, ledger))
        site.start()
        port = int(site.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)):
            site.stop()
        again = Site(_server(port=port), _agent(tmp_path, ledger))
        again.start()
        again.stop()
        again.stop()


def test_ipv6(tmp_path: Path) -> None:
    with Ledger.open(f"sqlite:///{tmp_path}/l.db") as ledger:
        site = Site(_server(host="::1"), _agent(tmp_path, ledger))
        try:
            site.start()
        except SiteError as error:
            pytest.skip(f"this machine has no IPv6: {error}")
        try:
            with socket.create_connection(("::1", int(site.url.rpartition(":")[2])), timeout=60) as connection:
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n")
                assert connection.makefile("rb").readline().startswith(b"HTTP/1.1 200")
        finally:
            site.stop()


def test_ready_means_that_it_can_work(own: sites.Running, monkeypatch: pytest.MonkeyPatch) -> None:
    assert own.get("/readyz").status_code == 200
    own.agent.schedules.stop()
    own.site.stop()

    def broken(_self: Ledger) -> None:
        raise LedgerError("the disk is full")

    monkeypatch.setattr(Ledger, "health", broken)
    site = Site(_server(), own.agent)
    site.start()
    own.url = site.url
    try:
        answer = own.get("/readyz")
        assert answer.status_code == 503
        assert answer.json() == {
            "status": "unavailable",
            "problems": ["ledger", "scheduler"],
            "details": {"ledger": "the disk is full", "scheduler": "it is not running"},
        }
        assert own.get("/healthz").status_code == 200
    finally:
        site.stop()


def test_why_it_is_not_ready_is_not_for_everybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: Ledger) -> None:
        raise LedgerError("the disk of db.internal is full")

    monkeypatch.setattr(Ledger, "health", broken)
    with sites.running(tmp_path, history=None, token=sites.TOKEN) as site:
        assert site.get("/readyz").json() == {"status": "unavailable", "problems": ["ledger"]}
        told = site.get("/readyz", headers={"Authorization": f"Bearer {sites.TOKEN}"}).json()
        assert told["details"] == {"ledger": "the disk of db.internal is full"}


def test_many_who_ask_write_little(own: sites.Running, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    whole = Ledger.health

    def health(self: Ledger) -> None:
        written.append(1)
        whole(self)

    monkeypatch.setattr(Ledger, "health", health)
    for _ in range(20):
        assert own.get("/readyz").status_code == 200
    assert len(written) < 10


def test_requests_leave_no_lines_in_the_log(shown: sites.Running, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        for path in ("/", "/nope", "/metrics"):
            shown.get(path)
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []
