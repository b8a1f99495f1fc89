"""The shared landscapes: clusters with so many faults that every check finds something in one of them.

In ``applications`` it is workloads, volumes and Services that are wrong, and what they wait for; in ``platform`` the
control plane, the components and the rules of the network; ``unreachable`` has an API server that answers nobody.
Some faults hide others, so that one cluster can't have them all. All times are those of one moment, so that the same
landscape is collected each time.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
import time_machine

from auditor.agent.audit import Watcher, audit
from auditor.facts.landscape import Landscape
from auditor.facts.table import Table
from auditor.judge.engine import needed_tables
from auditor.judge.outcome import Outcome
from auditor.judge.registry import load_checks
from tests.audits import collected
from tests.clusters import FakeCluster
from tests.fakes import demo
from tests.scenarios import shared_plants
from tests.scenarios.kit import Scene

OBSERVED_AT = datetime(2026, 11, 22, 22, 40, tzinfo=UTC)
"""When the recorded cluster was looked at."""
API_SERVER = "192.168.0.167:6443"
"""The recorded cluster's own address of its API server, in place of the fake's port."""
FORMER_API_SERVER = "192.168.0.99:6443"
"""What stands in place of it in an old kubeconfig."""
SECONDS = 0.002
"""In place of what a call really took."""
OF_THE_CONNECTION = ("api_health", "api_stages", "kubeconfigs")
"""The tables that tell of the auditor's own connection, whose port is another one each time."""


def applications() -> FakeCluster:
    """Return the cluster whose workloads, volumes and Services are wrong."""
    scene = Scene()
    demo.plant(scene.cloud, scene.kubernetes)
    scene.cloud.heal()
    return _planted(scene, *shared_plants.OF_APPLICATIONS)


def platform() -> FakeCluster:
    """Return the cluster whose control plane, components and network rules are wrong."""
    return _planted(Scene(), *shared_plants.OF_THE_PLATFORM)


def unreachable() -> FakeCluster:
    """Return the cluster whose API server answers nobody, at an address of old."""
    return _planted(Scene(), *shared_plants.OF_THE_WAY)


LANDSCAPES: dict[str, Callable[[], FakeCluster]] = {
    "applications": applications,
    "platform": platform,
    "unreachable": unreachable,
}


@cache
def landscape(name: str) -> Landscape:
    """Collect a shared landscape, with everything switched on that an operator can switch on."""
    with time_machine.travel(OBSERVED_AT, tick=False):
        cluster = LANDSCAPES[name]()
        found = collected(cluster, needed_tables(load_checks()))
    own = cluster.kubernetes.url.partition("//")[2]
    server = FORMER_API_SERVER if name == "unreachable" else API_SERVER
    settled = {table: _settled(found.table(table), own, server) for table in OF_THE_CONNECTION}
    return Landscape(found.cluster, OBSERVED_AT, {**found.tables, **settled}, found.collection)


@cache
def outcome(name: str) -> Outcome:
    """Judge a shared landscape with all checks."""
    return audit(landscape(name), load_checks(), [], "landscape", Watcher())


def _planted(scene: Scene, *plants: Callable[[Scene], object]) -> FakeCluster:
    for plant in plants:
        plant(scene)
    return FakeCluster(scene.cloud, scene.kubernetes)


def _settled(table: Table[Any], own: str, server: str) -> Table[Any]:
    """Return a table with another address in place of the fake's, and with no real durations."""
    if table.is_unavailable:
        return table
    rows = []
    for row in table.known_rows():
        text = msgspec.json.encode(row).decode().replace(own, server)
        fields = {"seconds": SECONDS} if "seconds" in row.__struct_fields__ else {}
        rows.append(msgspec.structs.replace(msgspec.json.decode(text, type=type(row)), **fields))
    asked = None if table.asked is None else {key.replace(own, server) for key in table.asked}
    return Table(table.name, rows, gaps=table.gaps, asked=asked)
