"""The command line as a user runs it: a process of its own, against both fakes over HTTP."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.cloud import ACCESS_KEY_ID, ACCESS_KEY_SECRET, FakeCloud
from tests.fakes.kubernetes import FakeKubernetes

SECRETS = (ACCESS_KEY_SECRET, "do-not-read-this-password")


@dataclass
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class Place:
    """A folder with a configuration for the two fakes, and the commands run in it."""

    folder: Path
    cloud: FakeCloud
    kubernetes: FakeKubernetes
    endpoint: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.folder / "auditor.toml"

    def configure(self, *, alibaba: str = "", kubernetes: str = 'kubeconfig = "kubeconfig"', **cluster: str) -> None:
        """Write the configuration; keys of the cluster table are given as TOML values."""
        keys = {"name": '"shop-prod"', "region": '"cn-hangzhou"', "cluster_id": f'"{self.cloud.state.cs.cluster_id}"'}
        lines = [f"{key} = {value}" for key, value in {**keys, **cluster}.items()]
        endpoint = alibaba or f'endpoint = "{self.endpoint}"'
        text = "\n".join(["[[clusters]]", *lines, "[clusters.kubernetes]", kubernetes, "[clusters.alibaba]", endpoint])
        self.config.write_text(text + "\n", encoding="utf-8")

    def run(self, *arguments: str) -> Ran:
        """Run ``auditor`` in the folder. No secret may ever be in what it prints, nor a traceback."""
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("ALIBABA_CLOUD", "ALIYUN"))},
            "ALIBABA_CLOUD_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": ACCESS_KEY_SECRET,
            "HOME": str(self.folder),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            **self.environment,
        }
        done = subprocess.run(
            [sys.executable, "-m", "auditor", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        for stream in (done.stdout, done.stderr):
            assert "Traceback" not in stream, stream
            for secret in (*SECRETS, self.kubernetes.token):
                assert secret not in stream
        return Ran(done.returncode, done.stdout, done.stderr)

    def report(self, cluster: str = "shop-prod") -> dict[str, Any]:
        """Return the JSON report."""
        path = self.folder / "reports" / cluster / "report.json"
        loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return loaded

    def check(self, check_id: str) -> dict[str, Any]:
        """Return one check of the JSON report."""
        return next(check for check in self.report()["checks"] if check["id"] == check_id)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    cloud, kubernetes = FakeCloud.recorded(), FakeKubernetes.recorded()
    with cloud.serve() as endpoint, kubernetes:
        kubernetes.write_kubeconfig(tmp_path / "kubeconfig")
        made = Place(tmp_path, cloud, kubernetes, endpoint)
        made.configure()
        yield made
        assert cloud.refused == []
        assert {request.method for request in kubernetes.requests} <= {"GET"}
