"""The configuration: what is right loads, and what is wrong is said with file, key and what was expected."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.config.base import BadConfig, Secret
from auditor.config.channels import KINDS
from auditor.config.load import _table_in, default_path, load, parse
from auditor.config.settings import Settings
from auditor.config.verify import lacking, problems, warnings
from auditor.report.write import folder_name

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
    assert [cluster.name for cluster in settings.clusters] == ["shop-prod", "shop-staging", "shop-test"]
    assert settings.clusters[2].kubernetes.from_ack == "public"
    assert settings.clusters[1].alibaba.credentials.kind == "ram_role"
    text = Path("config.example.toml").read_text(encoding="utf-8")
    models = [*_tables(Settings), *(table for kind in KINDS.values() for table in _tables(kind))]
    keys = {field.alias or key for model in models for key, field in model.model_fields.items()}
    assert {channel.kind for channel in settings.channels} == set(KINDS)
    assert [channel.name for channel in settings.channels if channel.missing()] == []
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


def test_an_account_without_a_home_folder_has_no_configuration_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def nobody(_uid: int) -> None:
        raise KeyError

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert default_path() is None
    (tmp_path / "auditor.toml").touch()
    assert default_path() == Path("auditor.toml")


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


@pytest.mark.parametrize("url", ["http://EXAMPLE.com", "HTTP://example.com", "http://localhost.example.com"])
def test_no_spelling_of_plain_http_slips_through(url: str) -> None:
    assert "is not encrypted" in wrong(f"{CLUSTER}[clusters.alibaba]\nendpoint='{url}'")


@pytest.mark.parametrize(
    "url",
    [
        "ecs.example",
        "ftp://x",
        "https://user:pa55@x.example",
        "https://pa55@",
        "https://x:99999",
        "https://[::1",
        "https://a b",
        "https://x.example/?key=pa55",
        "https://x.example#pa55",
    ],
)
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
    assert problems(settings, lambda _pattern: True) == [
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
    text = "[report]\ndirectory = 'out'\n[checks]\nfolders = ['own']\n[ledger]\nurl_file = 'secret'\n"
    settings = parse((text + CLUSTER).encode(), Path("/etc/auditor/auditor.toml"))
    assert settings.report.directory == Path("/etc/auditor/out")
    assert settings.checks.folders == [Path("/etc/auditor/own")]
    assert repr(settings.ledger.url) == "Secret(file=/etc/auditor/secret)"


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b", "x" * 64, "end.", "end-", "two\\nlines"])
def test_a_cluster_name_is_a_folder_name(name: str) -> None:
    assert "clusters[" in wrong(CLUSTER.replace("shop-prod", name))


@pytest.mark.parametrize("name", ["a", "商城-生产", "shop.prod_2", "x" * 63])
def test_a_cluster_name_is_its_own_folder(name: str) -> None:
    assert folder_name(right(CLUSTER.replace("shop-prod", name)).clusters[0].name) == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("report = 'x'", "report: expected one table, [report]"),
        ("[[report]]", "report: expected one table, [report]"),
        ("[clusters]\nname = 'a'", "clusters: expected a list of tables, [[clusters]]"),
        ("clusters = ['a']", "clusters[0]: expected a table"),
        ("[report]\nformats = 'html'", "report.formats: expected a list, [ … ]"),
        ("[report]\nformats = []", "report.formats: expected at least one member"),
        ("[report]\nformats = [1]", "report.formats[0]: expected a text in quotes"),
        ("[report]\ndirectory = 1", "report.directory: expected a path in quotes"),
        ("[report]\ndirectory = ''", "report.directory: expected a path that is not empty"),
        ('[report]\ndirectory = "\\u0000"', "report.directory: expected a path that is not empty"),
        ("[report]\ndirectory = '~nobody-here/x'", "report.directory: no home folder is known for ~nobody-here"),
        ("[ledger]\nurl = 1", "ledger.url: expected a text in quotes"),
        ("[ledger]\nurl = ''", "ledger.url: expected a secret, found an empty text"),
        (CLUSTER + "kubernetes = 1", "clusters[shop-prod].kubernetes: expected a table"),
        (
            CLUSTER + "identities = {}",
            "clusters[shop-prod].identities: expected a list of tables, [[clusters.identities]]",
        ),
        (CLUSTER + "kubernetes = { in_cluster = 1 }", "kubernetes.in_cluster: expected true or false"),
        (CLUSTER + "kubernetes = { timeout_seconds = '12' }", "timeout_seconds: expected a number"),
        (CLUSTER + "kubernetes = { timeout_seconds = true }", "timeout_seconds: expected a number"),
        (CLUSTER + "kubernetes = { timeout_seconds = 0 }", "timeout_seconds: expected a number greater than 0"),
        (CLUSTER + "kubernetes = { timeout_seconds = nan }", "timeout_seconds: expected a finite number"),
        (CLUSTER.replace("cn-hangzhou", "Hangzhou"), "region: expected a region id such as cn-hangzhou"),
        (CLUSTER.replace("c1cef", "C1…"), "cluster_id: expected the ACK cluster id"),
        ("[[suppressions]]\ncheck='x'\nreason=' ab '\nowner='me'\nexpires=2026-12-31", "reason: expected a text of at"),
        (
            "[[suppressions]]\ncheck=''\nreason='why'\nowner='me'\nexpires=2026-12-31",
            "check: expected a text that is not",
        ),
        ("[[suppressions]]\ncheck='x'\nreason='why'\nowner='me'\nexpires='soon'", "expires: expected a date such as"),
        ("x = " + "[" * 100_000, "too deeply nested"),
        ("x = 1" + "0" * 5000, "a number too large"),
    ],
)
def test_a_wrong_value_is_told_what_was_expected(text: str, said: str) -> None:
    assert said in wrong(text)


def test_files_of_windows_editors_load() -> None:
    text = "\ufeff" + CLUSTER.replace("\n", "\r\n")
    assert right(text).clusters[0].name == "shop-prod"


@pytest.mark.parametrize("endless", ["/dev/zero"])
def test_an_endless_file_is_not_read_to_its_end(endless: str) -> None:
    with pytest.raises(BadConfig, match="it has more than"):
        load(Path(endless))
    with pytest.raises(BadConfig, match="it has more than"):
        Secret(file=Path(endless)).reveal()


def test_a_secret_in_the_wrong_key_is_not_shown(tmp_path: Path) -> None:
    key = "{ kind = 'access_key', access_key_id_env = 'LTAI5hunter2', access_key_secret_env = 'hunter2hunter2' }"
    settings = right(f"{CLUSTER}[clusters.alibaba]\ncredentials = {key}")
    said = problems(settings, lambda _pattern: True)
    assert len(said) == 2
    assert "hunter2" not in str(said)
    assert "hunter2" not in wrong(f"{CLUSTER}[clusters.alibaba]\ncredentials = 'hunter2'")


@pytest.mark.parametrize(("content", "said"), [(b"", "it is empty"), (b"\xff", "no UTF-8 text")])
def test_a_file_without_a_secret(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(BadConfig, match=said):
        Secret(file=tmp_path / "key").reveal()


def test_the_source_of_a_role_may_be_a_kind_alone() -> None:
    table = "credentials = { kind = 'ram_role', role_arn = 'acs:ram::1:role/a', source = 'default' }"
    source = right(f"{CLUSTER}[clusters.alibaba]\n{table}").clusters[0].alibaba.credentials.source
    assert source
    assert source.kind == "default"


def test_what_a_schedule_or_suppression_names_has_to_exist() -> None:
    settings = right(
        CLUSTER
        + "[checks]\nfolders = ['gone']\n"
        + "[[schedules]]\nname='w'\ncron='0 8 * * mon'\n"
        + "clusters=['shop-prod', 'shop-*', 'gone']\nchecks=['*', 'none/*']\n"
        + "[[suppressions]]\ncheck='none/such'\nreason='why'\nowner='me'\nexpires=2026-12-31\n"
    )
    assert problems(settings, lambda pattern: not pattern.startswith("none")) == [
        "checks.folders: gone: there is no such folder",
        "schedules[w].clusters: no cluster is called 'gone'",
        "schedules[w].checks: no check is called 'none/*' (`auditor checks` lists them all)",
        "suppressions[0].check: no check is called 'none/such' (`auditor checks` lists them all)",
    ]


SUPPRESSION = "[[suppressions]]\ncheck='storage/*'\nreason='why'\nowner='me'\nexpires=2026-12-31\n"


def test_a_suppression_is_for_all_clusters_unless_it_names_some() -> None:
    assert right(SUPPRESSION).suppressions[0].cluster == "*"
    assert right(SUPPRESSION + "cluster='shop-*'").suppressions[0].cluster == "shop-*"
    assert "suppressions[0].cluster: expected a text that is not empty" in wrong(SUPPRESSION + "cluster=''")
    assert "suppressions[0].clusters: there is no such key; did you mean 'cluster'?" in wrong(
        SUPPRESSION + "clusters='shop-*'"
    )


@pytest.mark.parametrize(("pattern", "is_known"), [("shop-*", True), ("shop-prod", True), ("stage-*", False)])
def test_the_clusters_of_a_suppression_have_to_exist(pattern: str, is_known: bool) -> None:
    said = problems(right(f"{CLUSTER}{SUPPRESSION}cluster='{pattern}'"), lambda _pattern: True)
    assert said == ([] if is_known else ["suppressions[0].cluster: no cluster is called 'stage-*'"])


def test_an_expired_suppression_is_warned_of_and_no_problem() -> None:
    settings = right(SUPPRESSION)
    assert problems(settings, lambda _pattern: True) == []
    assert warnings(settings, date(2026, 12, 31)) == []
    assert warnings(settings, date(2027, 1, 1)) == [
        "suppressions[0]: it expired on 2026-12-31 and suppresses nothing any more; remove it, or renew it"
    ]


@given(st.binary(max_size=200))
def test_no_content_at_all_leads_to_anything_but_one_clear_error(content: bytes) -> None:
    said = "auditor.toml: "
    try:
        parse(content, Path("auditor.toml"))
    except BadConfig as error:
        said = str(error)
    assert said.startswith("auditor.toml: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind = 'emial'", "channels[a].kind: there is no such kind of channel; did you mean 'email'?"),
        ("", "channels[a].kind: this key is required; expected one of email, webhook, alertmanager"),
        ("kind = 'email'\nhots = 'x'", "channels[a].hots: there is no such key; did you mean 'host'?"),
        ("kind = 'email'\nfrom = 'x'", "channels[a].from: expected a mail address"),
        ("kind = 'email'\nfrom = 'a@b.c\\nBcc: d@e.f'", "channels[a].from: expected a mail address"),
        ("kind = 'email'\nto = [3]", "channels[a].to[0]: expected a text in quotes"),
        ("kind = 'email'\nport = 'smtp'", "channels[a].port: expected a whole number"),
        ("kind = 'webhook'\nseverities = ['worst']", "(found 'worst')"),
        ("kind = 'webhook'\nurl_evn = 'X'", "did you mean 'url_env'?"),
        ("kind = 'slack'\nquiet_hours = { from = '22:00', to = '7' }", "quiet_hours.to: expected a time of day"),
        ("kind = 'slack'\nquiet_hours = { from = '22:00', til = '7' }", "there is no such key"),
        ("kind = 'slack'\nquiet_hours = { from = '22:00', to = '22:00' }", "are the same time of day"),
    ],
)
def test_a_wrong_channel_is_named_with_its_key(text: str, said: str) -> None:
    assert said in wrong(f"[[channels]]\nname = 'a'\n{text}")


def test_a_channel_that_lacks_a_key_is_named_and_costs_no_audit() -> None:
    settings = right("[[channels]]\nname = 'a'\nkind = 'email'\nhost = 'smtp.example.com'")
    assert problems(settings, lambda _pattern: True) == []
    assert lacking(settings) == [
        "channels[a].from: this key is required for a channel of kind email",
        "channels[a].to: this key is required for a channel of kind email",
    ]
    assert "nothing can be delivered to it" in warnings(settings, date(2026, 1, 1))[0]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1"])
def test_a_site_that_others_can_reach_must_be_guarded(host: str) -> None:
    assert "can be reached from elsewhere: expected `token`" in wrong(f"[server]\nhost = '{host}'")
    assert right(f"[server]\nhost = '{host}'\ntoken_env = 'T'").server
    assert "expected `trusted_proxies`" in wrong(f"[server]\nhost = '{host}'\nuser_header = 'X-User'")
    assert right(f"[server]\nhost = '{host}'\nuser_header = 'X-User'\ntrusted_proxies = ['10.0.0.0/8']").server


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_local_site_is_open(host: str) -> None:
    server = right(f"[server]\nhost = '{host}'").server
    assert server
    assert server.is_local


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("", "sqlite:////etc/auditor/auditor.db"),
        ("sqlite:///data/a.db", "sqlite:////etc/auditor/data/a.db"),
        ("sqlite:////var/lib/a.db", "sqlite:////var/lib/a.db"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg://u@h/d"),
    ],
)
def test_a_relative_ledger_stands_beside_the_file(url: str, found: str) -> None:
    text = f"[ledger]\nurl = '{url}'" if url else ""
    assert parse(text.encode(), Path("/etc/auditor/auditor.toml")).ledger_url() == found


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("cron='0 8 31 2 *'", "is never due"),
        ("cron='0 8 * * *'\nclusters=[]", "schedules[w].clusters: expected at least one member"),
        ("cron='0 8 * * *'\nchecks=[]", "schedules[w].checks: expected at least one member"),
    ],
)
def test_a_schedule_that_audits_nothing_is_refused(keys: str, said: str) -> None:
    assert said in wrong(f"[[schedules]]\nname='w'\n{keys}")


def test_patterns_name_what_they_match() -> None:
    schedule = "[[schedules]]\nname='w'\ncron='0 8 * * mon'\n"
    channel = "[[channels]]\nname='c'\nkind='slack'\nurl='https://a.example'\n"
    assert problems(right(CLUSTER + schedule + "clusters=['shop-?rod']"), lambda _pattern: True) == []
    assert problems(right(CLUSTER + schedule + "clusters=['nothing-*']"), lambda _pattern: True) == [
        "schedules[w].clusters: no cluster is called 'nothing-*'"
    ]
    assert problems(right(CLUSTER + channel + "clusters=['nope']\nchecks=['nope/*']"), lambda _pattern: False) == [
        "channels[c].clusters: no cluster is called 'nope'",
        "channels[c].checks: no check is called 'nope/*' (`auditor checks` lists them all)",
    ]
