"""The page of a gate: what it shows in each state, and signing on it."""

from __future__ import annotations

import re
import time
import uuid
from datetime import timedelta

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checklists import services
from checklists.models import Cutover, SignOff
from checklists.states import Decision, Part
from tests.checklists.histories import PASSWORD, RUNBOOK, ended, make_cutover, person, sign, view_of

pytestmark = pytest.mark.django_db


def text_of(answer) -> str:
    return " ".join(answer.content.decode().split())


def words_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def address(cutover: Cutover) -> str:
    return reverse("gate", args=[cutover.slug, "go"])


def filled(cutover: Cutover, **said: str) -> dict[str, str]:
    form = {
        "seat": "technical",
        "decision": "GO",
        "reason": "",
        "password": PASSWORD,
        "digest": view_of(cutover, "go").gate.digest,
        "nonce": str(uuid.uuid4()),
    }
    return form | said


def signed(client, cutover: Cutover, **said: str):
    return client.post(reverse("gate-sign", args=[cutover.slug, "go"]), filled(cutover, **said), follow=True)


# ── what it says ────────────────────────────────────────────────────────────


def test_a_gate_without_its_evidence_says_what_is_missing_first(browser_of) -> None:
    page = words_of(browser_of("efua").get(address(make_cutover())))
    assert "Cannot be signed yet. 1.2 Look at it" in page
    assert "Your signature" not in page


def test_a_gate_with_its_evidence_waits_for_signatures(browser_of) -> None:
    cutover = make_cutover("looked")
    page = words_of(browser_of("efua").get(address(cutover)))
    assert "0 of 2 signed. It waits for you, too." in page
    assert "Opens 2.1 Change it" in page
    assert view_of(cutover, "go").gate.digest in text_of(browser_of("efua").get(address(cutover)))


def test_nothing_is_chosen_beforehand(browser_of) -> None:
    page = text_of(browser_of("efua").get(address(make_cutover("looked"))))
    assert 'id="decision-GO"' in page
    assert " checked" not in page


def test_a_passed_gate_says_when(browser_of) -> None:
    page = words_of(browser_of("yaw").get(address(make_cutover("signed"))))
    assert "Passed" in page
    assert "Go Efua" in page


def test_a_no_go_is_said_first_with_its_reason(browser_of) -> None:
    cutover = make_cutover("looked")
    sign(cutover, "efua", "technical", Decision.NO_GO, "The disk is full")
    page = words_of(browser_of("ama").get(address(cutover)))
    assert re.search(r"No-go by Efua, .*: “The disk is full”", page)


def test_a_signature_that_no_longer_counts_says_which_fact_did_it(browser_of) -> None:
    cutover = make_cutover("signed_once")
    ended(cutover, "look", facts={"seen": 99})
    page = words_of(browser_of("ama").get(address(cutover)))
    assert "No longer counts Efua's go of" in page
    assert "1.2 Look at it changed: “saw it (1)” → “saw it (2)”." in page


def test_evidence_that_is_too_old_says_how_old_and_asks_for_a_new_one(browser_of) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", ago=timedelta(minutes=47))
    page = words_of(browser_of("efua").get(address(cutover)))
    assert "47 min old; this gate asks for less than 30 min. Do it again." in page
    assert "asks for less than 30 min: do it again" in page


def test_who_started_the_work_is_told_that_someone_else_signs(browser_of) -> None:
    cutover = make_cutover("announced")
    services.add_member(
        cutover=cutover, person=person("ama"), part=Part.LEAD, seats=["data"], by=person("ama")
    )
    ended(cutover, "look")
    page = words_of(browser_of("ama").get(address(cutover)))
    assert "You started 1.2 Look at it, so someone else has to approve it (four eyes)." in page


def test_the_evidence_opens_down_to_its_facts(browser_of) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", facts={"migrations": [{"name": "init", "checksum": "a" * 64}]})
    page = text_of(browser_of("efua").get(address(cutover)))
    assert "a" * 64 in page
    assert 'data-label="name">init' in page


