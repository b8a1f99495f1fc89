"""The site in a real browser, at the width of a phone and of a desk."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from tests.agent.web import sites
from tests.agent.web.browsers import DESKTOP, PHONE, chromium, complaints, look

DISK = "3f9a0c52d1b84e67a0c95b1d2e3f4a5b"
PAGES = (
    "/",
    "/clusters/shop-prod",
    "/runs",
    "/runs/shop-prod-0000",
    "/findings?state=all",
    f"/findings/{DISK}",
    "/deliveries",
)
_PATIENCE = 90

# What of a page a reader without eyes would miss, and what reaches past the edge of the screen.
_UNNAMED = """
const named = (e) => e.getAttribute('aria-label') || e.textContent.trim() || (e.labels && e.labels.length)
  || e.getAttribute('value') || e.type === 'hidden';
return [...document.querySelectorAll('a, button, input, select, nav, svg[role=img]')]
  .filter((e) => !named(e)).map((e) => e.outerHTML.slice(0, 200));
"""
_TOO_WIDE = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
_HEADINGS = "return [...document.querySelectorAll('h1')].length"
_TWICE = """
const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
return ids.filter((id, at) => ids.indexOf(id) !== at);
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.fixture
def visiting(browser: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """The browser, as if it had never been anywhere."""
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    look(browser, DESKTOP)
    complaints(browser)
    yield browser
    browser.get("about:blank")


def _wait(browser: webdriver.Chrome, condition: Callable[[webdriver.Chrome], object]) -> None:
    WebDriverWait(browser, _PATIENCE, ignored_exceptions=(Exception,)).until(condition)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_pages_fit_and_keep_to_the_policy(
    shown: sites.Running, visiting: webdriver.Chrome, width: int, language: str
) -> None:
    look(visiting, width)
    for path in PAGES:
        visiting.get(f"{shown.url}{path}{'&' if '?' in path else '?'}lang={language}")
        assert complaints(visiting) == [], path
        assert visiting.execute_script(_TOO_WIDE) <= 0, path
        assert visiting.execute_script(_UNNAMED) == [], path
        assert visiting.execute_script(_HEADINGS) == 1, path
        assert visiting.execute_script(_TWICE) == [], path


def test_signing_in(guarded: sites.Running, visiting: webdriver.Chrome) -> None:
    url = guarded.url.replace("0.0.0.0", "127.0.0.1")
    visiting.get(f"{url}/findings?severity=high&lang=en")
    assert visiting.title.startswith("Sign in")
    _sign_in(visiting, "wrong")
    assert "That is not the token." in visiting.page_source
    _sign_in(visiting, sites.TOKEN)
    _wait(visiting, lambda one: "/findings?severity=high" in one.current_url)
    assert "data/mysql-0" in visiting.page_source
    assert visiting.execute_script("return document.cookie") in ("", "auditor-language=en")
    visiting.find_element(By.XPATH, "//button[.='Sign out']").click()
    _wait(visiting, lambda one: one.title.startswith("Sign in"))
    visiting.get(f"{url}/runs")
    assert visiting.title.startswith("Sign in")
    # The wrong token was answered with 401, which the console tells.
    assert [one for one in complaints(visiting) if "401" not in one] == []


def _sign_in(browser: webdriver.Chrome, token: str) -> None:
    field = browser.find_element(By.NAME, "token")
    field.send_keys(token)
    field.submit()
    _wait(browser, lambda _: not _is_there(field))


def _is_there(element: object) -> bool:
    from selenium.common.exceptions import StaleElementReferenceException  # noqa: PLC0415

    try:
        element.is_enabled()  # type: ignore[attr-defined]
    except StaleElementReferenceException:
        return False
    return True


def test_run_now_shows_how_it_goes_on(own: sites.Running, visiting: webdriver.Chrome) -> None:
    own.audits.go.clear()
    visiting.get(f"{own.url}/clusters/shop-staging?lang=en")
    assert "No faults." in visiting.page_source
    visiting.find_element(By.CSS_SELECTOR, "main .act button").click()
    _wait(visiting, lambda one: "under way" in one.find_element(By.CSS_SELECTOR, ".going").text)
    first = visiting.find_element(By.CSS_SELECTOR, ".going").text
    _wait(visiting, lambda one: one.find_element(By.CSS_SELECTOR, ".going").text != first)
    own.audits.go.set()
    _wait(visiting, lambda one: not one.find_elements(By.CSS_SELECTOR, ".going"))
    assert "Faults are open." in visiting.page_source
    assert [job.cluster.name for job in own.audits.jobs] == ["shop-staging"]
    assert complaints(visiting) == []


def test_filters_stand_in_the_address(shown: sites.Running, visiting: webdriver.Chrome) -> None:
    visiting.get(f"{shown.url}/findings?lang=en")
    Select(visiting.find_element(By.NAME, "severity")).select_by_visible_text("high")
    Select(visiting.find_element(By.NAME, "state")).select_by_visible_text("suppressed")
    visiting.find_element(By.NAME, "q").send_keys("pv-logs", Keys.ENTER)
    _wait(visiting, lambda one: "Found: 1" in one.page_source)
    address = visiting.current_url
    assert "severity=high" in address
    assert "q=pv-logs" in address
    visiting.get(address)
    assert visiting.find_element(By.NAME, "q").get_attribute("value") == "pv-logs"
    assert Select(visiting.find_element(By.NAME, "state")).first_selected_option.text == "suppressed"
    visiting.find_element(By.LINK_TEXT, "Without filters").click()
    _wait(visiting, lambda one: "Found: 4" in one.page_source)


def test_a_dead_delivery_is_tried_again(own: sites.Running, visiting: webdriver.Chrome) -> None:
    look(visiting, PHONE)
    visiting.get(f"{own.url}/deliveries?lang=en")
    visiting.find_element(By.CSS_SELECTOR, "td form button").click()
    _wait(visiting, lambda one: not one.find_elements(By.CSS_SELECTOR, "td form button"))


def test_a_report_is_shown_with_its_style(shown: sites.Running, visiting: webdriver.Chrome) -> None:
    visiting.get(f"{shown.url}/runs/shop-prod-0000/report.html?language=en")
    assert complaints(visiting) == []
    tile = visiting.find_element(By.CSS_SELECTOR, ".tile")
    assert tile.value_of_css_property("border-top-width") == "4px"


def test_the_keyboard_reaches_the_content_at_once(shown: sites.Running, visiting: webdriver.Chrome) -> None:
    visiting.get(f"{shown.url}/?lang=en")
    visiting.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    link = visiting.switch_to.active_element
    assert link.text == "To the content"
    link.send_keys(Keys.ENTER)
    assert visiting.switch_to.active_element.get_attribute("id") == "content"


def test_a_dark_screen_is_dark(shown: sites.Running, visiting: webdriver.Chrome) -> None:
    grounds = []
    for dark in (False, True):
        look(visiting, DESKTOP, dark=dark)
        visiting.get(shown.url)
        grounds.append(visiting.find_element(By.TAG_NAME, "body").value_of_css_property("background-color"))
    assert grounds == ["rgba(244, 245, 247, 1)", "rgba(18, 22, 27, 1)"]


def test_hostile_names_are_only_looked_at(tmp_path: Path, visiting: webdriver.Chrome) -> None:
    from auditor.ledger.ledger import Ledger  # noqa: PLC0415
    from tests.report import samples  # noqa: PLC0415

    def fill(ledger: Ledger) -> None:
        hostile = samples.hostile()
        ledger.finish(
            sites.run(0, findings=hostile.findings, checks=hostile.checks, collection=hostile.collection), sites.owing()
        )

    with sites.running(tmp_path, history=fill) as site:
        for width in (PHONE, DESKTOP):
            look(visiting, width)
            for path in ("/findings?state=all", "/runs/shop-prod-0000", f"/findings/{0:032x}"):
                visiting.get(site.url + path)
                assert complaints(visiting) == []
                assert visiting.execute_script(_TOO_WIDE) <= 0, path
                assert "<script>alert(1)</script>" in visiting.find_element(By.TAG_NAME, "main").text
                assert not visiting.find_elements(By.TAG_NAME, "img")
