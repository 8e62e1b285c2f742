"""What opens pages: a browser, where it is installed."""

import pytest

from tests.needs import skip_without
from tests.views.browsers import missing_programs, start_browser


@pytest.fixture(scope="session")
def new_browser():
    """`start_browser`; what it starts is closed in the end."""
    missing = missing_programs()
    if missing:
        missing_names = " and ".join(missing)
        skip_without(
            f"{missing_names} not installed (Debian: chromium, chromium-driver), so no page was opened"
        )
    opened = []

    def start(*arguments, **options):
        opened.append(start_browser(*arguments, **options))
        return opened[-1]

    yield start
    for browser in opened:
        browser.quit()


@pytest.fixture(scope="module")
def browser(new_browser):
    """One browser for all pages of a module, in which nothing moves by itself."""
    return new_browser()