@pytest.mark.parametrize("who", ["ama", "yaw"])
def test_who_may_not_sign_finds_no_form(browser_of, who: str) -> None:
    assert "sign-form" not in text_of(browser_of(who).get(address(make_cutover("looked"))))


def test_who_has_no_part_or_no_session_finds_nothing(browser_of, client) -> None:
    cutover = make_cutover("looked")
    person("stranger")
    assert browser_of("stranger").get(address(cutover)).status_code == 404
    assert signed(browser_of("stranger"), cutover).status_code == 404
    assert client.get(address(cutover)).url.startswith("/accounts/login/")
    assert client.post(reverse("gate-sign", args=[cutover.slug, "go"])).status_code == 302


def test_htmx_gets_the_part_that_changes(browser_of) -> None:
    page = text_of(browser_of("efua", htmx=True).get(address(make_cutover("looked"))))
    assert page.startswith('<div id="live"')


def test_an_item_that_is_no_gate_has_no_gate_page(browser_of) -> None:
    cutover = make_cutover("looked")
    ama = browser_of("ama")
    answer = ama.get(reverse("gate", args=[cutover.slug, "look"]))
    assert answer.url == reverse("item", args=[cutover.slug, "look"])
    assert ama.post(reverse("gate-sign", args=[cutover.slug, "look"])).status_code == 404


# ── signing ─────────────────────────────────────────────────────────────────


def test_signing_with_the_password_counts(browser_of) -> None:
    cutover = make_cutover("looked")
    answer = signed(browser_of("efua"), cutover, reason="I read it")
    assert "Signed." in text_of(answer)
    sign_off = SignOff.objects.get()
    assert (sign_off.person.username, sign_off.seat, sign_off.reason) == ("efua", "technical", "I read it")


def test_the_same_form_sent_twice_signs_once(browser_of) -> None:
    cutover = make_cutover("looked")
    form, efua = filled(cutover), browser_of("efua")
    for _ in range(2):
        answer = efua.post(reverse("gate-sign", args=[cutover.slug, "go"]), form, follow=True)
        assert "Signed." in text_of(answer)
    assert SignOff.objects.count() == 1


def test_a_wrong_password_keeps_what_was_written_but_itself(browser_of) -> None:
    cutover = make_cutover("looked")
    answer = signed(
        browser_of("efua"),
        cutover,
        password="wrong one",
        reason="I read all of it",
        decision="NO_GO",
        seat="data",
    )
    page = text_of(answer)
    assert answer.status_code == 422
    assert "that is not right" in page
    assert "I read all of it</textarea>" in page
    assert 'id="decision-NO_GO" checked' in page
    assert 'value="data" required checked' in page
    assert "wrong one" not in page
    assert f'hx-get="{address(cutover)}"' in page  # not the form's address, which only takes forms
    assert not SignOff.objects.exists()


def test_too_many_tries_are_refused_unread(browser_of) -> None:
    cutover = make_cutover("looked")
    efua = browser_of("efua")
    for _ in range(10):
        signed(efua, cutover, password="wrong")
    answer = signed(efua, cutover, reason="still here")
    assert "too many tries" in text_of(answer)
    assert "still here</textarea>" in text_of(answer)
    assert not SignOff.objects.exists()


def test_a_no_go_needs_a_reason(browser_of) -> None:
    cutover = make_cutover("looked")
    answer = signed(browser_of("efua"), cutover, decision="NO_GO", reason="  ")
    assert "a no-go needs one" in text_of(answer)
    signed(browser_of("efua"), cutover, decision="NO_GO", reason="the disk is full")
    assert SignOff.objects.get().decision == Decision.NO_GO


