"""Makes the embedded demo landscape: collects the demo cluster through the real clients from both fakes.

Usage: ``python -m tools.demo``. What it writes depends on the fakes and the collectors only.
"""

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from auditor import __version__
from auditor.agent.audit import Watcher, collect_live
from auditor.config.load import parse
from auditor.facts.landscape import ClusterIdentity, Landscape, SourceLog
from auditor.facts.saved import encode
from auditor.judge.registry import load_checks
from tests.fakes.cloud import ACCESS_KEY_ID, ACCESS_KEY_SECRET, FakeCloud
from tests.fakes.demo import plant
from tests.fakes.kubernetes import FakeKubernetes

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "auditor" / "demo" / "shop-demo.landscape"
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
    """Return the landscape without what differs from one collection to the next: moment and durations."""
    identity = ClusterIdentity(landscape.cluster.name, landscape.cluster.cluster_id, landscape.cluster.region)
    collection: tuple[SourceLog, ...] = tuple(msgspec.structs.replace(log, seconds=0.0) for log in landscape.collection)
    return Landscape(identity, OBSERVED_AT, landscape.tables, collection)


if __name__ == "__main__":
    sys.exit(main())
