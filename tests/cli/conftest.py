"""The command line as a user runs it, against both fakes over HTTP."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from auditor.cli.main import _run
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
        """Run ``auditor`` in the folder, in this process. No secret may ever be in what it prints, nor a traceback."""
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.folder),
            mock.patch.dict(os.environ, self._environment(), clear=True),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = _run(arguments)
        return self._ran(code, out.getvalue(), err.getvalue())

    def start(self, *arguments: str, by: Sequence[str] = (), **settings: Any) -> subprocess.Popen[str]:
        """Start ``auditor`` in the folder as a process of its own: for signals and closed streams.

        ``by`` is a command that starts the one behind it.
        """
        return subprocess.Popen(
            [*by, sys.executable, "-m", "auditor", *arguments],
            cwd=self.folder,
            env=self._environment(),
            text=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings},
        )

    def end(self, process: subprocess.Popen[str]) -> Ran:
        """Wait for a process, and look through what it printed as :meth:`run` does."""
        out, err = process.communicate(timeout=120)
        return self._ran(process.returncode, out or "", err or "")

    def _environment(self) -> dict[str, str]:
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith(("ALIBABA_CLOUD", "ALIYUN"))},
            "ALIBABA_CLOUD_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": ACCESS_KEY_SECRET,
            "HOME": str(self.folder),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            **self.environment,
        }

    def _ran(self, code: int, out: str, err: str) -> Ran:
        for stream in (out, err):
            assert "Traceback" not in stream, stream
            assert "fault of the auditor itself" not in stream, stream
            for secret in (*SECRETS, self.kubernetes.token):
                assert secret not in stream
        return Ran(code, out, err)

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
        for request in kubernetes.requests:
            assert request.method == "GET" or request.path.startswith("/apis/authorization.k8s.io/"), request