def test_when_the_evidence_changed_nothing_is_signed_and_nothing_is_lost(browser_of) -> None:
    cutover = make_cutover("looked")
    before = filled(cutover, reason="I read the old one")
    ended(cutover, "look", facts={"seen": 2})
    efua = browser_of("efua")
    answer = efua.post(reverse("gate-sign", args=[cutover.slug, "go"]), before)
    page = text_of(answer)
    assert "The evidence changed while you were reading it." in page
    assert "I read the old one</textarea>" in page
    assert not SignOff.objects.exists()
    again = answer.context["form"].data
    assert again["digest"] == view_of(cutover, "go").gate.digest != before["digest"]
    efua.post(reverse("gate-sign", args=[cutover.slug, "go"]), {**again, "password": PASSWORD})
    assert SignOff.objects.get().reason == "I read the old one"


def test_a_wrong_password_on_old_evidence_does_not_slip_the_new_evidence_under(browser_of) -> None:
    cutover = make_cutover("looked")
    before = filled(cutover, password="wrong")
    ended(cutover, "look", facts={"seen": 2})
    page = text_of(browser_of("efua").post(reverse("gate-sign", args=[cutover.slug, "go"]), before))
    assert "The evidence changed while you were reading it. Read it again first." in page


def test_who_may_no_longer_sign_finds_what_they_had_written(browser_of) -> None:
    cutover = make_cutover("looked")
    before = filled(cutover, reason="A long thought")
    sign(cutover, "kofi", "data")
    sign(cutover, "efua", "technical")
    answer = browser_of("efua").post(reverse("gate-sign", args=[cutover.slug, "go"]), before)
    page = text_of(answer)
    assert answer.status_code == 422
    assert "Nothing was signed." in page
    assert "A long thought" in page
    assert SignOff.objects.count() == 2


@pytest.mark.parametrize(
    "said",
    [
        {"seat": "finance"},
        {"seat": ""},
        {"seat": "x" * 1_000_000},
        {"seat": "\x00"},
        {"decision": ""},
        {"decision": "MAYBE"},
        {"reason": "a\x00b"},
        {"reason": "x" * 1_000_000},
        {"password": ""},
        {"password": "\x00"},
        {"password": "x" * 1_000_000},
        {"digest": ""},
        {"digest": "z" * 64},
        {"digest": "0" * 64},
        {"nonce": ""},
        {"nonce": "\x00"},
        {"nonce": "x" * 100_000},
    ],
    ids=lambda said: "-".join(f"{k}-{v[:4]!a}" for k, v in said.items()),
)
def test_what_is_wrong_is_said_and_never_a_failure_of_ours(browser_of, said) -> None:
    cutover = make_cutover("looked")
    form = {"reason": "kept"} | said
    answer = signed(browser_of("efua"), cutover, **form)
    assert answer.status_code == 422
    assert "Nothing was signed." in text_of(answer)
    assert f"{form['reason'][:50]}" in answer.content.decode()
    assert len(answer.content) < 100_000 + len(form["reason"])
    assert not SignOff.objects.exists()


def test_an_empty_form_is_answered_in_words(browser_of) -> None:
    cutover = make_cutover("looked")
    answer = browser_of("efua").post(reverse("gate-sign", args=[cutover.slug, "go"]), {})
    assert answer.status_code == 422
    assert "choose go or no-go" in text_of(answer)


def test_after_a_broken_form_the_next_one_can_be_signed(browser_of) -> None:
    cutover = make_cutover("looked")
    efua = browser_of("efua")
    answer = signed(efua, cutover, nonce="broken", digest="broken")
    again = answer.context["form"].data | {"password": PASSWORD}
    efua.post(reverse("gate-sign", args=[cutover.slug, "go"]), again)
    assert SignOff.objects.count() == 1


def test_emoji_and_markup_in_a_reason_stay_text(browser_of) -> None:
    cutover = make_cutover("looked")
    evil = "<script>alert(1)</script> 🚚 {{ 7 }}"
    signed(browser_of("efua"), cutover, decision="NO_GO", reason=evil)
    page = browser_of("ama").get(address(cutover)).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; 🚚 {{ 7 }}" in page


