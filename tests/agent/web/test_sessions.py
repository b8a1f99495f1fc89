"""Sessions, forms and attempts, with a clock of their own."""

from auditor.agent.web.sessions import LIFETIME, Attempts, Sessions, is_token


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_session_ends_with_its_time() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    cookie = sessions.begin("token")
    clock.now += LIFETIME - 2
    assert sessions.holds(cookie, "token")
    clock.now += 3
    assert not sessions.holds(cookie, "token")


def test_a_session_ends_with_the_token_and_with_the_process() -> None:
    sessions = Sessions()
    cookie = sessions.begin("token")
    assert not sessions.holds(cookie, "another")
    assert not Sessions().holds(cookie, "token")


def test_a_session_that_was_ended_is_over_and_others_are_not() -> None:
    sessions = Sessions()
    one, other = sessions.begin("token"), sessions.begin("token")
    sessions.end(one)
    assert not sessions.holds(one, "token")
    assert sessions.holds(other, "token")


def test_a_form_belongs_to_one_browser_and_one_session() -> None:
    sessions = Sessions()
    token = sessions.form_token("browser", "session")
    assert sessions.is_form_of(token, "browser", "session")
    for browser, session in (("other", "session"), ("browser", ""), ("browser", "other"), ("", "session")):
        assert not sessions.is_form_of(token, browser, session)
    assert not sessions.is_form_of(sessions.form_token("", ""), "", "")


def test_the_parts_of_a_signature_can_not_be_shifted() -> None:
    sessions = Sessions()
    assert sessions.form_token("ab", "c") != sessions.form_token("a", "bc")


def test_pauses_grow_and_end_with_the_right_token() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(4):
        attempts.failed("a")
        assert attempts.pause("a") == 0
    pauses = []
    for _ in range(10):
        attempts.failed("a")
        pauses.append(attempts.pause("a"))
        clock.now += pauses[-1]
        assert attempts.pause("a") == 0
    assert pauses == sorted(pauses)
    assert pauses[0] == 1
    assert pauses[-1] == 60
    assert attempts.pause("b") == 0
    attempts.succeeded("a")
    attempts.failed("a")
    assert attempts.pause("a") == 0


def test_what_is_remembered_is_bounded() -> None:
    attempts = Attempts()
    for number in range(5000):
        attempts.failed(str(number))
    assert len(attempts._failed) <= 1024


def test_tokens_of_any_form_are_compared() -> None:
    assert is_token("t\u00f6ken", "t\u00f6ken")
    assert not is_token("\udcff", "token")
    assert not is_token("", "token")
