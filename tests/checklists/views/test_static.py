"""What the pages load: vendored files as listed, existing icons, nothing from other sites."""

from __future__ import annotations

import hashlib
import re

from checklists.templatetags import cutover_tags
from cutover.data_folder import PROJECT

VENDOR = PROJECT / "static" / "vendor"
PAGES = sorted((PROJECT / "templates").rglob("*.html"))


def test_the_files_of_others_are_the_ones_that_the_list_names() -> None:
    listed = dict(
        re.findall(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", (VENDOR / "VENDORED.md").read_text(), re.M)
    )
    there = {str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*.*") if path.suffix != ".md"}
    assert there == set(listed)
    for name, digest in listed.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest, name
        assert (VENDOR / name).with_name("LICENSE").read_text()


def test_every_icon_that_a_page_names_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'<symbol id="([^"]+)"', (VENDOR / "lucide" / "sprite.svg").read_text()))
    named = {name for page in PAGES for name in re.findall(r'{% icon "([^"]+)"', page.read_text())}
    named |= {
        look[0]
        for looks in (cutover_tags.ITEM_STATE_STYLES, cutover_tags.ATTEMPT_STATUS_STYLES)
        for look in looks.values()
    }
    named |= {"flag", "radio", "check", "eye", "play", "signature"}  # chosen in code
    assert named <= sprite, named - sprite


def test_no_page_loads_anything_from_elsewhere() -> None:
    assert len(PAGES) > 20
    for page in PAGES:
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page.read_text()), page.name
