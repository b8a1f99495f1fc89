"""Which environment variables count."""

import pytest

from auditor.collect.alibaba.environment import variables_that_count

SET = (
    "ALIYUN_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ROLE_ARN",
    "ALIBABA_CLOUD_ECS_METADATA",
    "ALIBABA_CLOUD_ECS_METADATA_DISABLED",
    "ALIBABA_CLOUD_CREDENTIALS_URI",
    "ALIBABA_CLOUD_CREDENTIALS_FILE",
    "no_proxy",
)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("access_key", {"ALIYUN_ACCESS_KEY_ID"}),
        ("rrsa", {"ALIYUN_ACCESS_KEY_ID", "ALIBABA_CLOUD_ROLE_ARN"}),
        ("profile", {"ALIYUN_ACCESS_KEY_ID", "ALIBABA_CLOUD_CREDENTIALS_FILE"}),
        (
            "ecs_role",
            {"ALIYUN_ACCESS_KEY_ID", "ALIBABA_CLOUD_ECS_METADATA", "ALIBABA_CLOUD_ECS_METADATA_DISABLED"},
        ),
        (
            "default",
            {
                "ALIBABA_CLOUD_ACCESS_KEY_ID",
                "ALIBABA_CLOUD_ROLE_ARN",
                "ALIBABA_CLOUD_ECS_METADATA_DISABLED",
                "ALIBABA_CLOUD_CREDENTIALS_URI",
                "ALIBABA_CLOUD_CREDENTIALS_FILE",
            },
        ),
    ],
)
def test_only_what_has_a_say_for_the_kind_is_named(monkeypatch: pytest.MonkeyPatch, kind: str, names: set[str]) -> None:
    for name in SET:
        monkeypatch.setenv(name, "the-value")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    found = variables_that_count(kind)
    assert {variable.name for variable in found} == names | {"no_proxy"}
    assert "the-value" not in repr(found)
    assert {variable.name for variable in found if variable.is_overriding} == names & {"ALIYUN_ACCESS_KEY_ID"}
