"""A kubeconfig that leads nowhere is told of before any call: file, entry, what was expected, and no secret."""

import logging
import threading
from pathlib import Path

import pytest

from auditor.collect.errors import ConfigError
from auditor.collect.kubernetes import connect
from auditor.collect.kubernetes import kubeconfig as kubeconfig_module
from auditor.collect.kubernetes.client import open_client
from auditor.collect.kubernetes.kubeconfig import KubernetesConfigError
from tests.fakes.kubernetes import FakeKubernetes

SECRET = "sEcReT-0123456789"
GOOD = f"""\
apiVersion: v1
kind: Config
current-context: prod
clusters:
- name: shop
  cluster: {{server: "https://192.0.2.1:6443"}}
contexts:
- name: prod
  context: {{cluster: shop, user: auditor}}
- name: orphan
  context: {{cluster: gone, user: auditor}}
- name: nobody
  context: {{cluster: shop, user: gone}}
- name: empty
  context: {{}}
users:
- name: auditor
  user: {{token: {SECRET}}}
"""


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    path.write_text(GOOD)
    return path


def fault_of(path: Path | None, context: str = "", *, in_cluster: bool = False) -> str:
    with pytest.raises(KubernetesConfigError) as raised:
        open_client(kubeconfig=path, context=context, in_cluster=in_cluster)
    assert isinstance(raised.value, ConfigError)
    assert raised.value.__cause__ is None
    message = str(raised.value.text)
    assert message == str(raised.value)
    assert SECRET not in message
    return message


def test_the_good_one_opens_without_a_call(kubeconfig: Path) -> None:
    with open_client(kubeconfig=kubeconfig) as client:
        assert client.calls == 0


def test_a_missing_file(tmp_path: Path) -> None:
    message = fault_of(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in message
    assert "does not exist" in message


def test_a_file_that_is_a_folder(tmp_path: Path) -> None:
    assert "can't be read" in fault_of(tmp_path)


def test_a_file_that_is_no_text(kubeconfig: Path) -> None:
    kubeconfig.write_bytes(b"\xff\xfe\x00" * 9)
    assert "can't be read" in fault_of(kubeconfig)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "just words",
        "- a\n- list",
        f"users: [{{name: a, user: {{token: {SECRET}",
        f"token: *{SECRET}",
        f"\tx: {SECRET}",
    ],
)
def test_a_file_that_is_no_kubeconfig(kubeconfig: Path, content: str) -> None:
    kubeconfig.write_text(content)
    assert str(kubeconfig) in fault_of(kubeconfig)


@pytest.mark.parametrize("length", range(60, len(GOOD) - len(SECRET) - 6, 23))
def test_half_a_file(kubeconfig: Path, length: int) -> None:
    kubeconfig.write_text(GOOD[:length])
    assert str(kubeconfig) in fault_of(kubeconfig)


def test_a_context_that_does_not_exist_lists_those_that_do(kubeconfig: Path) -> None:
    message = fault_of(kubeconfig, "staging")
    assert "staging" in message
    assert "empty, nobody, orphan, prod" in message


def test_no_current_context(kubeconfig: Path) -> None:
    kubeconfig.write_text(GOOD.replace("current-context: prod", "current-context: ''"))
    assert "empty, nobody, orphan, prod" in fault_of(kubeconfig)


@pytest.mark.parametrize(
    ("context", "named", "there_are"),
    [("orphan", "cluster gone", "shop"), ("nobody", "user gone", "auditor"), ("empty", "cluster", "shop")],
)
def test_a_context_that_names_what_is_not_there(kubeconfig: Path, context: str, named: str, there_are: str) -> None:
    message = fault_of(kubeconfig, context)
    assert f"context {context}" in message
    assert named in message
    assert there_are in message


@pytest.mark.parametrize("server", ["", "192.0.2.1:6443", "ftp://192.0.2.1", "https://", "https://a:port"])
def test_a_server_that_is_no_address(kubeconfig: Path, server: str) -> None:
    kubeconfig.write_text(GOOD.replace("https://192.0.2.1:6443", server))
    assert "cluster shop" in fault_of(kubeconfig)


@pytest.mark.parametrize("section", ["clusters", "contexts", "users"])
@pytest.mark.parametrize(
    "value", ["7", "[7]", "[{name: 7}]", "{a: b}", "[{name: shop, cluster: 7, context: 7, user: 7}]"]
)
def test_a_section_of_another_shape(kubeconfig: Path, section: str, value: str) -> None:
    kubeconfig.write_text(f"{GOOD}{section}: {value}\n")
    assert str(kubeconfig) in fault_of(kubeconfig)


