"""What is measured in processes of its own, by :func:`bench.process.task`: each returns what JSON can hold."""

import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from auditor.collect.kubernetes.client import open_client
from auditor.collect.kubernetes.tables import PATHS
from auditor.collect.kubernetes.versions import VERSIONS
from auditor.collect.plan import collect
from auditor.collect.registry import providers, with_needs
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.ref import Layer
from auditor.judge.engine import judge, needed_tables
from auditor.judge.registry import load_checks
from bench.cluster import Cluster, Size
from bench.facts import landscape
from bench.process import stopwatch
from bench.run import write_kubeconfig

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


def judge_all(size: list[int]) -> dict[str, Any]:
    """Run all checks, as an audit does; what a join takes counts for the first check that asks for it.

    Returns the seconds and the subjects by check, the seconds of all, and the ``items`` of the largest tables.
    """
    checks = load_checks()
    facts = landscape(Cluster(Size(*size), brief=True), needed_tables(checks))
    begun: list[float] = []
    results, _ = judge(facts, checks, lambda _check: begun.append(time.perf_counter()))
    begun.append(time.perf_counter())
    taken = {check.id: end - start for check, (start, end) in zip(checks, pairwise(begun), strict=True)}
    subjects = {result.id: result.subjects for result in results}
    items = {name: len(facts.table(name)) for name in COUNTED}
    return {"taken": taken, "subjects": subjects, "all": begun[-1] - begun[0], "items": items}
