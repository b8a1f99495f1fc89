"""``auditor doctor`` on the ledger and on what was not delivered."""

import json
from datetime import UTC, datetime

from auditor.ledger.ledger import Ledger
from auditor.ledger.records import Owed
from tests.cli.conftest import Place
from tests.ledger.make import record, run


def with_ledger(place: Place, url: str = "sqlite:///auditor.db") -> None:
    text = place.config.read_text(encoding="utf-8")
    place.config.write_text(f'[ledger]\nurl = "{url}"\n{text}', encoding="utf-8")


def test_no_word_where_no_ledger_is_named(place: Place) -> None:
    assert "Ledger" not in place.run("doctor").out


def test_one_that_is_still_to_be_made(place: Place) -> None:
    with_ledger(place)
    ran = place.run("doctor")
    assert (ran.code, "there is no ledger yet" in ran.out) == (0, True)
    assert not (place.folder / "auditor.db").exists()


def test_what_was_given_up_and_what_is_late(place: Place) -> None:
    with_ledger(place)
    now = datetime.now(UTC)
    with Ledger.open(f"sqlite:///{place.folder / 'auditor.db'}") as ledger:
        record(ledger, run(0), Owed("hook", "report"), Owed("ops", "report"), Owed("quiet", "report"))
        ledger.give_up("run-0000/hook/report", now, "hooks.example.com answered 410: gone")
        ledger.retry("run-0000/ops/report", now, now, "smtp.example.com: no answer")
    ran = place.run("doctor")
    assert ran.code == 0
    out = " ".join(ran.out.split())
    assert "given up hook: report of 2026-11-02 12:00Z: hooks.example.com answered 410: gone" in out
    assert "late ops: report of 2026-11-02 12:00Z: smtp.example.com: no answer" in out
    assert "2 deliveries owed" in out
    told = json.loads(place.run("doctor", "--format", "json").out)["ledger"]
    assert [one["channel"] for one in told["dead"]] == ["hook"]
    assert [one["channel"] for one in told["late"]] == ["ops"]


def test_one_that_can_not_be_used(place: Place) -> None:
    (place.folder / "auditor.db").write_text("this is no database, and is long enough to be seen as none" * 20)
    with_ledger(place)
    ran = place.run("doctor")
    assert ran.code == 3
    assert "auditor.db" in ran.out
