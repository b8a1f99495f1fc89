"""What this machine can tell of the ways to both sides: one problem never hides another."""

from pathlib import Path

import pytest

from auditor.agent.sides import local_problems
from auditor.config.clusters import Cluster
from auditor.config.load import parse


def cluster(folder: Path, credentials: str, *, kubeconfig: str = "kubeconfig") -> Cluster:
    config = f"""
        [[clusters]]
        name = "shop"
        region = "cn-hangzhou"
        cluster_id = "c1cef2604bddf0081a2bc425e1415ce18"
        [clusters.kubernetes]
        kubeconfig = "{kubeconfig}"
        [clusters.alibaba]
        credentials = {credentials}
        """
    return parse(config.encode(), folder / "auditor.toml").clusters[0]


UNSET = '{ kind = "access_key", access_key_id = "id", access_key_secret_env = "NO_SUCH_SECRET" }'


def test_a_secret_that_can_not_be_read_does_not_hide_the_kubeconfig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH_SECRET", raising=False)
    kubernetes, alibaba = local_problems(cluster(tmp_path, UNSET))
    assert kubernetes.startswith("kubernetes: ")
    assert str(tmp_path / "kubeconfig") in kubernetes
    assert alibaba == "alibaba: the environment variable NO_SUCH_SECRET is not set; it is to hold a secret"


def test_a_secret_may_be_left_to_those_who_look_at_all_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_SECRET", raising=False)
    (problem,) = local_problems(cluster(tmp_path, UNSET), with_secrets=False)
    assert problem.startswith("kubernetes: ")


def test_what_is_wrong_with_both_sides_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_CA_BUNDLE", str(tmp_path / "bundle.pem"))
    key = '{ kind = "access_key", access_key_id = "id", access_key_secret = "secret" }'
    kubernetes, alibaba = local_problems(cluster(tmp_path, key))
    assert kubernetes.startswith("kubernetes: ")
    assert alibaba.startswith("alibaba: ALIBABA_CLOUD_CA_BUNDLE: ")
