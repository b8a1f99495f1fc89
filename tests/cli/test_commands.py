"""The other commands."""

import gzip
import json

import pytest
import yaml

from auditor import __version__
from tests.cli.conftest import Place


def test_version(place: Place) -> None:
    assert place.run("--version").out == f"auditor {__version__}\n"


@pytest.mark.parametrize("command", ["", "run", "collect", "checks", "permissions", "doctor", "config"])
def test_help(place: Place, command: str) -> None:
    ran = place.run(*([command] if command else []), "--help")
    assert ran.code == 0
    assert "Usage: " in ran.out


def test_checks_lists_all(place: Place) -> None:
    ran = place.run("checks")
    assert ran.code == 0
    assert "storage/disk-in-other-zone" in ran.out
    listed = json.loads(place.run("checks", "list", "storage/*", "--format", "json").out)
    assert {check["id"].partition("/")[0] for check in listed} == {"storage"}
    assert all(check["permissions"] and check["facts"] and check["why"] for check in listed)


def test_checks_shows_one(place: Place) -> None:
    ran = place.run("checks", "show", "storage/disk-in-other-zone")
    assert ran.code == 0
    assert "ecs:DescribeDisks" in ran.out
    assert "list persistentvolumes" in ran.out


def test_a_starter_configuration_is_in_order(place: Place) -> None:
    ran = place.run("config", "init", "new.toml", "--name", "mine", "--region", "cn-beijing")
    assert ran.code == 0
    text = (place.folder / "new.toml").read_text(encoding="utf-8")
    assert 'name = "mine"' in text
    assert 'region = "cn-beijing"' in text
    again = place.run("config", "init", "new.toml")
    assert again.code == 3
    assert "exists already" in again.err
    assert place.run("config", "init", "new.toml", "--force").code == 0
    wrong = place.run("config", "init", "other.toml", "--region", "Nowhere!")
    assert wrong.code == 3
    assert not (place.folder / "other.toml").exists()


def test_config_check(place: Place) -> None:
    assert "in order (clusters: shop-prod)" in place.run("config", "check").out
    (place.folder / "kubeconfig").unlink()
    ran = place.run("config", "check")
    assert ran.code == 3
    assert "the kubeconfig kubeconfig does not exist" in ran.err


def test_the_printed_permissions_are_those_that_are_used(place: Place) -> None:
    policy = json.loads(place.run("permissions", "ram").out)
    role = yaml.safe_load(place.run("permissions", "rbac").out)
    assert place.run("run", "--now", "--format", "json").code == 0
    used = place.cloud.permissions() - {"sts:GetCallerIdentity"}
    granted = set(policy["Statement"][0]["Action"])
    assert used <= granted
    rights = {
        f"{verb} {resource}" + (f".{group}" if group else "")
        for rule in role["rules"]
        for group in rule.get("apiGroups", ())
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    paths = {
        f"{verb} {url}" for rule in role["rules"] for url in rule.get("nonResourceURLs", ()) for verb in rule["verbs"]
    }
    # What this cluster gives no cause to ask is granted too; tests/test_least_rights.py has a cluster with all of it.
    assert place.kubernetes.permissions_used <= rights | paths
    assert not any("secrets" in right or "log" in right for right in rights)


def test_a_landscape_holds_no_secret(place: Place) -> None:
    assert place.run("collect", "--output", "shop.landscape").code == 0
    content = gzip.decompress((place.folder / "shop.landscape").read_bytes()).decode()
    for secret in ("do-not-read-this-password", place.kubernetes.token, "last-applied-configuration", "UserData"):
        assert secret not in content


def test_config_check_warns_of_an_expired_suppression(place: Place) -> None:
    text = place.config.read_text(encoding="utf-8")
    expired = '[[suppressions]]\ncheck = "*"\nreason = "moving"\nowner = "me"\nexpires = 2020-01-01\n'
    place.config.write_text(text + expired, encoding="utf-8")
    ran = place.run("config", "check")
    assert ran.code == 0
    assert "warning: suppressions[0]: it expired on 2020-01-01" in ran.err
    assert "in order" in ran.out
