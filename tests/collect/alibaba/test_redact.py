"""No secret leaves in a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.alibaba.redact import LONGEST, scrub

SECRET = "verySecretValue123"


@pytest.mark.parametrize(
    "text",
    [
        f"Max retries exceeded with url: /?AccessKeyId={SECRET}&Signature={SECRET}&SecurityToken={SECRET} (X)",
        f"https://sts.aliyuncs.com/?Action=AssumeRoleWithOIDC&OIDCToken={SECRET}",
        f'{{"AccessKeySecret": "{SECRET}", "SecurityToken":"{SECRET}"}}',
        f"header x-acs-security-token: {SECRET}",
        f"Specified signature is not matched. server string to sign is:POST&%2F&AccessKeyId%3D{SECRET}%26Action",
        f"UserData={SECRET} DefaultPasswd={SECRET}",
        f"Authorization: acs LTAI5tKey:{SECRET}=",
        f'"Authorization":"acs LTAI5tKey:{SECRET}="',
        f"headers={{'Authorization': 'acs LTAI5tKey:{SECRET}=', 'Host': 'ecs'}}",
        f'\\"Authorization\\": \\"Bearer {SECRET}\\"',
        f"Authorization%3A%20acs%20LTAI5tKey%3A{SECRET}",
        f"{{'AccessKeySecret': '{SECRET}', 'SecretAccessKey': '{SECRET}', 'sts_token': '{SECRET}'}}",
        f'{{"data": {{"access_key": "{SECRET}", "secret_key": "{SECRET}", "security_token": "{SECRET}"}}}}',
    ],
)
def test_values_beside_the_name_of_a_secret_are_removed(text: str) -> None:
    assert SECRET not in scrub(text)


def test_the_lines_around_a_signature_stay() -> None:
    text = scrub(f"refused\nAuthorization: acs LTAI5tKey:{SECRET}= and more\nsince it is old")
    assert text == "refused Authorization: *** since it is old"


def test_given_secrets_are_removed_wherever_they_stand() -> None:
    assert scrub(f"the key {SECRET} is not right", (SECRET, "")) == "the key *** is not right"


def test_the_rest_stays_readable() -> None:
    text = scrub("HTTPSConnectionPool(host='ecs.example', port=443): <x.Y object at 0x7f00>: refused\nagain")
    assert text == "HTTPSConnectionPool(host='ecs.example', port=443): refused again"


def test_a_sentence_without_end_is_cut() -> None:
    assert len(scrub("long " * 1000)) == LONGEST + 1


@given(st.text(min_size=8, max_size=20, alphabet=st.characters(codec="ascii", categories=["L", "N"])), st.text())
def test_a_given_secret_never_stays(secret: str, around: str) -> None:
    assert secret not in scrub(f"{around}{secret}{around}", (secret,))
