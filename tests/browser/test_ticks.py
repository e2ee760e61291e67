"""A manual item that requires something, in a real browser: by keyboard, on a phone, in both themes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from checklists import services
from integrations.sandbox.handed_in import take_picture
from tests.checklists.histories import PASSWORD, RUNBOOK, item_of, make_cutover, person

pytestmark = [pytest.mark.browser]

ASKS = "how: Tell everybody., requires: [note, file, second_person]"


def picture(page: Page, name: str) -> None:
    """A screenshot, where SCREENSHOTS names a folder for somebody who looks at them."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_a_note_and_a_file_are_handed_in_by_keyboard_and_confirmed_on_a_phone(signed_in) -> None:
    cutover = make_cutover(text=RUNBOOK.replace("how: Tell everybody.", ASKS))
    address = reverse("item", args=[cutover.slug, "announce"])
    ama = signed_in("ama", axe=True)
    ama.goto(address)
    picture(ama, "required")
    ama.locator("#tick-note").focus()
    ama.keyboard.type("Sent to 412 addresses.")
    name, content = take_picture()
    ama.locator("#tick-file").set_input_files({"name": name, "mimeType": "image/png", "buffer": content})
    services.add_note(item=item_of(cutover, "announce"), by=person("efua"), text="Ring the choir.")
    expect(ama.locator("#notes-title")).to_be_visible()  # the page has updated itself
    expect(ama.locator("#tick-note")).to_have_value("Sent to 412 addresses.")
    assert ama.locator("#tick-file").evaluate("field => field.files.length") == 1
    ama.locator("#tick button").focus()
    ama.keyboard.press("Enter")
    expect(ama.locator("#waits-for-second-person")).to_be_visible()
    expect(ama.locator("#tick")).to_have_count(0)
    picture(ama, "waits")

    efua = signed_in("efua", width=390, height=844, dark=True)
    efua.goto(reverse("waiting"))
    efua.get_by_role("link", name="Look at it").click()
    picture(efua, "confirm-phone-dark")
    efua.get_by_label("Your password").fill(PASSWORD)
    efua.locator("#confirm").click()
    expect(ama.locator("#live")).to_have_attribute("data-state", "DONE")
    efua.goto(address)
    picture(efua, "done-phone-dark")
    assert efua.evaluate("document.documentElement.scrollWidth <= innerWidth")
