"""A panel session reads the forms of a page with their values, and the texts of its alerts."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cutover.demo.panel_session import FormRefused, PanelPage, PanelSession

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


def test_the_whole_text_of_an_alert_is_read_behind_an_icon_too() -> None:
    assert PanelPage("http://here/", HTML).alerts == ["Nothing was started. Wait for Efua .", "Second."]


def test_a_form_is_read_with_its_present_values() -> None:
    form = PanelPage("http://here/gate/", HTML).form("/sign/")
    assert (form.action, form.method) == ("http://here/sign/", "post")
    assert form.fields == {"digest": "abc", "seat": "finance", "reason": "as it\nwas"}
    assert form.choices == {"seat": ["data", "finance"]}


def test_a_missing_form_is_reported_with_the_pages_alert() -> None:
    with pytest.raises(FormRefused, match=r"Wait for Efua"):
        PanelPage("http://here/", HTML).form("/start/")


def test_no_request_goes_over_a_connection_that_the_panel_may_close_just_now() -> None:
    clients = []

    class Page(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # keeps connections open

        def do_GET(self) -> None:
            clients.append(self.client_address)
            self.send_response(302 if self.path == "/" else 200)
            self.send_header("location", "/page")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *words: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        session = PanelSession(f"http://127.0.0.1:{server.server_port}", "ama", "")
        for _ in range(2):
            session.open("/")
        server.shutdown()
    assert len(set(clients)) == 4  # two requests, each sent on once
