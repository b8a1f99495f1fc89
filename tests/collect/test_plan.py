"""The planner: only what is asked for, each table when what it needs is known, and no failure beyond its table."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from auditor.collect import plan, registry
from auditor.collect.plan import Progress, collect
from auditor.collect.provider import Provider, provides
from auditor.facts.landscape import ClusterIdentity, Landscape
from auditor.facts.ref import Layer
from auditor.facts.table import NotKnown, Reason, ReasonKind, State, Table
from auditor.facts.text import t
from tests.checks import make
from tests.checks.kit import denied

CLUSTER = ClusterIdentity("test", "c1", "cn-hangzhou")


class Client:
    """A side that answers; what asking cost is fixed."""

    def cost(self, source: str) -> Any:
        return SimpleNamespace(calls=3, retries=1, seconds=0.5)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    known: dict[str, Provider] = {}

    def make_one(
        table: str,
        function: Callable[..., Any],
        source: str = "ecs",
        layer: Layer = Layer.CLOUD,
        tolerates: tuple[str, ...] = (),
    ) -> None:
        names = tuple(function.__code__.co_varnames[: function.__code__.co_argcount])[1:]
        known[table] = Provider(table, source, layer, (f"{source}:Read",), names, function, tolerates)

    monkeypatch.setattr(plan, "providers", lambda: known)
    monkeypatch.setattr(registry, "providers", lambda: known)
    return make_one  # type: ignore[return-value]


def both(client: Any = None) -> dict[Layer, Any]:
    return {Layer.KUBERNETES: client or Client(), Layer.CLOUD: client or Client()}


def run(*tables: str, sides: Any = None) -> Landscape:
    return collect(tables, sides or both(), CLUSTER)


def nodes(client: Any) -> Table[Any]:
    return Table("nodes", [make.node("a")])


def instances(client: Any, nodes: Table[Any]) -> Table[Any]:
    return Table("instances", [make.instance(node.name) for node in nodes.known_rows()])


def test_what_is_needed_comes_first_and_nothing_else_is_read(made: Any) -> None:
    made("nodes", nodes, "kubernetes", Layer.KUBERNETES)
    made("instances", instances)
    made("pods", lambda client: pytest.fail("nobody asked for Pods"), "kubernetes", Layer.KUBERNETES)
    landscape = run("instances")
    assert [row.id for row in landscape.table("instances")] == ["i-a"]
    assert set(landscape.tables) == {"nodes", "instances"}


def test_what_rests_on_something_unreadable_says_why(made: Any) -> None:
    made("nodes", lambda client: Table.unavailable("nodes", denied("list nodes", "kubernetes")))
    made("instances", instances)
    with pytest.raises(NotKnown) as caught:
        run("instances").table("instances").all()
    assert caught.value.reasons[0].missing == ("list nodes",)


def test_what_a_provider_tolerates_may_be_unreadable(made: Any) -> None:
    def counted(client: Any, nodes: Table[Any], pods: Table[Any]) -> Table[Any]:
        return Table("instances", [] if nodes.is_unavailable else [make.instance("a")])

    denial = denied("list nodes", "kubernetes")
    made("nodes", lambda client: Table.unavailable("nodes", denial), "kubernetes", Layer.KUBERNETES)
    made("pods", lambda client: Table("pods"), "kubernetes", Layer.KUBERNETES)
    made("instances", counted, tolerates=("nodes",))
    assert run("instances").table("instances").all() == []
    made("pods", lambda client: Table.unavailable("pods", denied("list pods")), "kubernetes", Layer.KUBERNETES)
    assert run("instances").table("instances").reasons[0].missing == ("list pods",)


def test_a_provider_that_fails_takes_no_other_along(made: Any) -> None:
    def fails(client: Any) -> Table[Any]:
        raise ZeroDivisionError("a secret could stand here")

    made("nodes", nodes, "kubernetes", Layer.KUBERNETES)
    made("disks", fails)
    landscape = run("disks", "nodes")
    assert len(landscape.table("nodes").all()) == 1
    reason = landscape.table("disks").reasons[0]
    assert reason.kind is ReasonKind.ERROR
    assert "ZeroDivisionError" in str(reason.message)
    assert "secret" not in str(reason.message)


def test_a_side_that_can_not_be_read_is_not_asked(made: Any) -> None:
    made("nodes", nodes, "kubernetes", Layer.KUBERNETES)
    made("disks", lambda client: pytest.fail("the cloud can't be read"))
    gone = Reason("sts", ReasonKind.UNREACHABLE, t("nobody there"))
    landscape = run("nodes", "disks", sides={**both(), Layer.CLOUD: gone})
    assert landscape.table("nodes").state is State.KNOWN
    assert landscape.table("disks").reasons == (gone,)
    by_source = {log.source: log for log in landscape.collection}
    assert by_source["ecs"].state is State.UNAVAILABLE
    assert by_source["ecs"].calls == 0
    assert by_source["kubernetes"].state is State.KNOWN


def test_the_log_of_a_source_sums_up_its_tables(made: Any) -> None:
    made("disks", lambda client: Table("disks", [make.disk("d-1"), make.disk("d-2")]))
    made("instances", lambda client: Table.unavailable("instances", denied("ecs:DescribeInstances", "ecs")))
    log = run("disks", "instances").collection[0]
    assert (log.source, log.layer, log.state, log.items) == ("ecs", Layer.CLOUD, State.PARTIAL, 2)
    assert (log.calls, log.retries, log.seconds) == (3, 1, 0.5)
    assert [reason.missing for reason in log.reasons] == [("ecs:DescribeInstances",)]


def test_what_is_switched_off_leaves_a_source_known(made: Any) -> None:
    off = Reason("kubernetes", ReasonKind.SWITCHED_OFF, t("off"))
    made("nodes", nodes, "kubernetes", Layer.KUBERNETES)
    made("secret_names", lambda client: Table.unavailable("secret_names", off), "kubernetes", Layer.KUBERNETES)
    assert run("nodes", "secret_names").collection[0].state is State.KNOWN


def test_progress_is_told_after_each_table(made: Any) -> None:
    made("nodes", nodes, "kubernetes", Layer.KUBERNETES)
    made("instances", instances)
    seen: list[Progress] = []
    collect(["instances"], both(), CLUSTER, seen.append)
    assert [(p.done, p.total, p.table) for p in seen] == [(1, 2, "nodes"), (2, 2, "instances")]


def test_a_table_that_is_not_in_the_catalogue_can_not_be_provided() -> None:
    with pytest.raises(ValueError, match="catalogue"):
        provides("nonsense", source="x", layer=Layer.CLOUD, permissions=())


def test_only_what_is_needed_can_be_tolerated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.collect.provider._PROVIDERS", {})

    def disks(client: Any) -> Table[Any]:
        return Table("disks")

    with pytest.raises(ValueError, match="nodes"):
        provides("disks", source="x", layer=Layer.CLOUD, permissions=(), tolerates=("nodes",))(disks)
