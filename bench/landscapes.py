"""Running the auditor on a generated cluster."""

import json
from pathlib import Path
from typing import Any

from auditor.collect.kubernetes.endpoint_slices import V1
from auditor.collect.kubernetes.tables import PATHS
from auditor.collect.registry import with_needs
from auditor.judge.engine import needed_tables
from auditor.judge.registry import load_checks
from bench.pods import kubeconfig
from bench.process import Measured, Servers, whole
from tests.fakes.cloud import ACCESS_KEY_ID, ACCESS_KEY_SECRET

CLUSTER = "bench"


def audited_paths() -> list[str]:
    """Return the Kubernetes lists that an audit with all checks reads."""
    paths = {**PATHS, "endpoint_slices": V1.path}
    return sorted(paths[table] for table in with_needs(needed_tables(load_checks())) if table in paths)


def run_auditor(servers: Servers | None, folder: Path) -> Measured:
    """Run ``auditor run --now`` with all checks and a JSON report, on these servers or on the demo."""
    arguments = ["-m", "auditor", "run", "--now", "--format", "json", "--fail-on", "never", "--output", str(folder)]
    if servers is None:
        return whole([*arguments, "--demo"])
    started = servers.started
    config = folder / "auditor.toml"
    config.write_text(
        f"""
        [[clusters]]
        name = "{CLUSTER}"
        region = "cn-hangzhou"
        cluster_id = "{started["cluster_id"]}"
        kubernetes = {{ kubeconfig = "{kubeconfig(folder, started["kubernetes"])}" }}
        [clusters.alibaba]
        endpoint = "{started["cloud"]}"
        [clusters.alibaba.credentials]
        kind = "access_key"
        access_key_id = "{ACCESS_KEY_ID}"
        access_key_secret = "{ACCESS_KEY_SECRET}"
        """,
        encoding="utf-8",
    )
    return whole([*arguments, "--config", str(config)])


def report_of(folder: Path) -> dict[str, Any]:
    """Return the report that the auditor wrote there."""
    report: dict[str, Any] = json.loads((folder / CLUSTER / "report.json").read_text(encoding="utf-8"))
    return report