def user(kubeconfig: Path, entry: str) -> None:
    kubeconfig.write_text(GOOD.replace(f"{{token: {SECRET}}}", entry))


@pytest.mark.parametrize("command", ["no-such-login", "./no-such-login"])
def test_a_login_command_that_is_not_installed(kubeconfig: Path, command: str) -> None:
    user(kubeconfig, f"{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: {command}}}}}")
    message = fault_of(kubeconfig)
    assert f"user auditor of {kubeconfig}" in message
    assert command in message


@pytest.mark.parametrize("entry", ["{exec: {}}", "{exec: {command: sh}}", "{exec: words}"])
def test_a_login_command_that_is_not_whole(kubeconfig: Path, entry: str) -> None:
    user(kubeconfig, entry)
    assert "apiVersion" in fault_of(kubeconfig)


def test_a_login_command_that_fails_is_named_and_its_words_are_kept_back(
    kubeconfig: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    plugin = kubeconfig.with_name("login")
    plugin.write_text(f"#!/bin/sh\necho {SECRET} >&2\nexit 1\n")
    plugin.chmod(0o755)
    user(kubeconfig, "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./login}}")
    with caplog.at_level(logging.DEBUG):
        assert "login" in fault_of(kubeconfig)
    assert SECRET not in caplog.text
    assert SECRET not in "".join(capfd.readouterr())


def test_a_login_command_that_does_not_end(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "LOGIN_SECONDS", 0.1)
    plugin = kubeconfig.with_name("login")
    plugin.write_text("#!/bin/sh\nexec sleep 1\n")
    plugin.chmod(0o755)
    user(kubeconfig, "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./login}}")
    assert "did not end" in fault_of(kubeconfig)
    next(thread for thread in threading.enumerate() if thread.name == "login").join()


@pytest.mark.parametrize(
    "entry",
    [
        "{client-certificate: nowhere.pem, client-key: nowhere.pem}",
        "{tokenFile: nowhere}",
        "{client-certificate-data: YQ==}",
        f"{{client-certificate-data: {SECRET}x, client-key-data: {SECRET}x}}",
        "{client-certificate-data: YQ==, client-key-data: YQ==}",
        "{auth-provider: {name: oidc, config: {}}}",
        "{auth-provider: {name: gcp}}",
        "{token: [a]}",
    ],
)
def test_credentials_that_can_not_be_used(kubeconfig: Path, entry: str) -> None:
    user(kubeconfig, entry)
    assert str(kubeconfig) in fault_of(kubeconfig)


def test_an_authority_that_is_no_certificate(kubeconfig: Path) -> None:
    kubeconfig.write_text(GOOD.replace('6443"', '6443", certificate-authority-data: YQ=='))
    assert "certificate-authority" in fault_of(kubeconfig)


def test_outside_of_a_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert "in_cluster" in fault_of(None, in_cluster=True)


def test_the_files_of_the_environment_are_read_as_one(
    cluster: FakeKubernetes, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = cluster.write_kubeconfig(kubeconfig.with_name("other"))
    monkeypatch.setenv("KUBECONFIG", f"{kubeconfig.with_name('nowhere')}:{other}:{kubeconfig}")
    with open_client(context="fake") as client:
        assert client.get("/version").startswith(b"{")
    with open_client(context="prod") as client:
        assert client.calls == 0
    message = fault_of(None, "staging")
    assert str(other) in message
    assert "fake, nobody" in message


def test_none_of_the_files_of_the_environment_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))
    assert str(tmp_path / "nowhere") in fault_of(None)


def test_the_file_of_the_home_folder_is_the_last_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(tmp_path / ".kube" / "config") in fault_of(None)


def test_a_file_that_does_not_end(kubeconfig: Path) -> None:
    kubeconfig.write_bytes(b"a" * (kubeconfig_module.LARGEST_BYTES + 1))
    assert "larger than any kubeconfig" in fault_of(kubeconfig)


def test_a_file_that_is_nested_without_end(kubeconfig: Path) -> None:
    kubeconfig.write_text("[" * 100_000)
    assert "nested too deeply" in fault_of(kubeconfig)


def test_an_account_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(self: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    assert "give its whole path" in fault_of(Path("~/.kube/config"))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (f'{{token: "{SECRET}\\n{SECRET}"}}', "holds a line break"),
        ("{auth-provider: {name: gcp}}", "auth-provider"),
    ],
)
def test_a_user_that_can_not_log_in(kubeconfig: Path, entry: str, said: str) -> None:
    kubeconfig.write_text(GOOD.replace(f"{{token: {SECRET}}}", entry))
    assert said in fault_of(kubeconfig)
