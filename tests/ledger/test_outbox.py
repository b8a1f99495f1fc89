"""Deliveries, on both databases: nothing is lost, and nothing is handed to two senders at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from auditor.ledger.errors import Outdated
from auditor.ledger.ledger import Ledger, LedgerError
from auditor.ledger.records import Delivery, DeliveryState, Owed
from tests.ledger.make import DAY, record, run

LEASE = timedelta(minutes=1)
DONE = run(0).finished_at


def claim(ledger: Ledger, after: timedelta = timedelta(), limit: int = 100) -> list[Delivery]:
    return ledger.claim(DONE + after, limit, LEASE)


def keys(deliveries: list[Delivery]) -> list[str]:
    return [one.key for one in deliveries]


def test_a_run_and_what_it_owes(ledger: Ledger) -> None:
    a, b = "a" * 32, "b" * 32
    record(
        ledger,
        run(0, ["a"]),
        Owed("mail", "report"),
        Owed("pager", "finding", (a,)),
        Owed("pager", "digest", (a, b)),
        Owed("pager", "digest", (b, a)),
    )
    owed = {one.key: one for one in ledger.deliveries()}
    assert set(owed) >= {"run-0000/mail/report", f"run-0000/pager/finding/{a}"}
    assert len(owed) == 3, "the same message in another order is the same"
    mail = owed["run-0000/mail/report"]
    assert (mail.state, mail.attempts, mail.last_error, mail.finished_at) == (DeliveryState.OWED, 0, "", None)
    assert (mail.created_at, mail.due_at, mail.give_up_at) == (DONE, DONE, DONE + DAY)
    assert (mail.run_id, mail.cluster, mail.channel, mail.kind) == ("run-0000", "shop", "mail", "report")
    assert owed[f"run-0000/pager/finding/{a}"].fingerprints == (a,)
    assert ledger.deliveries("mail") == [mail]
    assert ledger.delivery_counts() == {("mail", DeliveryState.OWED): 1, ("pager", DeliveryState.OWED): 2}


def test_quiet_hours_do_not_shorten_the_time_it_is_tried(ledger: Ledger) -> None:
    record(ledger, run(0), Owed("mail", "report", not_before=DONE + 2 * DAY))
    assert claim(ledger) == []
    assert ledger.next_due() == DONE + 2 * DAY
    (delivery,) = claim(ledger, 2 * DAY)
    assert delivery.give_up_at == DONE + 3 * DAY


def test_what_is_claimed_is_leased(ledger: Ledger) -> None:
    record(ledger, run(0), Owed("mail", "report"))
    (claimed,) = claim(ledger)
    assert claimed.attempts == 1
    assert claim(ledger) == []
    assert ledger.next_due() == DONE + LEASE
    (again,) = claim(ledger, LEASE)
    assert (again.key, again.attempts) == (claimed.key, 2), "the first sender was killed"
    ledger.delivered(again.key, DONE + LEASE)
    assert claim(ledger, DAY) == []
    assert ledger.next_due() is None
    (done,) = ledger.deliveries(states=(DeliveryState.DELIVERED,))
    assert done.finished_at == DONE + LEASE


def test_the_first_come_first_and_no_more_than_asked_for(ledger: Ledger) -> None:
    for number in range(3):
        record(ledger, run(number), Owed("mail", "report"))
    first, second = claim(ledger, 3 * DAY, limit=2)
    assert keys([first, second]) == ["run-0000/mail/report", "run-0001/mail/report"]
    assert claim(ledger, 3 * DAY) == [], "what is under way to the same channel comes first"
    for delivery in (first, second):
        ledger.delivered(delivery.key, DONE)
    assert keys(claim(ledger, 3 * DAY, limit=2)) == ["run-0002/mail/report"]


def test_behind_one_that_has_to_wait_the_others_of_its_channel_wait(ledger: Ledger) -> None:
    record(ledger, run(0), Owed("pager", "finding", ("a",)), Owed("mail", "report"), Owed("pager", "finding", ("b",)))
    first, mail, second = claim(ledger)
    assert keys([first, mail, second]) == [
        "run-0000/pager/finding/a",
        "run-0000/mail/report",
        "run-0000/pager/finding/b",
    ]
    ledger.retry(first.key, DONE, DONE + timedelta(hours=1), "refused")
    ledger.release(second.key)
    assert claim(ledger, LEASE / 2) == []
    assert ledger.next_due() == min(DONE + timedelta(hours=1), DONE + LEASE)
    ledger.delivered(mail.key, DONE)
    assert ledger.next_due() == DONE + timedelta(hours=1)
    (again,) = claim(ledger, timedelta(hours=1))
    assert (again.key, again.attempts) == (first.key, 2)
    ledger.delivered(again.key, DONE + timedelta(hours=1))
    (after,) = claim(ledger, timedelta(hours=1))
    assert (after.key, after.attempts) == (second.key, 1), "it was given back untried"


def test_one_that_is_held_back_keeps_no_other_waiting(ledger: Ledger) -> None:
    record(ledger, run(0), Owed("pager", "finding", ("a",), DONE + DAY), Owed("pager", "finding", ("b",)))
    assert keys(claim(ledger)) == ["run-0000/pager/finding/b"]


def test_what_a_channel_was_told(ledger: Ledger) -> None:
    record(
        ledger, run(0), Owed("pager", "finding", ("a",)), Owed("pager", "", ("b", "c")), Owed("mail", "report", ("a",))
    )
    assert ledger.told("shop") == {"pager": {"a", "b", "c"}, "mail": {"a"}}
    assert keys(ledger.deliveries()) == ["run-0000/mail/report/a", "run-0000/pager/finding/a"]
    record(ledger, run(1), Owed("pager", "digest", ("d",), gone=("a", "b")))
    assert ledger.told("shop") == {"pager": {"c", "d"}, "mail": {"a"}}
    assert ledger.told("other") == {}


def test_a_failed_attempt_is_tried_again(ledger: Ledger) -> None:
    record(ledger, run(0), Owed("mail", "report"))
    (claimed,) = claim(ledger)
    ledger.retry(claimed.key, DONE, DONE + timedelta(minutes=10), "refused " * 1000)
    assert claim(ledger, timedelta(minutes=9)) == []
    assert ledger.next_due() == DONE + timedelta(minutes=10)
    (again,) = claim(ledger, timedelta(minutes=10))
    assert again.attempts == 2
    assert again.last_error.startswith("refused refused")
    assert len(again.last_error) <= 2000


def test_given_up_and_revived(ledger: Ledger) -> None:
    record(ledger, run(0), Owed("mail", "report"))
    (claimed,) = claim(ledger)
    ledger.give_up(claimed.key, DONE + DAY, "no such address")
    assert claim(ledger, 2 * DAY) == []
    (dead,) = ledger.deliveries(states=(DeliveryState.DEAD,))
    assert (dead.last_error, dead.finished_at) == ("no such address", DONE + DAY)
    ledger.revive(dead.key, DONE + 2 * DAY)
    (again,) = claim(ledger, 2 * DAY)
    assert (again.give_up_at, again.finished_at, again.attempts) == (DONE + 3 * DAY, None, 2)
    ledger.delivered(again.key, DONE + 2 * DAY)
    ledger.revive(again.key, DONE + 2 * DAY)
    assert ledger.deliveries()[0].state is DeliveryState.DELIVERED, "what came does not come again"
    with pytest.raises(LedgerError, match="knows no delivery"):
        ledger.revive("unknown", DONE)


def test_a_slow_sender_does_not_undo_what_another_did(ledger: Ledger) -> None:
    record(ledger, run(0), Owed("mail", "report"))
    (slow,) = claim(ledger)
    (quick,) = claim(ledger, LEASE)
    ledger.delivered(quick.key, DONE + LEASE)
    ledger.retry(slow.key, DONE + 2 * LEASE, DONE + DAY, "timed out")
    ledger.give_up(slow.key, DONE + 2 * LEASE, "timed out")
    (only,) = ledger.deliveries()
    assert (only.state, only.last_error) == (DeliveryState.DELIVERED, "")


def test_what_came_after_another_gave_up_came(ledger: Ledger) -> None:
    record(ledger, run(0), Owed("mail", "report"))
    (claimed,) = claim(ledger)
    ledger.give_up(claimed.key, DONE, "timed out")
    ledger.delivered(claimed.key, DONE)
    assert ledger.deliveries()[0].state is DeliveryState.DELIVERED
    ledger.delivered("unknown", DONE)


def test_a_clock_that_is_set_back_holds_nothing_up(ledger: Ledger) -> None:
    record(ledger, run(9), Owed("mail", "report"))
    (claimed,) = ledger.claim(DONE + 9 * DAY, 10, LEASE)
    ledger.retry(claimed.key, DONE + 9 * DAY, DONE + 10 * DAY, "refused")
    assert ledger.next_due() == DONE + 10 * DAY
    assert ledger.next_due(DONE) == DONE, "it was dated by a clock that was nine days ahead"
    (again,) = claim(ledger)
    assert claim(ledger) == [], "it is leased by the clock as it is now"
    ledger.retry(again.key, DONE, DONE + timedelta(hours=1), "refused")
    assert claim(ledger, timedelta(minutes=59)) == [], "and is tried no faster than any other"
    assert len(claim(ledger, timedelta(hours=1))) == 1


def test_a_clock_that_is_set_back_does_not_turn_the_order_round(ledger: Ledger) -> None:
    ledger.finish(run(5), lambda *_: [Owed("pager", "finding", ("a" * 32,))])
    (first,) = ledger.claim(DONE + 5 * DAY, 10, LEASE)
    ledger.retry(first.key, DONE + 5 * DAY, DONE + 5 * DAY, "away")
    moment = datetime.now(UTC)
    ledger.finish(
        run(0, run_id="later", observed_at=moment, started_at=moment, finished_at=DONE),
        lambda *_: [Owed("pager", "resolved", (), gone=("a" * 32,))],
    )
    (again,) = ledger.claim(DONE, 10, LEASE)
    assert again.key == first.key, "that it is over waits behind that it is there"
    ledger.delivered(again.key, DONE)
    (second,) = ledger.claim(DONE, 10, LEASE)
    assert second.kind == "resolved"
    assert second.give_up_at - second.created_at == timedelta(days=3)


def test_busy_channels_can_be_left_out(ledger: Ledger) -> None:
    record(ledger, run(0), Owed("mail", "report"), Owed("pager", "report"))
    (claimed,) = ledger.claim(DONE, 10, LEASE, ["mail"])
    assert claimed.channel == "pager"
    assert ledger.next_due(DONE, ["mail", "pager"]) is None
    assert ledger.next_due(DONE, ["pager"]) == DONE


def test_a_lease_is_renewed_as_long_as_it_is_held(ledger: Ledger) -> None:
    record(ledger, run(0), Owed("mail", "report"), Owed("pager", "report"))
    mail, pager = claim(ledger)
    ledger.release(pager.key)
    ledger.renew([mail.key, pager.key], DONE + LEASE / 2, LEASE)
    (free,) = claim(ledger, LEASE)
    assert free.key == pager.key
    assert [one.key for one in claim(ledger, LEASE * 3 / 2)] == [mail.key]


def test_senders_side_by_side_share_the_work(url: str) -> None:
    with Ledger.open(url) as ledger:
        record(ledger, run(0), *(Owed("pager", "finding", (f"{number:032x}",)) for number in range(60)))

        def send(_sender: int) -> list[str]:
            taken: list[str] = []
            while claimed := claim(ledger, limit=3):
                for delivery in claimed:
                    ledger.delivered(delivery.key, DONE)
                    taken.append(delivery.key)
            return taken

        with ThreadPoolExecutor(4) as pool:
            taken = [key for keys in pool.map(send, range(4)) for key in keys]
        # One sender may find nothing free while others hold the last ones: what is left is taken here.
        taken += send(4)
        assert len(taken) == 60
        assert len(set(taken)) == 60
        assert ledger.delivery_counts() == {("pager", DeliveryState.DELIVERED): 60}


def test_a_run_tells_what_was_given_up_before(ledger: Ledger) -> None:
    record(ledger, run(0), Owed("mail", "report"), Owed("pager", "report"))
    ledger.give_up("run-0000/mail/report", DONE, "smtp.example.com: 550 no such user")
    recorded = record(ledger, run(1))
    assert [(one.channel, one.error) for one in recorded.undelivered] == [
        ("mail", "smtp.example.com: 550 no such user")
    ]
    assert ledger.outcome("run-0001") == recorded
    ledger.revive("run-0000/mail/report", DONE)
    assert record(ledger, run(2)).undelivered == ()


def test_what_is_over_is_not_sent_again(ledger: Ledger) -> None:
    record(ledger, run(0), Owed("pager", "finding", ("a",)), Owed("pager", "finding", ("b",)))
    for one in "ab":
        ledger.give_up(f"run-0000/pager/finding/{one}", DONE, "401")
    record(ledger, run(1), Owed("pager", "resolved", gone=("a",)))
    with pytest.raises(Outdated, match="not so any more"):
        ledger.revive("run-0000/pager/finding/a", DONE)
    ledger.revive("run-0000/pager/finding/b", DONE)
    assert {one.fingerprints for one in ledger.deliveries(states=[DeliveryState.OWED])} == {(), ("b",)}


def test_that_something_is_over_is_not_sent_once_it_is_back(ledger: Ledger) -> None:
    record(ledger, run(0), Owed("pager", "finding", ("a",)))
    record(ledger, run(1), Owed("pager", "resolved", gone=("a",)))
    ledger.give_up("run-0001/pager/resolved/a", DONE, "401")
    record(ledger, run(2), Owed("pager", "finding", ("a",)))
    with pytest.raises(Outdated):
        ledger.revive("run-0001/pager/resolved/a", DONE)


def test_an_old_snapshot_is_not_sent_behind_a_later_one(ledger: Ledger) -> None:
    record(ledger, run(0), Owed("alerts", "snapshot", ("a",)))
    ledger.give_up("run-0000/alerts/snapshot/a", DONE, "401")
    ledger.revive("run-0000/alerts/snapshot/a", DONE)
    ledger.give_up("run-0000/alerts/snapshot/a", DONE, "401")
    record(ledger, run(1), Owed("alerts", "snapshot", gone=("a",)))
    with pytest.raises(Outdated):
        ledger.revive("run-0000/alerts/snapshot/a", DONE)
