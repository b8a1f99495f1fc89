"""Two runs beside each other."""

import msgspec

from auditor.judge.verdicts import Severity
from auditor.ledger.compare import compare
from tests.ledger.make import DENIED, DISKS, NODES, OFF, finding, names, result, run


def test_what_came_went_and_stayed() -> None:
    worse = finding("worse", severity=Severity.CRITICAL)
    found = compare(run(0, ["went", "same", "worse"]), run(1, ["came", "same", worse]))
    assert (names(found.new), names(found.resolved), names(found.same)) == (["came"], ["went"], ["same"])
    assert found.changed == ((worse, Severity.HIGH),)
    assert (found.newly_evaluated, found.unevaluated) == ((), ())


def test_what_one_of_them_did_not_look_at() -> None:
    whole = [result(reasons=[DENIED])]
    assert names(compare(run(0, ["a"]), run(1, [], whole)).unevaluated) == ["a"]
    assert names(compare(run(0, [], whole), run(1, ["a"])).newly_evaluated) == ["a"]
    one = [result(unseen={"a": DENIED})]
    found = compare(run(0, ["a", "b"]), run(1, [], one))
    assert (names(found.unevaluated), names(found.resolved)) == (["a"], ["b"])


def test_a_check_that_only_one_of_them_ran() -> None:
    nodes = finding("n", NODES)
    both = run(0, [finding("a"), nodes], [result(found=1), result(NODES, found=1)])
    less = run(1, ["a"])
    assert names(compare(both, less).unevaluated) == ["n"]
    assert names(compare(less, both).newly_evaluated) == ["n"]


def test_what_was_switched_off_in_both_hides_nothing() -> None:
    off = [result(DISKS, reasons=[OFF])]
    assert names(compare(run(0, ["a"], off), run(1, [], off)).resolved) == ["a"]
    assert names(compare(run(0, ["a"]), run(1, [], off)).unevaluated) == ["a"]


def test_a_run_beside_itself() -> None:
    one = run(0, ["a", "b"])
    found = compare(one, msgspec.structs.replace(one, run_id="other"))
    assert names(found.same) == ["a", "b"]
    others = (found.new, found.resolved, found.changed, found.unevaluated, found.newly_evaluated)
    assert not any(others)
