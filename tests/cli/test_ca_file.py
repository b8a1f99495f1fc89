"""A gateway with a private certificate, from the configuration to the calls."""

import shutil
from pathlib import Path

from tests.cli.conftest import Place

TLS = Path(__file__).parents[1] / "fakes" / "kubernetes" / "tls"


def configure(place: Place, endpoint: str, ca_file: str) -> None:
    place.configure(alibaba=f'endpoint = "{endpoint}"\ntimeout_seconds = 5\n{ca_file}')


def test_a_gateway_is_trusted_with_its_certificate_and_not_without(place: Place) -> None:
    shutil.copy(TLS / "valid.pem", place.folder / "gateway-ca.pem")
    with place.cloud.serve(certificate=TLS / "valid.pem") as gateway:
        configure(place, gateway, 'ca_file = "gateway-ca.pem"')
        assert place.run("config", "check").code == 0
        assert place.run("doctor").code == 0
        configure(place, gateway, "")
        ran = place.run("doctor")
    assert ran.code == 2
    assert "Alibaba Cloud API  unreadable" in ran.out
    assert "TLS with the endpoint failed" in ran.out


def test_a_certificate_that_can_not_be_used_is_named_with_key_and_file(place: Place) -> None:
    configure(place, place.endpoint, 'ca_file = "gateway-ca.pem"')
    for content, why in ((None, "No such file"), ("no certificate", "it holds no certificate in PEM")):
        if content:
            (place.folder / "gateway-ca.pem").write_text(content)
        for command in (("config", "check"), ("run", "--now"), ("collect", "--output", "x.landscape")):
            ran = place.run(*command)
            assert ran.code == 3
            assert "ca_file: gateway-ca.pem can't be used" in ran.err
            assert why in ran.err
        assert "clusters[shop-prod].alibaba: ca_file" in place.run("config", "check").err
        assert "alibaba: ca_file: gateway-ca.pem" in place.run("doctor").out
