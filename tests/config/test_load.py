"""The configuration: what is right loads, and what is wrong is said with file, key and what was expected."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.config.base import BadConfig, Secret
from auditor.config.load import _table_in, load, parse
from auditor.config.settings import Settings
from auditor.config.verify import problems

CLUSTER = """
[[clusters]]
name = "shop-prod"
region = "cn-hangzhou"
cluster_id = "c1cef2604bddf0081a2bc425e1415ce18"
"""


def wrong(text: str) -> str:
    """Return what is said of a wrong configuration."""
    with pytest.raises(BadConfig) as caught:
        parse(text.encode(), Path("auditor.toml"))
    return str(caught.value)


def right(text: str) -> Settings:
    return parse(text.encode(), Path("auditor.toml"))


def test_the_example_loads_and_shows_every_key() -> None:
    settings = load(Path("config.example.toml"))
    assert [cluster.name for cluster in settings.clusters] == ["shop-prod", "shop-staging"]
    assert settings.clusters[1].alibaba.credentials.kind == "ram_role"
    text = Path("config.example.toml").read_text(encoding="utf-8")
    keys = {key for model in _tables(Settings) for key in model.model_fields}
    assert {key for key in keys if key not in text} == set()


def _tables(model: type) -> list:  # type: ignore[type-arg]
    found = [model]
    for field in model.model_fields.values():  # type: ignore[attr-defined]
        inner = _table_in(field.annotation)
        if inner and inner not in found and inner is not model:
            found += [table for table in _tables(inner) if table not in found]
    return found


def test_an_unknown_key_names_the_nearest_known_one() -> None:
    assert wrong("[report]\nlangage = 'en'") == (
        "auditor.toml: report.langage: there is no such key; did you mean 'language'?"
    )
    said = wrong(CLUSTER + "[clusters.kubernetes]\nkubeconfg = 'x'")
    assert (
        said
        == "auditor.toml: clusters[shop-prod].kubernetes.kubeconfg: there is no such key; did you mean 'kubeconfig'?"
    )


def test_twins_of_secrets_are_known_keys() -> None:
    said = wrong(CLUSTER + "[clusters.alibaba.credentials]\nkind='access_key'\naccess_key_secret_evn='x'")
    assert "did you mean 'access_key_secret_env'?" in said


def test_a_missing_key_is_named() -> None:
    assert wrong("[[clusters]]\nname = 'a'\nregion = 'cn-hangzhou'") == (
        "auditor.toml: clusters[a].cluster_id: this key is required"
    )


def test_a_choice_shows_what_was_found_and_expected() -> None:
    said = wrong("[report]\nlanguage = 'fr'")
    assert "'en' or 'zh'" in said
    assert "(found 'fr')" in said


def test_what_is_no_toml_is_said_with_its_place() -> None:
    assert wrong("[report\n").startswith("auditor.toml: it is not TOML: ")
    assert "line 1" in wrong("[report\n")


def test_what_is_no_text_is_said() -> None:
    with pytest.raises(BadConfig, match="expected UTF-8 text"):
        parse(b"\xff\xfe", Path("auditor.toml"))


def test_a_missing_file_tells_how_to_start() -> None:
    with pytest.raises(BadConfig, match="config init"):
        load(Path("no/such/auditor.toml"))


def test_two_clusters_can_not_share_a_name() -> None:
    assert "'shop-prod' is given twice" in wrong(CLUSTER + CLUSTER)


def test_a_schedule_names_known_channels() -> None:
    said = wrong("[[schedules]]\nname='w'\ncron='0 8 * * mon'\nchannels=['ops']")
    assert "no channel is called 'ops'; known: none" in said


@pytest.mark.parametrize("cron", ["", "x", "61 * * * *", "* * *"])
def test_a_wrong_crontab_is_refused(cron: str) -> None:
    assert "expected five fields" in wrong(f"[[schedules]]\nname='w'\ncron={cron!r}")


def test_a_wrong_time_zone_is_refused() -> None:
    assert "no time zone is called" in wrong("[[schedules]]\nname='w'\ncron='0 8 * * mon'\ntimezone='Mars/Base'")


def test_a_suppression_needs_an_end() -> None:
    said = wrong("[[suppressions]]\ncheck='storage/*'\nreason='moving'\nowner='me'")
    assert said == "auditor.toml: suppressions[0].expires: this key is required"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:8080", "https://x.example"]
)
def test_plain_http_is_allowed_to_loopback(url: str) -> None:
    assert right(f"{CLUSTER}[clusters.alibaba]\nendpoint='{url}'").clusters[0].alibaba.endpoint == url


def test_plain_http_elsewhere_needs_a_word() -> None:
    table = f"{CLUSTER}[clusters.alibaba]\nendpoint='http://10.0.0.1:8080'\n"
    assert "is not encrypted" in wrong(table)
    assert right(table + "allow_plain_http = true").clusters[0].alibaba.allow_plain_http


@pytest.mark.parametrize("url", ["ecs.example", "ftp://x", "https://user:pa55@x.example"])
def test_what_is_no_base_url_is_refused(url: str) -> None:
    said = wrong(f"{CLUSTER}[clusters.alibaba]\nendpoints = {{ ecs = '{url}' }}")
    assert "clusters[shop-prod].alibaba.endpoints.ecs" in said
    assert "pa55" not in said


def test_an_endpoint_of_no_product_is_refused() -> None:
    assert "no product is called clb" in wrong(
        f"{CLUSTER}[clusters.alibaba]\nendpoints = {{ clb = 'https://x.example' }}"
    )


def test_credentials_have_what_their_kind_needs() -> None:
    said = wrong(CLUSTER + "[clusters.alibaba]\ncredentials = { kind = 'access_key', access_key_id = 'a' }")
    assert "need access_key_secret" in said
    said = wrong(CLUSTER + "[clusters.alibaba]\ncredentials = { kind = 'default', profile = 'a' }")
    assert "do not take profile" in said


def test_a_secret_is_given_in_one_way() -> None:
    said = wrong(
        CLUSTER
        + "[clusters.alibaba]\ncredentials = { kind = 'access_key', access_key_id = 'a', "
        + "access_key_id_env = 'B', access_key_secret = 'c' }"
    )
    assert "access_key_id and access_key_id_env are given together" in said


def test_a_secret_is_read_when_used_and_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file\n", encoding="utf-8")
    settings = right(
        CLUSTER
        + "[clusters.alibaba]\ncredentials = { kind = 'access_key', access_key_id_env = 'TEST_KEY_ID', "
        + f"access_key_secret_file = '{tmp_path}/key' }}"
    )
    credentials = settings.clusters[0].alibaba.credentials
    assert problems(settings) == [
        (
            "clusters[shop-prod].alibaba.credentials.access_key_id: the environment variable TEST_KEY_ID is not set; "
            "it is to hold a secret"
        )
    ]
    monkeypatch.setenv("TEST_KEY_ID", "from-the-environment")
    assert credentials.access_key_id
    assert credentials.access_key_id.reveal() == "from-the-environment"
    assert credentials.access_key_secret
    assert credentials.access_key_secret.reveal() == "from-a-file"
    assert "from-" not in repr(settings)
    assert "hidden" not in repr(Secret(literal="hidden"))


def test_relative_paths_start_at_the_file() -> None:
    settings = parse(
        (CLUSTER + "[clusters.kubernetes]\nkubeconfig = 'kube/config'").encode(), Path("/etc/auditor/auditor.toml")
    )
    assert settings.clusters[0].kubernetes.kubeconfig == Path("/etc/auditor/kube/config")
    assert settings.report.directory == Path("/etc/auditor/reports")


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b", "x" * 64])
def test_a_cluster_name_is_a_folder_name(name: str) -> None:
    assert "clusters[" in wrong(CLUSTER.replace("shop-prod", name))


@given(st.binary(max_size=200))
def test_no_content_at_all_leads_to_anything_but_one_clear_error(content: bytes) -> None:
    said = "auditor.toml: "
    try:
        parse(content, Path("auditor.toml"))
    except BadConfig as error:
        said = str(error)
    assert said.startswith("auditor.toml: ")
