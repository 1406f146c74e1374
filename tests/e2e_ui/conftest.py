from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.browser import Airflow, launch, standalone

SECRET = "what-only-orange-knows"
PATIENCE_MILLISECONDS = 300_000

Take = Callable[[str, Locator | None], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make e2e-ui` say where the pictures of the documentation go."""
    parser.addoption("--screenshots", type=Path, help="folder for the pictures; else a temporary one")


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxServer]:
    """Serve the API: 80 series on four pages."""
    with SandboxServer(SandboxConfig(client_secret=SECRET, code_ope="004217")) as server:
        yield server


@pytest.fixture(scope="session")
def airflow() -> Iterator[Airflow]:
    """Run a whole Airflow that knows no connection."""
    with (
        TemporaryDirectory(prefix="evpl-", ignore_cleanup_errors=True) as folder,
        standalone(Path(folder)) as it,
    ):
        yield it


@pytest.fixture(scope="session")
def page(airflow: Airflow) -> Iterator[Page]:
    """Open a browser: one tab for the whole story."""
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as driver:
        browser = launch(driver)
        context = browser.new_context(
            base_url=airflow.url, viewport={"width": 1280, "height": 800}, locale="en-US", timezone_id="UTC"
        )
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        yield context.new_page()
        browser.close()


@pytest.fixture(scope="session")
def pictures(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the pictures."""
    folder: Path = request.config.getoption("--screenshots") or tmp_path_factory.mktemp("screenshots")
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def take(page: Page, pictures: Path) -> Take:
    """Give a way to take a picture, of the window or a part of the page; no secret may be on it."""

    def picture(name: str, part: Locator | None = None) -> None:
        assert SECRET not in page.inner_text("body")
        (part or page).screenshot(path=pictures / f"{name}.png", animations="disabled")

    return picture


@pytest.fixture(autouse=True)
def _last_look(page: Page, tmp_path: Path) -> Iterator[None]:
    """Leave a picture of where each step ended, for who has to find out why it failed."""
    yield
    page.screenshot(path=tmp_path / "end.png", full_page=True)
