"""Bad input: one clear message with file or object, what was expected and what to do; the right exit code."""

from datetime import timedelta
from pathlib import Path

import pytest

from auditor.cli.main import _run
from tests.cli.conftest import Place, Ran
from tests.fakes.cloud.sts import StsState


def audit(place: Place, *arguments: str) -> Ran:
    return place.run("run", "--now", "--format", "json", *arguments)


def nothing_written(place: Place) -> bool:
    return not list((place.folder / "reports").rglob("*.*")) if (place.folder / "reports").exists() else True


def test_a_missing_kubeconfig(place: Place) -> None:
    place.configure(kubernetes='kubeconfig = "gone"')
    ran = audit(place)
    assert ran.code == 3
    assert "the kubeconfig gone does not exist" in ran.err
    assert nothing_written(place)


def test_an_unreadable_kubeconfig(place: Place) -> None:
    (place.folder / "kubeconfig").write_bytes(b"\x00\x01{{{")
    ran = audit(place)
    assert ran.code == 3
    assert "the kubeconfig kubeconfig is not valid YAML" in ran.err


def test_half_a_kubeconfig(place: Place) -> None:
    content = (place.folder / "kubeconfig").read_text(encoding="utf-8")
    (place.folder / "kubeconfig").write_text(content[: len(content) // 2], encoding="utf-8")
    assert audit(place).code == 3


def test_a_wrong_context_lists_those_that_exist(place: Place) -> None:
    place.configure(kubernetes='kubeconfig = "kubeconfig"\ncontext = "prod"')
    ran = audit(place)
    assert ran.code == 3
    assert "prod" in ran.err
    assert "fake" in ran.err


def test_an_unknown_key(place: Place) -> None:
    place.environment["ALIBABA_CLOUD_ACCESS_KEY_ID"] = "LTAIunknown"
    ran = audit(place)
    assert ran.code == 2
    assert "the Alibaba Cloud API can't be read" in ran.err
    assert place.check("service/endpoints-empty")["status"] == "passed"


def test_a_wrong_secret(place: Place) -> None:
    place.environment["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = "wrong-secret-value"
    ran = audit(place)
    assert ran.code == 2
    assert "the Alibaba Cloud API can't be read" in ran.err
    assert "wrong-secret-value" not in ran.err + ran.out
    assert "wrong-secret-value" not in str(place.report())


def test_a_clock_that_is_off(place: Place) -> None:
    sts: StsState = place.cloud.state.sts
    real = sts.now
    sts.now = lambda: real() + timedelta(hours=1)
    ran = audit(place)
    assert ran.code == 2
    assert "clock" in ran.err


def test_an_unknown_region(place: Place) -> None:
    place.configure(region='"cn-hangzhuo"', alibaba='credentials = "default"')
    ran = audit(place)
    assert ran.code == 3
    assert "cn-hangzhuo" in ran.err
    assert "cn-hangzhou" in ran.err
    assert "endpoints" in ran.err


def test_an_unknown_cluster_id(place: Place) -> None:
    place.configure(cluster_id='"c00000000000000000000000000000001"')
    ran = audit(place)
    assert ran.code == 2
    assert "c00000000000000000000000000000001" in ran.err
    assert "cluster_id" in ran.err
    assert place.check("service/endpoints-empty")["status"] == "passed"


def test_an_unreachable_endpoint(place: Place) -> None:
    place.configure(alibaba='endpoint = "http://127.0.0.1:9"\ntimeout_seconds = 1')
    ran = audit(place)
    assert ran.code == 2
    assert "127.0.0.1:9" in ran.err


def test_an_unreachable_api_server(place: Place) -> None:
    kubeconfig = place.folder / "kubeconfig"
    kubeconfig.write_text(
        kubeconfig.read_text(encoding="utf-8").replace(place.kubernetes.url, "http://127.0.0.1:9"), encoding="utf-8"
    )
    place.configure(kubernetes='kubeconfig = "kubeconfig"\ntimeout_seconds = 1')
    ran = audit(place)
    assert ran.code == 1, "that the API server can't be reached is itself a finding"
    assert "the Kubernetes API can't be read" in ran.err
    assert "127.0.0.1:9" in ran.err


def test_half_a_landscape(place: Place) -> None:
    assert place.run("collect", "--output", "shop.landscape").code == 0
    content = (place.folder / "shop.landscape").read_bytes()
    (place.folder / "shop.landscape").write_bytes(content[: len(content) // 2])
    ran = audit(place, "--landscape", "shop.landscape")
    assert ran.code == 3
    assert "shop.landscape: this landscape can't be used: it is cut short or damaged" in ran.err
    assert nothing_written(place)


def test_a_missing_landscape(place: Place) -> None:
    ran = audit(place, "--landscape", "gone.landscape")
    assert ran.code == 3
    assert "gone.landscape" in ran.err


def test_a_report_folder_that_is_a_file(place: Place) -> None:
    (place.folder / "taken").write_text("mine", encoding="utf-8")
    ran = audit(place, "--output", "taken")
    assert ran.code == 3
    assert "taken: reports can't be written there" in ran.err
    assert (place.folder / "taken").read_text(encoding="utf-8") == "mine"
    assert place.cloud.calls == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "the agent has nothing to do: expected at least one [[schedules]] table, or [server]"),
        (["run", "--now", "--deliver"], "--deliver"),
        (["run", "--now", "--check", "storage/disk-in-oter-zone"], "storage/disk-in-other-zone"),
        (["run", "--now", "--format", "docx"], "docx"),
        (["run", "--now", "--fail-on", "worst"], "worst"),
        (["run", "--now", "--demo", "--landscape", "x"], "expected one of them"),
        (["run", "--now", "--config", "gone.toml"], "gone.toml: there is no such file"),
        (["runn"], "runn"),
        (["checks", "show", "storage/none"], "no check is called"),
        (["config", "check", "--config", "gone.toml"], "gone.toml"),
        (["collect"], "--output"),
        (["collect", "--output", ""], "Is a directory"),
        (["collect", "--output", "x", "--cluster", ""], "no cluster is called ''"),
        (["run", "--now", "--output", ""], "--output is empty: expected a folder"),
        (["run", "--now", "--format", ","], "no format is named: expected one or more of html"),
        (["run", "--now", "--check", ""], "no check is called ''"),
        (["run", "--now", "--config", ""], "expected a file in TOML"),
        (["run", "--now", "--landscape", "."], "expected a file that `auditor collect` wrote"),
        (["run", "--now", "--fail-on", "worst"], "Invalid value for '--fail-on': 'worst' is not one of 'critical'"),
        (["run", "--now", "--demo", "--cluster", "x"], "the demo is a landscape of 'shop-demo'"),
        (["checks", "--format", "json", "show", "x"], "belong behind the command"),
        (["config", "init", "new.toml", "--name", 'x" y'], 'clusters[x" y].name: expected a name of 1 to 63 letters'),
        (["config", "init", "new.toml", "--cluster-id", "c0123…"], "expected the ACK cluster id"),
        (["config", "init", "new.toml", "--region", "\\1\udce6"], "new.toml: "),
        (["config", "init", "."], "this is a folder"),
        (["\x1b[31m"], "\\x1b[31m"),
    ],
)
def test_bad_usage(place: Place, arguments: list[str], said: str) -> None:
    ran = place.run(*arguments)
    assert ran.code == 3
    assert said in ran.err
    assert "\x1b" not in ran.err
    assert "Value error" not in ran.err
    assert not (place.folder / "new.toml").exists()
    assert nothing_written(place)


def test_no_configuration_at_all_tells_how_to_start(place: Place) -> None:
    place.config.unlink()
    ran = place.run("run", "--now")
    assert ran.code == 3
    assert "config init" in ran.err
    assert "--demo" in ran.err


def test_a_wrong_key_in_the_configuration(place: Place) -> None:
    place.configure(regoin='"x"')
    ran = audit(place)
    assert ran.code == 3
    assert "clusters[shop-prod].regoin: there is no such key; did you mean 'region'?" in ran.err


def test_a_secret_that_is_not_there(place: Place) -> None:
    place.configure(
        alibaba=f'endpoint = "{place.endpoint}"\n'
        'credentials = { kind = "access_key", access_key_id_env = "NOT_SET", access_key_secret_env = "NOT_SET_EITHER" }'
    )
    ran = audit(place)
    assert ran.code == 3
    assert "NOT_SET is not set" in ran.err


def test_output_survives_a_failed_run(place: Place) -> None:
    assert audit(place).code == 0
    before = Path(place.folder / "reports" / "shop-prod" / "report.json").read_bytes()
    place.configure(kubernetes='kubeconfig = "gone"')
    assert audit(place).code == 3
    assert Path(place.folder / "reports" / "shop-prod" / "report.json").read_bytes() == before


def test_what_fails_unforeseen_is_named_without_its_words(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_arguments: object) -> None:
        raise ValueError(f"Invalid header value b'Bearer {place.kubernetes.token}'")

    monkeypatch.setattr("auditor.agent.audit.collect_live", fail)
    monkeypatch.chdir(place.folder)
    assert _run(["run", "--now", "--format", "json"]) == 3
    said = capsys.readouterr().err
    assert "this is a fault of the auditor itself: ValueError in cli/interruptible.py, line " in said
    assert place.kubernetes.token not in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("raise SystemExit(0)", "SystemExit"),
        ("1 / 0", "ZeroDivisionError"),
        ("def (", "SyntaxError"),
        ("x = 1", "expected `check = Check(…)`"),
    ],
)
def test_a_check_of_ones_own_that_is_none(place: Place, content: str, said: str) -> None:
    (place.folder / "own" / "area").mkdir(parents=True)
    (place.folder / "own" / "area" / "odd.py").write_text(content, encoding="utf-8")
    with place.config.open("a", encoding="utf-8") as file:
        file.write('[checks]\nfolders = ["own"]\n')
    ran = audit(place)
    assert ran.code == 3
    assert "own/area/odd.py: " in ran.err
    assert said in ran.err
    assert nothing_written(place)
