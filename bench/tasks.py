"""What is measured in processes of its own, by :func:`bench.process.task`: each returns what JSON can hold."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from auditor.collect.kubernetes.client import open_client
from auditor.collect.kubernetes.tables import PATHS
from auditor.collect.kubernetes.versions import VERSIONS
from auditor.collect.plan import collect
from auditor.collect.registry import providers, with_needs
from auditor.facts.landscape import ClusterIdentity, Landscape
from auditor.facts.ref import Layer
from auditor.facts.table import Table
from auditor.judge.check import LoadedCheck
from auditor.judge.engine import judge, needed_tables
from auditor.judge.outcome import CheckResult
from auditor.judge.registry import load_checks
from bench.cluster import Cluster, Size
from bench.facts import landscape
from bench.faults import spoilt
from bench.process import resident, stopwatch
from bench.run import write_kubeconfig

AFTER = "afterwards: order, search for cycles"
COUNTED = ("nodes", "pods", "services", "load_balancers", "persistent_volumes", "events", "network_interfaces")


def list_pods(url: str) -> dict[str, Any]:
    """Fill the table of Pods as an audit does. Returns ``seconds``, ``cpu`` and the number of ``rows``."""
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = write_kubeconfig(Path(folder), url)
        with open_client(kubeconfig=kubeconfig) as client, stopwatch() as taken:
            found = collect(["pods"], {Layer.KUBERNETES: client}, ClusterIdentity("bench"))
    return {**taken, "rows": len(found.table("pods").all())}


def needs() -> dict[str, Any]:
    """Return what an audit with all checks needs: the ``paths`` of Kubernetes lists, and the cloud's ``actions``."""
    paths = {**PATHS, **{table: versions[0].path for table, versions in VERSIONS.items()}}
    tables = with_needs(needed_tables(load_checks()))
    needed = [provider for table, provider in providers().items() if table in tables]
    actions = {name for provider in needed if provider.layer is Layer.CLOUD for name in provider.permissions}
    return {"paths": sorted(paths[table] for table in tables if table in paths), "actions": sorted(actions)}


def judge_all(size: list[int], times: int) -> dict[str, Any]:
    """Run all checks so many times, as an audit does; what a join takes counts for the first check that asks for it.

    Returns the fewest seconds of the processor, the subjects, the findings and the gaps by check, the fewest seconds
    of all, the ``items`` of the largest tables, and ``facts``, the MiB of the process before the first run.
    """
    checks = load_checks()
    facts = spoilt(landscape(Cluster(Size(*size), brief=True), needed_tables(checks)))
    items = {name: len(facts.table(name)) for name in COUNTED}
    before = resident()
    runs = [_judge_once(_fresh(facts), checks) for _ in range(times)]
    taken = {name: min(run.taken[name] for run in runs) for name in runs[0].taken}
    results = {result.id: result for result in runs[0].results}
    return {
        "taken": taken,
        "subjects": {name: result.subjects for name, result in results.items()},
        "findings": {name: result.findings for name, result in results.items()},
        "gaps": {name: [str(one.message) for one in result.reasons] for name, result in results.items()},
        "all": min(sum(run.taken.values()) for run in runs),
        "items": items,
        "facts": before,
    }


@dataclass(frozen=True)
class _Run:
    taken: dict[str, float]
    results: Sequence[CheckResult]


def _judge_once(facts: Landscape, checks: Sequence[LoadedCheck]) -> _Run:
    # A check without subjects marks the end of the last one: after it the findings of all are put in order, and
    # Python searches for the cycles that it was kept from searching for.
    end = replace(checks[-1], id=AFTER, subjects=tuple, subject_facts=(), judge_facts=())
    begun: list[float] = []
    results, _ = judge(facts, [*checks, end], lambda _check: begun.append(time.process_time()))
    begun.append(time.process_time())
    ids = [*(check.id for check in checks), AFTER]
    taken = {name: after - before for name, (before, after) in zip(ids, pairwise(begun), strict=True)}
    return _Run(taken, results)


def _fresh(facts: Landscape) -> Landscape:
    """Return the same landscape without the indexes that its tables have made for those who asked."""
    tables = {name: _copy(table) for name, table in facts.tables.items()}
    return Landscape(facts.cluster, facts.observed_at, tables, facts.collection)


def _copy(table: Table[Any]) -> Table[Any]:
    if table.is_unavailable:
        return table
    return Table(table.name, table.known_rows(), gaps=table.gaps, asked=table.asked)
