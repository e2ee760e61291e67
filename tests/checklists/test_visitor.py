"""What a visitor reads from a page: its forms as they stand, and its alerts in words."""

from __future__ import annotations

import pytest

from checklists.visitor import NotPossible, Page

HTML = """
<div role="alert"><svg class="icon"><use href="#x"/></svg>
<p>Nothing was started.<br>Wait <b>for Efua</b>.</p></div>
<p>No alert.</p>
<form method="post" action="/sign/"><input type="hidden" name="digest" value="abc">
<input name="seat" type="radio" value="data"><input name="seat" type="radio" value="finance" checked>
<textarea name="reason">as it
was</textarea><button>Sign</button></form>
<div role="alert"><svg><use href="#y"></use></svg><p>Second.</p></div>
<input name="outside" value="1">
"""


def test_alerts_are_read_whole_also_behind_an_icon() -> None:
    assert Page("http://here/", HTML).alerts == ["Nothing was started. Wait for Efua .", "Second."]


def test_a_form_is_read_as_it_stands() -> None:
    form = Page("http://here/gate/", HTML).form("/sign/")
    assert (form.action, form.method) == ("http://here/sign/", "post")
    assert form.fields == {"digest": "abc", "seat": "finance", "reason": "as it\nwas"}
    assert form.choices == {"seat": ["data", "finance"]}


def test_a_missing_form_is_told_with_the_pages_own_words() -> None:
    with pytest.raises(NotPossible, match=r"Wait for Efua"):
        Page("http://here/", HTML).form("/start/")
