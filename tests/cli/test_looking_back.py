"""``auditor history``, ``auditor diff`` and ``auditor report``, on a ledger with some runs."""

import json
import subprocess
import sys

import msgspec
import pytest

from auditor.facts.landscape import ClusterIdentity
from auditor.judge.verdicts import Severity
from auditor.ledger.ledger import Ledger
from auditor.ledger.records import RunState
from tests.cli.conftest import Place
from tests.ledger.make import DAY, DENIED, NOON, SHOP, finding, record, result, run
from tests.report import samples


@pytest.fixture
def ledger(place: Place) -> Ledger:
    """A ledger beside the configuration, where it stands by default, with three runs of one cluster."""
    with Ledger.open(f"sqlite:///{place.folder / 'auditor.db'}") as ledger:
        record(ledger, run(0, ["gone", "same", "blind"], run_id="aaaa-0000"))
        worse = finding("same", severity=Severity.CRITICAL)
        checks = [result(found=2, unseen={"blind": DENIED})]
        record(ledger, run(1, ["came", worse], checks, run_id="bbbb-0001"))
        ledger.begin("cccc-0002", SHOP, "now", NOON + 2 * DAY)
        ledger.fail("cccc-0002", RunState.FAILED, "neither side can be read", NOON + 2 * DAY)
        return ledger


def test_history(place: Place, ledger: Ledger) -> None:
    ran = place.run("history")
    assert ran.code == 0
    head, *lines = ran.out.splitlines()
    assert head.split() == ["RUN", "BEGAN", "(UTC)", "CLUSTER", "TRIGGER", "STATE", "FINDINGS", "CHANGES"]
    assert [line.split()[0] for line in lines] == ["cccc-0002", "bbbb-0001", "aaaa-0000"]
    assert "failed" in lines[0]
    assert "neither side can be read" in lines[0]
    assert "finished, incomplete" in lines[1]
    assert "1 critical, 1 high" in lines[1]
    assert "1 new, 1 resolved" in lines[1]
    assert "2026-11-02 12:00" in lines[2]
    assert len(place.run("history", "--limit", "1").out.splitlines()) == 2
    assert "no run of elsewhere" in place.run("history", "--cluster", "elsewhere").out


def test_history_as_json(place: Place, ledger: Ledger) -> None:
    runs = json.loads(place.run("history", "--format", "json").out)["runs"]
    assert [(one["id"], one["state"], one["complete"]) for one in runs] == [
        ("cccc-0002", "failed", None),
        ("bbbb-0001", "finished", False),
        ("aaaa-0000", "finished", True),
    ]
    assert runs[2]["started_at"] == "2026-11-02T12:00:00Z"
    assert runs[2]["summary"]["severity"]["high"] == 3
    assert runs[0]["summary"] is None


@pytest.mark.parametrize("names", [("previous", "latest"), ("aaaa", "bbbb"), ("previous", "bbbb"), ("aaaa", "latest")])
def test_diff(place: Place, ledger: Ledger, names: tuple[str, str]) -> None:
    ran = place.run("diff", *names)
    assert ran.code == 0, ran.err
    text = " ".join(ran.out.split())
    assert "New (1) high storage/disk-in-other-zone PersistentVolume came" in text
    assert "Of another severity (1) high -> critical storage/disk-in-other-zone PersistentVolume same" in text
    assert "Resolved (1) high storage/disk-in-other-zone PersistentVolume gone" in text
    assert "PersistentVolume blind" in text.partition("No longer evaluated")[2]
    assert "0 findings are as they were" in text


def test_diff_as_json(place: Place, ledger: Ledger) -> None:
    told = json.loads(place.run("diff", "previous", "latest", "--format", "json", "--language", "zh").out)
    assert (told["a"]["id"], told["b"]["id"], told["same"]) == ("aaaa-0000", "bbbb-0001", 0)

    def subjects(key: str) -> list[str]:
        return [one["subject"]["name"] for one in told[key]]

    assert (subjects("new"), subjects("resolved")) == (["came"], ["gone"])
    assert (subjects("no_longer_evaluated"), subjects("newly_evaluated")) == (["blind"], [])
    assert [(one["severity_before"], one["finding"]["severity"]) for one in told["changed"]] == [("high", "critical")]


