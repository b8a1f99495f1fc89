"""Running the auditor, as its users do, on a generated cluster."""

import json
from pathlib import Path
from typing import Any

from bench.process import Measured, Servers, whole

CLUSTER = "bench"
COMMAND = ("-m", "auditor", "run", "--now", "--format", "json", "--fail-on", "never")


def run_auditor(servers: Servers, folder: Path) -> Measured:
    """Run ``auditor run --now`` with all checks and a JSON report, and measure the whole process."""
    started = servers.started
    config = folder / "auditor.toml"
    config.write_text(
        f"""
        [[clusters]]
        name = "{CLUSTER}"
        region = "cn-hangzhou"
        cluster_id = "{started["cluster_id"]}"
        kubernetes = {{ kubeconfig = "{write_kubeconfig(folder, started["kubernetes"])}" }}
        [clusters.alibaba]
        endpoint = "{started["cloud"]}"
        [clusters.alibaba.credentials]
        kind = "access_key"
        access_key_id = "{started["access_key"][0]}"
        access_key_secret = "{started["access_key"][1]}"
        """,
        encoding="utf-8",
    )
    return whole([*COMMAND, "--config", str(config), "--output", str(folder)])


def run_demo(folder: Path) -> Measured:
    """Run the same on the embedded demo landscape: what a run takes that has next to nothing to do."""
    return whole([*COMMAND, "--demo", "--output", str(folder)])


def report_of(folder: Path) -> dict[str, Any]:
    """Return the report that :func:`run_auditor` made."""
    report: dict[str, Any] = json.loads((folder / CLUSTER / "report.json").read_text(encoding="utf-8"))
    return report


def write_kubeconfig(folder: Path, url: str) -> Path:
    """Write a kubeconfig for a server that asks nobody who they are."""
    document = {
        "current-context": "bench",
        "clusters": [{"name": "bench", "cluster": {"server": url}}],
        "users": [{"name": "bench", "user": {"token": "bench"}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
