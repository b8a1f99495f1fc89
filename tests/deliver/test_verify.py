"""What of a channel can be seen to be wrong before the first message."""

from pathlib import Path

import pytest

from auditor.deliver.verify import problem_of
from tests.deliver.messages import configured

HOOK = "[[channels]]\nname = 'hook'\nkind = 'webhook'\n"
MAIL = "[[channels]]\nname = 'mail'\nkind = 'email'\nhost = 'smtp.example.com'\nfrom = 'a@b.c'\nto = ['d@e.f']\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HOOK + "url = 'ftp://a.example'", "url: expected an address such as"),
        (HOOK + "url = 'https://[::1/x'", "url: expected an address such as"),
        (HOOK + "url = 'https://a.example:99999/'", "url: expected an address such as"),
        (HOOK + "url = 'https://a.example/\\n'".replace("'https", '"https').replace("n'", 'n"'), "url: expected"),
        (HOOK + "url = 'http://a.example/'", "is not asked over https"),
        (HOOK + "url = 'https://a.example'\nsigning_secret = 'x'", "signing_secret: expected whsec_"),
        (HOOK + "url = 'https://a.example'\nauthorization = 'Bearer ü'", "authorization: expected ASCII"),
        (HOOK + "url = 'https://a.example'\nheaders = { 'X Y' = 'z' }", "headers: 'X Y' can't be set here"),
        (HOOK + "url = 'https://a.example'\ntemplate = 'nowhere.j2'", "nowhere.j2: it can't be read"),
        ("[[channels]]\nname = 'any'\nkind = 'apprise'\nurl = 'nosuch://'", "apprise knows no such service"),
        ("[[channels]]\nname = 'chat'\nkind = 'slack'\nurl = 'http://a.example/'", "is not asked over https"),
        (MAIL + "security = 'none'\nusername = 'u'\npassword = 'secret'", "would go unencrypted to smtp.example.com"),
        (MAIL + "username = 'u'", "username is given, and password_env or password_file is not"),
        (MAIL + "ca_file = 'nowhere.pem'", "nowhere.pem: No such file or directory"),
    ],
)
def test_what_can_never_work_is_said(text: str, said: str) -> None:
    found = problem_of(configured(text))
    assert said in found
    assert "secret'" not in found


@pytest.mark.parametrize(
    "text",
    [
        HOOK + "url = 'https://a.example/hook'",
        HOOK + "url = 'http://127.0.0.1:9/'",
        HOOK + "url = 'http://a.example/'\nallow_plain_http = true",
        MAIL,
        "[[channels]]\nname = 'any'\nkind = 'apprise'\nurl = 'json://127.0.0.1/'",
        "[[channels]]\nname = 'on-call'\nkind = 'pagerduty'\nrouting_key = 'abcdef'",
    ],
)
def test_nothing_is_said_of_what_may_work(text: str) -> None:
    assert problem_of(configured(text)) == ""


def test_a_template_that_is_none(tmp_path: Path) -> None:
    template = tmp_path / "body.j2"
    template.write_text("{% if %}")
    assert "line 1" in problem_of(configured(HOOK + f"url = 'https://a.example'\ntemplate = '{template}'"))