def test_runs_of_two_clusters_are_not_compared(place: Place, ledger: Ledger) -> None:
    other = ClusterIdentity("other", "c9")
    with Ledger.open(f"sqlite:///{place.folder / 'auditor.db'}") as ledger:
        record(ledger, run(5, cluster=other, run_id="dddd-0005"))
    ran = place.run("diff", "bbbb", "dddd")
    assert ran.code == 3
    assert "expected two runs of one cluster" in ran.err
    ran = place.run("diff", "previous", "latest")
    assert ran.code == 3
    assert "name one by --cluster: other, shop" in ran.err
    assert "New (1)" in place.run("diff", "previous", "latest", "--cluster", "shop").out
    ran = place.run("diff", "previous", "latest", "--cluster", "other")
    assert ran.code == 3
    assert "no run finished before dddd-0005" in ran.err


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("diff", "zzzz", "latest"), "knows no run 'zzzz'"),
        (("diff", "cccc", "latest"), "has no outcome: it is failed"),
        (("report", "zzzz"), "knows no run 'zzzz'"),
        (("report", "cccc"), "has no outcome"),
        (("report", "latest", "--cluster", "nowhere"), "nowhere: no run has finished; the ledger knows: shop"),
        (("report", "latest", "--format", "docx"), "docx"),
        (("report", "latest", "--output", ""), "--output is empty"),
    ],
)
def test_what_is_not_there(place: Place, ledger: Ledger, arguments: tuple[str, ...], what: str) -> None:
    ran = place.run(*arguments)
    assert ran.code == 3
    assert what in ran.err


@pytest.mark.parametrize("arguments", [("history",), ("diff", "previous", "latest"), ("report", "latest")])
def test_no_ledger_yet(place: Place, arguments: tuple[str, ...]) -> None:
    ran = place.run(*arguments)
    assert ran.code == 3
    assert "there is no ledger" in ran.err
    assert not (place.folder / "auditor.db").exists(), "looking back makes none"


def test_an_old_run_is_rendered_again_in_any_format_and_language(place: Place, ledger: Ledger) -> None:
    outcome = msgspec.structs.replace(samples.outcome(), run_id="eeee")
    with Ledger.open(f"sqlite:///{place.folder / 'auditor.db'}") as opened:
        record(opened, outcome)
        record(opened, run(90, cluster=outcome.cluster, run_id="ffff"))
    ran = place.run("report", "eee", "--format", "json,html", "--language", "zh", "--output", "again")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == ["again/shop-prod/report.json", "again/shop-prod/report.html"]
    told = json.loads((place.folder / "again/shop-prod/report.json").read_text(encoding="utf-8"))
    assert told["run"]["id"] == "eeee"
    assert len(told["findings"]) == len(outcome.findings)
    assert 'lang="zh' in (place.folder / "again/shop-prod/report.html").read_text(encoding="utf-8")
    ran = place.run("report", "previous", "--cluster", "shop-prod", "--format", "markdown")
    assert ran.out.strip().endswith("reports/runs/eeee/shop-prod/report.markdown")
    assert not (place.folder / "reports" / "shop-prod").exists(), "the latest reports stay where they are"


def test_hostile_names_reach_no_terminal(place: Place, ledger: Ledger) -> None:
    hostile = msgspec.structs.replace(samples.hostile(), run_id="eeee\x1b[31m")
    with Ledger.open(f"sqlite:///{place.folder / 'auditor.db'}") as opened:
        record(opened, hostile)
        record(opened, msgspec.structs.replace(hostile, run_id="ffff", findings=hostile.findings[:3]))
    for arguments in (("history",), ("history", "--format", "json"), ("diff", "eeee", "ffff")):
        ran = place.run(*arguments)
        assert ran.code == 0, ran.err
        assert "\x1b" not in ran.out
        assert "\u202e" not in ran.out


def test_help_does_not_load_the_database() -> None:
    program = (
        "import sys\nfrom auditor.cli.main import _run\n_run(['--help'])\n"
        "heavy = {'sqlalchemy', 'alembic', 'psycopg'} & set(sys.modules)\nassert not heavy, heavy\n"
        "_run(['checks', 'list'])\n"
        "heavy = {'sqlalchemy', 'alembic', 'psycopg'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
