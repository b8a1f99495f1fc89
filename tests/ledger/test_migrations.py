"""Databases of earlier and later versions, on both kinds."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from auditor.ledger import blobs
from auditor.ledger.database import _MIGRATIONS, Database, upgrade
from auditor.ledger.ledger import Ledger, LedgerError
from auditor.ledger.records import DeliveryState, LifeState
from auditor.ledger.tables import VERSION, VERSION_TABLE, metadata
from tests.ledger.make import DAY, NOON, finding, record, run


def versions() -> list[str]:
    """Return all versions, the first one first."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


def _fill_0001(connection: Connection) -> None:
    moment = NOON.replace(tzinfo=None) if connection.dialect.name == "sqlite" else NOON
    later = moment + DAY
    known = finding("a", first_seen=NOON, last_seen=NOON)
    given = {
        "moment": str(moment) + (".000000" if connection.dialect.name == "sqlite" else ""),
        "later": str(later) + (".000000" if connection.dialect.name == "sqlite" else ""),
        "outcome": blobs.encode(run(0, [known])),
        "finding": blobs.encode(known),
        "fingerprint": known.fingerprint,
    }
    statements = (
        (
            "INSERT INTO auditor_clusters (name, cluster_id, run_id, observed_at, recorded_at) "
            "VALUES ('shop', 'c0123', 'run-0000', :moment, :moment)"
        ),
        (
            "INSERT INTO auditor_runs (id, cluster, cluster_id, region, trigger, state, started_at, finished_at, "
            "complete, counts, checks, lifecycle, error) VALUES ('run-0000', 'shop', 'c0123', 'cn-hangzhou', "
            """'now', 'finished', :moment, :moment, TRUE, '{"high": 1}', '{"found": 1}', '{"new": 1}', '')"""
        ),
        "INSERT INTO auditor_outcomes (run_id, content) VALUES ('run-0000', :outcome)",
        (
            'INSERT INTO auditor_findings (run_id, fingerprint, "check", severity, certainty, lifecycle, suppressed, '
            "subject) VALUES ('run-0000', :fingerprint, 'storage/disk-in-other-zone', 'high', 'confirmed', 'new', "
            "FALSE, 'PersistentVolume a')"
        ),
        (
            'INSERT INTO auditor_lives (cluster, fingerprint, cluster_id, "check", severity, state, suppressed, '
            "first_seen, last_seen, reopened, run_id, unlooked, finding) VALUES ('shop', :fingerprint, 'c0123', "
            "'storage/disk-in-other-zone', 'high', 'open', FALSE, :moment, :moment, 0, 'run-0000', '[]', :finding)"
        ),
        (
            "INSERT INTO auditor_deliveries (key, run_id, cluster, channel, kind, place, fingerprints, gone, state, "
            "created_at, due_at, give_up_at, attempts, last_error, dated_at) VALUES ('run-0000/mail/report', "
            "'run-0000', 'shop', 'mail', 'report', 0, '[]', '[]', 'owed', :moment, :moment, :later, 3, 'refused', "
            ":moment)"
        ),
        "INSERT INTO auditor_told (channel, cluster, fingerprint) VALUES ('mail', 'shop', :fingerprint)",
    )
    for statement in statements:
        connection.execute(text(statement), given)


FILLED: dict[str, Callable[[Connection], None]] = {"0001": _fill_0001}
"""What a database of each version may hold: one run with an open finding and a delivery that is owed."""


def test_the_versions_are_numbered_in_one_line() -> None:
    assert versions() == [f"{number:04}" for number in range(1, len(versions()) + 1)]
    assert versions()[-1] == VERSION
    assert list(FILLED) == versions(), "each version has its sample"


@pytest.mark.parametrize("version", versions())
def test_what_an_earlier_version_kept_is_kept(url: str, version: str) -> None:
    with closing(Database(url)) as database, database.write() as connection:
        upgrade(connection, version)
        FILLED[version](connection)
    with Ledger.open(url) as ledger:
        told = ledger.run("run-0000")
        assert (told.started_at, told.complete, told.counts) == (NOON, True, {"high": 1})
        assert [one.subject.name for one in ledger.outcome("run-0000").findings] == ["a"]
        (life,) = ledger.lives("shop")
        assert (life.state, life.first_seen, life.severity) == (LifeState.OPEN, NOON, "high")
        (delivery,) = ledger.deliveries()
        assert (delivery.state, delivery.attempts, delivery.due_at) == (DeliveryState.OWED, 3, NOON)
        assert ledger.told("shop") == {"mail": frozenset({life.fingerprint})}
        assert record(ledger, run(1)).resolved[0].subject.name == "a"


def test_the_migrations_make_what_the_tables_say(url: str) -> None:
    Ledger.open(url).close()
    with closing(Database(url)) as database, database.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize("later", ["0999", "af03b2c4"])
def test_a_later_version_is_refused_and_left_alone(url: str, later: str) -> None:
    Ledger.open(url).close()
    with closing(Database(url)) as database:
        with database.write() as connection:
            connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '{later}'"))
        with pytest.raises(LedgerError, match=f"is of a later version .{later}.*upgrade the auditor"):
            Ledger.open(url)
        with database.read() as connection:
            assert connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")) == later


def test_a_ledger_that_is_not_there_can_be_left_unmade(url: str) -> None:
    with pytest.raises(LedgerError, match="there is no ledger"):
        Ledger.open(url, make=False)
    Ledger.open(url).close()
    Ledger.open(url, make=False).close()


def test_several_processes_open_a_new_database_at_once(url: str) -> None:
    program = (
        "import sys\n"
        "from auditor.ledger.ledger import Ledger\n"
        "from tests.ledger.make import record, run\n"
        "sys.stdin.read(1)\n"
        "with Ledger.open(sys.argv[1]) as ledger:\n"
        "    record(ledger, run(int(sys.argv[2]), ['a']))\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, url, str(number)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for process in processes:
        assert process.stdin
        process.stdin.write("go")
        process.stdin.close()
    for process in processes:
        assert process.stderr
        with process.stderr as stream:
            said = stream.read()
        assert process.wait(timeout=120) == 0, said
    with Ledger.open(url) as ledger:
        assert len(ledger.runs()) == 3
        assert len(ledger.lives()) == 1
