"""Headless Chromium that draws without a graphics card, for tests and the benchmark of the globe."""

import shutil

PROGRAMS = ("chromium", "chromedriver")
SETTLED_S = 60


def missing_programs():
    """Which of what is needed is not installed."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def start_browser(width=1280, height=800, pixel_ratio=1, calm=True):
    """A browser whose log and requests are kept; `calm` asks pages for less motion."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--window-size={width},{height}",
        f"--force-device-scale-factor={pixel_ratio}",
        *(["--force-prefers-reduced-motion"] if calm else []),
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(executable_path=shutil.which("chromedriver")))
    browser.set_script_timeout(SETTLED_S)
    return browser


def wait_until_ready(browser):
    """Wait until a globe page has unpacked its data; what went wrong, None if nothing did."""
    return browser.execute_async_script(
        "const done = arguments[0]; lasermesh.ready.then(() => done(null), (error) => done(error.message));"
    )
