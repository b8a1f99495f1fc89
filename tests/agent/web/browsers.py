"""A real browser: Debian's Chromium, driven by its own driver."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.debian import program

PHONE, DESKTOP = 390, 1280
_TIMEOUT = 120


@contextmanager
def chromium(folder: Path) -> Iterator[webdriver.Chrome]:
    """Start Chromium without a window, with nothing of its user's. Skips the test where it is not to be had."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(program("chromium", "usr/bin/chromium"))
    driver = program("chromium-driver", "usr/bin/chromedriver")
    for argument in (
        "--headless=new",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--no-proxy-server",
        f"--user-data-dir={folder / 'chromium'}",
    ):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(str(driver)))
    try:
        browser.set_page_load_timeout(_TIMEOUT)
        yield browser
    finally:
        browser.quit()


def look(browser: webdriver.Chrome, width: int, *, dark: bool = False) -> None:
    """Take the width of a screen, and the light that its user prefers."""
    size: dict[str, Any] = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})


def complaints(browser: webdriver.Chrome) -> list[str]:
    """Return what the console has said since it was asked last: violations of the policy, faults of scripts."""
    return [str(entry["message"]) for entry in browser.get_log("browser")]  # type: ignore[no-untyped-call]