@pytest.mark.parametrize(("who", "status"), [("yaw", 403), ("ama", 422)])
def test_who_fills_no_seat_cannot_sign_by_hand(browser_of, who: str, status: int) -> None:
    cutover = make_cutover("looked")
    assert signed(browser_of(who), cutover).status_code == status
    assert not SignOff.objects.exists()


def test_coming_back_to_the_form_s_address_leads_to_the_gate(browser_of) -> None:
    cutover = make_cutover("looked")
    assert browser_of("efua").get(reverse("gate-sign", args=[cutover.slug, "go"])).url == address(cutover)


def test_more_evidence_and_signatures_take_no_more_queries(browser_of) -> None:
    counts = []
    for many in (1, 12):
        looks = "\n".join(
            f"      - {{key: look-{n}, title: Look, kind: action, owner: lead, action: sample.look}}"
            for n in range(many)
        )
        asked = ", ".join(f"{{item: look-{n}}}" for n in range(many))
        needs = ", ".join(f"look-{n}" for n in range(many))
        text = RUNBOOK.replace("      - {key: go,", f"{looks}\n      - {{key: go,").replace(
            "evidence: [{item: look, fresh_for: 30m}]", f"evidence: [{{item: look}}, {asked}]"
        )
        text = text.replace(
            "kind: gate, owner: lead, needs: [look]", f"kind: gate, owner: lead, needs: [look, {needs}]"
        )
        cutover = make_cutover("looked", text=text)
        for n in range(many):
            ended(cutover, f"look-{n}", facts={"n": n})
        for n in range(many):  # each signature is void once the evidence changes
            sign(cutover, "efua", "technical", reason=str(n))
            ended(cutover, "look-0", facts={"again": n})
        efua = browser_of("efua")
        efua.get(address(cutover))
        with CaptureQueriesContext(connection) as queries:
            page = efua.get(address(cutover))
        assert page.status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 30


def test_who_has_neither_password_nor_code_signs_with_a_fresh_sign_in(client) -> None:
    cutover = make_cutover("looked")
    efua = person("efua")
    efua.set_unusable_password()
    efua.save()
    client.force_login(efua)
    url = reverse("gate", args=[cutover.slug, "go"])
    assert 'name="password"' not in text_of(client.get(url))
    gate = view_of(cutover, "go").gate
    given = {"seat": "technical", "decision": "GO", "digest": gate.digest, "nonce": str(uuid.uuid4())}
    sign_url = reverse("gate-sign", args=[cutover.slug, "go"])
    assert "Your sign-in is older than five minutes" in text_of(client.post(sign_url, given))
    session = client.session
    session["account_authentication_methods"] = [{"method": "socialaccount", "at": time.time()}]
    session.save()
    client.post(sign_url, given)
    assert view_of(cutover, "go").gate.given == 1


def test_a_code_of_the_authenticator_signs_and_a_used_or_wrong_one_does_not(client) -> None:
    cutover = make_cutover("looked")
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(person("efua"), secret)
    client.force_login(person("efua"))
    code = totp.format_hotp_value(totp.hotp_value(secret, next(totp.yield_hotp_counters_from_time())))
    wrong = f"{(int(code) + 500_000) % 1_000_000:06}"
    gate = view_of(cutover, "go").gate
    given = {"seat": "technical", "decision": "GO", "digest": gate.digest}
    sign_url = reverse("gate-sign", args=[cutover.slug, "go"])
    refused = client.post(sign_url, given | {"nonce": str(uuid.uuid4()), "password": wrong})
    assert "that is not right" in text_of(refused)
    client.post(sign_url, given | {"nonce": str(uuid.uuid4()), "password": code})
    assert view_of(cutover, "go").gate.given == 1
    again = client.post(sign_url, given | {"nonce": str(uuid.uuid4()), "password": code})
    assert "that is not right" in text_of(again)
    assert SignOff.objects.count() == 1
