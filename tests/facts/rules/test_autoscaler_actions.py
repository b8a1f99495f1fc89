"""Which Deployments are autoscalers, and what their versions can do."""

import pytest

from auditor.facts.rules.autoscaler_actions import asks_without_token, is_autoscaler


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("cluster-autoscaler", ""),
        ("ack-goatscaler", "r.example.com/other:v1"),
        ("ca-alicloud-cluster-autoscaler", "registry.k8s.io/autoscaling/cluster-autoscaler:v1.30.0"),
        ("ca", "registry.k8s.io/autoscaling/cluster-autoscaler-arm64:v1.30.0@sha256:00ff"),
        ("scaler", "registry-cn-hangzhou-vpc.ack.aliyuncs.com:5000/acs/autoscaler:v1.3.1-bcf13de9-aliyun"),
        ("scaler", "acs/goatscaler"),
    ],
)
def test_an_autoscaler_of_nodes(name: str, image: str) -> None:
    assert is_autoscaler(name, ["r.example.com/sidecar:v1", image])


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("coredns-autoscaler", "registry.k8s.io/cpa/cluster-proportional-autoscaler:v1.8.9"),
        ("keda-operator", "ghcr.io/kedacore/keda:2.14"),
        ("cluster-autoscaler-exporter", "r.example.com/cluster-autoscaler-exporter:v1"),
        ("vpa", "registry.k8s.io/autoscaling/vpa-recommender:1.1.0"),
        ("web", "shop.example.com/autoscaler:v1"),
        ("web", "shop.example.com/my-cluster-autoscaler:v1"),
        ("web", ""),
    ],
)
def test_something_else(name: str, image: str) -> None:
    assert not is_autoscaler(name, [image])


@pytest.mark.parametrize(
    ("name", "tag", "asks"),
    [
        ("cluster-autoscaler", "v1.3.1-bcf13de9-aliyun", True),
        ("cluster-autoscaler", "v1.27.9-1-aliyun", True),
        ("cluster-autoscaler", "v1.28.0-1-aliyun", False),
        ("cluster-autoscaler", "v1.36.0.1-2c4f7d1a-aliyun", False),
        ("cluster-autoscaler", "v1.32.1", True),
        ("cluster-autoscaler", "1.18.3", True),
        ("cluster-autoscaler", "latest", None),
        ("cluster-autoscaler", "", None),
        ("ack-goatscaler", "", False),
    ],
)
def test_whether_it_asks_for_metadata_without_a_token(name: str, tag: str, asks: bool | None) -> None:
    assert asks_without_token(name, tag) is asks
