"""Makes the embedded demo landscape: collects the demo cluster through the real clients from both fakes.

Usage: ``python -m tools.demo``. What it writes depends on the fakes and the collectors only.
"""

import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from auditor import __version__
from auditor.agent.audit import Watcher, collect_live
from auditor.config.load import parse
from auditor.facts.cloud.cms import Metric
from auditor.facts.kubernetes.observations import ApiStage
from auditor.facts.landscape import ClusterIdentity, Landscape, SourceLog
from auditor.facts.saved import encode
from auditor.facts.table import Table
from auditor.judge.registry import load_checks
from tests.fakes.cloud import ACCESS_KEY_ID, ACCESS_KEY_SECRET, FakeCloud
from tests.fakes.demo import plant
from tests.fakes.kubernetes import FakeKubernetes

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "auditor" / "demo" / "shop-demo.landscape"
API_SERVER = "192.168.0.167:6443"
"""The recorded cluster's own address of its API server, in place of the fake's port."""
OBSERVED_AT = datetime(2026, 11, 22, 22, 40, tzinfo=UTC)
"""When the recorded cluster was looked at: the age of its objects is reckoned from then."""


def main() -> int:
    """Collect and write the landscape."""
    TARGET.write_bytes(build())
    print(f"written: {TARGET.relative_to(ROOT)} ({TARGET.stat().st_size:,} bytes)")
    return 0


def build() -> bytes:
    """Return the content of the landscape file."""
    cloud, kubernetes = FakeCloud.recorded(), FakeKubernetes.recorded()
    plant(cloud, kubernetes)
    with tempfile.TemporaryDirectory() as folder, cloud.serve() as endpoint, kubernetes:
        kubeconfig = kubernetes.write_kubeconfig(Path(folder) / "kubeconfig")
        key = f'access_key_id = "{ACCESS_KEY_ID}", access_key_secret = "{ACCESS_KEY_SECRET}"'
        config = f"""
            [[clusters]]
            name = "shop-demo"
            region = "cn-hangzhou"
            cluster_id = "{cloud.state.cs.cluster_id}"
            kubernetes = {{ kubeconfig = "{kubeconfig}" }}
            [clusters.alibaba]
            endpoint = "{endpoint}"
            credentials = {{ kind = "access_key", {key} }}
        """
        cluster = parse(config.encode(), Path(folder) / "auditor.toml").clusters[0]
        landscape = collect_live(cluster, load_checks(), Watcher())
    return encode(_timeless(landscape), __version__)


def _timeless(landscape: Landscape) -> Landscape:
    """Return the landscape without what differs from one collection to the next: moments, durations and ports."""
    identity = ClusterIdentity(landscape.cluster.name, landscape.cluster.cluster_id, landscape.cluster.region)
    collection: tuple[SourceLog, ...] = tuple(msgspec.structs.replace(log, seconds=0.0) for log in landscape.collection)
    tables = dict(landscape.tables)
    for name, settle in SETTLED.items():
        table = tables[name]
        rows = [settled for row in table.all() if (settled := settle(row))]
        tables[name] = Table(name, rows, asked={row.key for row in rows} if table.asked is not None else None)
    return Landscape(identity, OBSERVED_AT, tables, collection)


def _settled_metric(row: Metric) -> Metric:
    if row.last_at is None:
        return row
    late = OBSERVED_AT - row.last_at
    times = {name: getattr(row, name) + late for name in ("first_at", "last_at", "highest_at")}
    return msgspec.structs.replace(row, **times)


def _settled_stage(row: ApiStage) -> ApiStage | None:
    # The recorded cluster's other addresses are not there to be called.
    return msgspec.structs.replace(row, server=API_SERVER, seconds=0.002) if row.is_own else None


SETTLED: dict[str, Callable[[Any], Any]] = {
    "api_health": lambda row: msgspec.structs.replace(row, seconds=0.002),
    "api_stages": _settled_stage,
    "kubeconfigs": lambda row: msgspec.structs.replace(row, server=f"https://{API_SERVER}"),
    "load_balancer_metrics": _settled_metric,
}
"""The tables with rows that tell when, how long, or on which port of this machine."""


if __name__ == "__main__":
    sys.exit(main())
