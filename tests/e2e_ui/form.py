"""Airflow's form for connections, and the button that tries one out, as a user handles them."""

import re
from typing import Self

from playwright.sync_api import Locator, Page, expect


class Form:
    """One that is open."""

    def __init__(self, page: Page) -> None:
        """Take the form that the page shows."""
        self.dialog = page.get_by_role("dialog")
        self._page = page

    @classmethod
    def new(cls, page: Page, conn_id: str) -> Self:
        """Open an empty one of our type."""
        page.goto("/connections")
        page.get_by_role("button", name="Add Connection").click()
        form = cls(page)
        form.dialog.get_by_role("textbox", name="Connection ID").fill(conn_id)
        kind = form.dialog.get_by_role("combobox", name="Connection Type")
        kind.fill("Orange EVPL")
        kind.press("Enter")
        return form

    @classmethod
    def edit(cls, page: Page, conn_id: str) -> Self:
        """Open the form of a connection that is stored."""
        _row(page, conn_id).get_by_role("button", name="Edit Connection").click()
        return cls(page)

    def unfold(self) -> None:
        """Unfold the fields that are ours."""
        self.dialog.get_by_role("button", name="Extra Fields", exact=True).click()
        expect(self.value_of("application_id")).to_be_visible()

    def value_of(self, name: str) -> Locator:
        """Find what holds an extra's value."""
        return self.dialog.locator(f"[name=element_{name}]")

    def field(self, label: str) -> Locator:
        """Find a field, with its label, its widget and its help."""
        own = self._page.locator("label", has_text=re.compile(rf"^{re.escape(label)}(\s*\*)?\s*$"))
        return self.dialog.get_by_role("group").filter(has=own)

    def fill(self, **standard: str) -> None:
        """Fill in standard fields, by their names."""
        for name, value in standard.items():
            self.dialog.locator(f"[name={name}]").fill(value)

    def save(self) -> None:
        """Press Save; the form closes."""
        self.dialog.get_by_role("button", name="Save").click()
        expect(self.dialog).to_be_hidden()


def press_test(page: Page, conn_id: str) -> tuple[str, str]:
    """Press Test, with no older message in sight; gives the title and the message."""
    row = _row(page, conn_id)
    row.get_by_role("button", name="Test Connection").click()
    title, message = page.get_by_role("status").filter(has_text="Test Connection").inner_text().split("\n", 1)
    return title, message.strip()


def _row(page: Page, conn_id: str) -> Locator:
    page.goto("/connections")
    return page.get_by_role("row").filter(has=page.get_by_role("cell", name=conn_id, exact=True))
