"""The page of a gate: what it shows in each state, and signing on it."""

from __future__ import annotations

import re
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checklists import services
from checklists.models import Cutover, GateLook, SignOff
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, Decision, MemberPart
from integrations.actions import registry
from tests.by_hand import by_hand
from tests.checklists.histories import (
    PASSWORD,
    RUNBOOK,
    admin,
    ended,
    item_of,
    make_cutover,
    person,
    sign,
    view_of,
)
from tests.checklists.views.pages import Page, markup_of, words_of
from tests.cutover.accounts.totp import code_of

pytestmark = pytest.mark.django_db


def address(cutover: Cutover) -> str:
    return reverse("gate", args=[cutover.slug, "go"])


def filled(cutover: Cutover, **said: Any) -> dict[str, Any]:
    form = {
        "seat": "technical",
        "decision": "GO",
        "reason": "",
        "password": PASSWORD,
        "digest": view_of(cutover, "go").gate.digest,
        "nonce": str(uuid.uuid4()),
    }
    return form | said


def signed(client, cutover: Cutover, **said: Any):
    return client.post(reverse("gate-sign", args=[cutover.slug, "go"]), filled(cutover, **said), follow=True)


# ── what it says ────────────────────────────────────────────────────────────


def test_a_gate_without_its_evidence_says_what_is_missing_first(browser_of) -> None:
    page = Page(browser_of("efua").get(address(make_cutover())))
    assert page.state == "BLOCKED"
    assert page.states("fact-") == {"look": "bad"}
    assert "Cannot be signed yet. 1.2 Look at it" in page["state-line"].words
    assert "sign-form" not in page


def test_evidence_with_a_warning_is_amber_and_blocks_nothing(browser_of) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", facts={"warnings": ["Of 600 requests 31 % reach it, and 20 % were set."]})
    ama = browser_of("ama")
    page = Page(ama.get(address(cutover)))
    assert page.states("fact-") == {"look": "warned"}
    assert page.state == "READY"
    row = ama.get(reverse("runbook", args=[cutover.slug])).content.decode()
    item = ama.get(item_of(cutover, "look").get_absolute_url()).content.decode()
    assert [text.count("data-warned") for text in (row, item)] == [1, 1]
    assert [text.count("state-warned") for text in (row, item)] == [1, 2], "amber, the attempt too"
    assert "31 % reach it" in item
    ended(cutover, "look", facts={"warnings": []})
    assert Page(ama.get(address(cutover))).states("fact-") == {"look": "ok"}


def test_a_gate_with_its_evidence_waits_for_signatures(browser_of) -> None:
    cutover = make_cutover("looked")
    response = browser_of("efua").get(address(cutover))
    page = Page(response)
    assert (page.state, page["live"].attributes["data-signed"]) == ("READY", "0")
    assert page["live"].attributes["data-needed"] == "2"
    assert page.states("seat-") == {"technical": "OPEN", "data": "OPEN", "finance": "OPEN"}
    assert page.states("fact-") == {"look": "ok"}
    assert "It waits for you, too." in page["state-line"].words
    assert "Required by 2.1 Change it" in page["live"].words
    assert view_of(cutover, "go").gate.digest in markup_of(response)


def test_a_gate_says_what_a_go_allows_at_the_top_and_beside_the_decision(browser_of) -> None:
    page = Page(browser_of("efua").get(address(make_cutover("looked"))))
    assert page["gate-opens"].words == "A go allows: The change may begin."
    assert page["sign-opens"].words == page["gate-opens"].words
    passed = Page(browser_of("yaw").get(address(make_cutover("signed"))))
    assert passed["gate-opens"].words == page["gate-opens"].words
    assert "sign-opens" not in passed


def test_the_text_of_what_a_go_allows_is_escaped_and_optional(browser_of) -> None:
    cutover = make_cutover("looked")
    with by_hand():
        cutover.items.filter(key="go").update(opens="<script>alert(1)</script> [x](javascript:alert(1))")
    page = browser_of("efua").get(address(cutover)).content.decode()
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt; [x](javascript:alert(1))") == 2
    with by_hand():
        cutover.items.filter(key="go").update(opens="")  # opened before gates kept this text
    assert "gate-opens" not in Page(browser_of("efua").get(address(cutover)))


def test_a_gate_of_the_rollback_says_what_a_go_allows(browser_of) -> None:
    gate = """\
      - {key: go-back, title: Go back?, kind: gate, owner: lead, needs: [restore], seats: [technical],
         quorum: 1, evidence: [{item: restore}], opens: The data of tonight is replaced.}
"""
    cutover = make_cutover("signed", text=RUNBOOK + gate)
    services.order_rollback(cutover=cutover, by=person("ama"), reason="the totals are off")
    ended(cutover, "restore")
    page = Page(browser_of("efua").get(reverse("gate", args=[cutover.slug, "go-back"])))
    assert "The data of tonight is replaced." in page["gate-opens"].words
    assert "The data of tonight is replaced." in page["sign-opens"].words


def test_nothing_is_chosen_beforehand(browser_of) -> None:
    page = markup_of(browser_of("efua").get(address(make_cutover("looked"))))
    assert 'id="decision-GO"' in page
    assert " checked" not in page


def test_a_passed_gate_says_when(browser_of) -> None:
    page = Page(browser_of("yaw").get(address(make_cutover("signed"))))
    assert page.state == "DONE"
    assert page.states("seat-") == {"technical": "GO", "data": "OPEN", "finance": "GO"}
    assert "Passed" in page["state-line"].words
    assert "Efua" in page["seat-technical"].words


def test_a_no_go_is_said_first_with_its_reason(browser_of) -> None:
    cutover = make_cutover("looked")
    sign(cutover, "efua", "technical", Decision.NO_GO, "The disk is full")
    page = Page(browser_of("ama").get(address(cutover)))
    assert (page.state, page["seat-technical"].state) == ("NO_GO", "NO_GO")
    assert re.search(r"No-go by Efua, .*: “The disk is full”", page["state-line"].words)


def test_a_signature_that_no_longer_counts_says_which_fact_did_it(browser_of) -> None:
    cutover = make_cutover("signed_once")
    ended(cutover, "look", facts={"seen": 99})
    page = words_of(browser_of("ama").get(address(cutover)))
    assert "Efua's go of" in page
    assert "1.2 Look at it changed: “saw it (1)” → “saw it (2)”." in page


def test_evidence_that_is_too_old_says_how_old_and_asks_for_a_new_one(browser_of) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", ago=timedelta(minutes=47))
    page = Page(browser_of("efua").get(address(cutover)))
    assert page.states("fact-") == {"look": "stale"}
    assert "47 min old; this gate asks for less than 30 min. Do it again." in page["state-line"].words
    assert "asks for less than 30 min: do it again" in page["fact-look"].words


def test_the_person_who_started_the_work_is_told_that_someone_else_signs(browser_of) -> None:
    cutover = make_cutover("announced")
    services.add_member(
        cutover=cutover, person=person("ama"), part=MemberPart.LEAD, seats=["data"], by=admin()
    )
    ended(cutover, "look")
    page = words_of(browser_of("ama").get(address(cutover)))
    assert "You started 1.2 Look at it, so someone else has to approve it (four eyes)." in page


def test_the_evidence_opens_down_to_its_facts(browser_of) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", facts={"migrations": [{"name": "init", "checksum": "a" * 64}]})
    page = markup_of(browser_of("efua").get(address(cutover)))
    assert "a" * 64 in page
    assert '<td data-label="name"> init </td>' in page


@pytest.mark.parametrize("who", ["ama", "yaw"])
def test_a_person_who_may_not_sign_gets_no_form(browser_of, who: str) -> None:
    assert "sign-form" not in markup_of(browser_of(who).get(address(make_cutover("looked"))))


def test_a_stranger_gets_404_and_a_visitor_the_sign_in_page(browser_of, client) -> None:
    cutover = make_cutover("looked")
    person("stranger")
    assert browser_of("stranger").get(address(cutover)).status_code == 404
    assert signed(browser_of("stranger"), cutover).status_code == 404
    assert client.get(address(cutover)).url.startswith("/accounts/login/")
    assert client.post(reverse("gate-sign", args=[cutover.slug, "go"])).status_code == 302


def test_htmx_gets_the_part_that_changes(browser_of) -> None:
    page = markup_of(browser_of("efua", htmx=True).get(address(make_cutover("looked"))))
    assert page.startswith('<div id="live"')


def test_an_item_that_is_no_gate_has_no_gate_page(browser_of) -> None:
    cutover = make_cutover("looked")
    ama = browser_of("ama")
    response = ama.get(reverse("gate", args=[cutover.slug, "look"]))
    assert response.url == reverse("item", args=[cutover.slug, "look"])
    assert ama.post(reverse("gate-sign", args=[cutover.slug, "look"])).status_code == 404


# ── signing ─────────────────────────────────────────────────────────────────


def test_signing_with_the_password_counts(browser_of) -> None:
    cutover = make_cutover("looked")
    response = signed(browser_of("efua"), cutover, reason="I read it")
    assert "Signed." in markup_of(response)
    sign_off = SignOff.objects.get()
    assert (sign_off.person.username, sign_off.seat, sign_off.reason) == ("efua", "technical", "I read it")


def test_the_same_form_sent_twice_signs_once(browser_of) -> None:
    cutover = make_cutover("looked")
    form, efua = filled(cutover), browser_of("efua")
    for _ in range(2):
        response = efua.post(reverse("gate-sign", args=[cutover.slug, "go"]), form, follow=True)
        assert "Signed." in markup_of(response)
    assert SignOff.objects.count() == 1


def test_a_wrong_password_keeps_what_was_written_but_itself(browser_of) -> None:
    cutover = make_cutover("looked")
    response = signed(
        browser_of("efua"),
        cutover,
        password="wrong one",
        reason="I read all of it",
        decision="NO_GO",
        seat="data",
    )
    page = markup_of(response)
    assert response.status_code == 422
    assert "that is not right" in Page(response)["sign-problem"].words
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
    response = signed(efua, cutover, reason="still here")
    assert "too many tries were wrong" in Page(response)["sign-problem"].words
    assert "still here</textarea>" in markup_of(response)
    assert not SignOff.objects.exists()


def test_a_no_go_needs_a_reason(browser_of) -> None:
    cutover = make_cutover("looked")
    response = signed(browser_of("efua"), cutover, decision="NO_GO", reason="  ")
    assert "a no-go needs one" in markup_of(response)
    signed(browser_of("efua"), cutover, decision="NO_GO", reason="the disk is full")
    assert SignOff.objects.get().decision == Decision.NO_GO


def test_when_the_evidence_changed_nothing_is_signed_and_nothing_is_lost(browser_of) -> None:
    cutover = make_cutover("looked")
    before = filled(cutover, reason="I read the old one")
    ended(cutover, "look", facts={"seen": 2})
    efua = browser_of("efua")
    response = efua.post(reverse("gate-sign", args=[cutover.slug, "go"]), before)
    page = markup_of(response)
    assert "The evidence changed while you were reading it." in page
    assert "I read the old one</textarea>" in page
    assert not SignOff.objects.exists()
    again = response.context["form"].data
    assert again["digest"] == view_of(cutover, "go").gate.digest != before["digest"]
    efua.post(reverse("gate-sign", args=[cutover.slug, "go"]), {**again, "password": PASSWORD})
    assert SignOff.objects.get().reason == "I read the old one"


def test_a_wrong_password_on_old_evidence_does_not_slip_the_new_evidence_under(browser_of) -> None:
    cutover = make_cutover("looked")
    before = filled(cutover, password="wrong")
    ended(cutover, "look", facts={"seen": 2})
    page = markup_of(browser_of("efua").post(reverse("gate-sign", args=[cutover.slug, "go"]), before))
    assert "The evidence changed" in page


def test_a_person_who_may_no_longer_sign_gets_their_text_back(browser_of) -> None:
    cutover = make_cutover("looked")
    before = filled(cutover, reason="A long thought")
    sign(cutover, "kofi", "data")
    sign(cutover, "efua", "technical")
    response = browser_of("efua").post(reverse("gate-sign", args=[cutover.slug, "go"]), before)
    page = Page(response)
    assert response.status_code == 422
    assert "A long thought" in page["unsigned"].words
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
def test_invalid_input_is_explained_and_never_a_server_error(browser_of, said) -> None:
    cutover = make_cutover("looked")
    form = {"reason": "kept"} | said
    response = signed(browser_of("efua"), cutover, **form)
    assert response.status_code == 422
    assert "Nothing was signed." in Page(response)["sign-problem"].words
    assert f"{form['reason'][:50]}" in response.content.decode()
    assert len(response.content) < 100_000 + len(form["reason"])
    assert not SignOff.objects.exists()


def test_an_empty_form_is_answered_in_words(browser_of) -> None:
    cutover = make_cutover("looked")
    response = browser_of("efua").post(reverse("gate-sign", args=[cutover.slug, "go"]), {})
    assert response.status_code == 422
    assert "choose go or no-go" in markup_of(response)


def test_after_a_broken_form_the_next_one_can_be_signed(browser_of) -> None:
    cutover = make_cutover("looked")
    efua = browser_of("efua")
    response = signed(efua, cutover, nonce="broken", digest="broken")
    again = response.context["form"].data | {"password": PASSWORD}
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
def test_a_person_without_a_seat_cannot_post_a_signature(browser_of, who: str, status: int) -> None:
    cutover = make_cutover("looked")
    assert signed(browser_of(who), cutover).status_code == status
    assert not SignOff.objects.exists()


def test_a_get_of_the_form_address_leads_to_the_gate(browser_of) -> None:
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
    assert counts[0] == counts[1] <= 39


def test_a_person_without_password_or_code_signs_after_a_recent_sign_in(client) -> None:
    cutover = make_cutover("looked")
    efua = person("efua")
    efua.set_unusable_password()
    efua.save()
    client.force_login(efua)
    url = reverse("gate", args=[cutover.slug, "go"])
    assert 'name="password"' not in markup_of(client.get(url))
    gate = view_of(cutover, "go").gate
    given = {"seat": "technical", "decision": "GO", "digest": gate.digest, "nonce": str(uuid.uuid4())}
    sign_url = reverse("gate-sign", args=[cutover.slug, "go"])
    assert "Your sign-in is older than five minutes" in markup_of(client.post(sign_url, given))
    session = client.session
    session["identity_proven_at"] = [efua.pk, int(time.time())]
    session.save()
    client.post(sign_url, given)
    assert view_of(cutover, "go").gate.given == 1


def test_a_code_of_the_authenticator_signs_and_a_used_or_wrong_one_does_not(client) -> None:
    cutover = make_cutover("looked")
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(person("efua"), secret)
    client.force_login(person("efua"))
    gate = view_of(cutover, "go").gate
    given = {"seat": "technical", "decision": "GO", "digest": gate.digest}
    sign_url = reverse("gate-sign", args=[cutover.slug, "go"])
    code = code_of(secret)
    wrong = f"{(int(code) + 500_000) % 1_000_000:06}"
    refused = client.post(sign_url, given | {"nonce": str(uuid.uuid4()), "password": wrong})
    assert "sign-problem" in Page(refused)
    assert not SignOff.objects.exists()
    client.post(sign_url, given | {"nonce": str(uuid.uuid4()), "password": code})
    assert view_of(cutover, "go").gate.given == 1
    again = client.post(sign_url, given | {"nonce": str(uuid.uuid4()), "password": code})
    assert "sign-problem" in Page(again)
    assert SignOff.objects.count() == 1


# ── one's own state, gaps, dissent ───────────────────────────────────────────


def test_a_person_who_signed_reads_so_and_for_whom_the_gate_waits(browser_of) -> None:
    line = Page(browser_of("efua").get(address(make_cutover("signed_once"))))["state-line"].words
    assert re.search(r"1 of 2 signed\. You signed .*\. Waiting for Kofi\.", line)


def test_each_skip_is_red_and_has_a_box_of_its_own(browser_of) -> None:
    cutover = make_cutover()
    services.skip_item(item=item_of(cutover, "announce"), by=person("ama"), reason="no time")
    services.skip_item(item=item_of(cutover, "look"), by=person("ama"), reason="no moon")
    efua = browser_of("efua")
    page = Page(efua.get(address(cutover)))
    assert page.states("fact-") == {"look": "gap"}
    assert page.states("gap-") == {"announce": "gap"}
    assert "accept-look" in page
    refused = signed(efua, cutover, accepted_gaps="look")
    assert refused.status_code == 422
    assert "1.1 Announce it was skipped" in Page(refused)["sign-problem"].words
    assert 'id="accept-look" value="look" checked' in markup_of(refused)
    signed(efua, cutover, accepted_gaps=["look", "announce"])
    assert SignOff.objects.get().accepted_gaps == ["announce", "look"]


def test_a_no_go_is_answered_and_stays_beside_the_pass(browser_of) -> None:
    cutover = make_cutover("looked", rehearsal_quorum=1)
    no_go = sign(cutover, "efua", "technical", Decision.NO_GO, "The disk is full")
    kofi = browser_of("kofi")
    page = Page(kofi.get(address(cutover)))
    assert page[f"dissent-{no_go.pk}"].state == "STANDS"
    assert f"end-no-go-{no_go.pk}" not in Page(browser_of("ama").get(address(cutover)))
    to = reverse("no-go-answer", args=[cutover.slug, "go", no_go.pk])
    short = kofi.post(to, {"text": "It is not.", "password": PASSWORD})
    assert short.status_code == 422
    assert "at least 20 characters" in markup_of(short)
    said = "We doubled the disk, it is 40 % full now."
    assert "password" in markup_of(kofi.post(to, {"text": said, "password": "wrong"}))
    kofi.post(to, {"text": said, "password": PASSWORD})
    sign(cutover, "kofi", "finance")
    page = Page(browser_of("yaw").get(address(cutover)))
    assert page.state == "DONE"
    assert page[f"dissent-{no_go.pk}"].state == "ANSWERED"
    assert said in page[f"dissent-{no_go.pk}"].words


def test_a_no_go_is_withdrawn_by_its_giver_only(browser_of) -> None:
    cutover = make_cutover("looked")
    no_go = sign(cutover, "efua", "technical", Decision.NO_GO, "The disk is full")
    to = reverse("no-go-withdraw", args=[cutover.slug, "go", no_go.pk])
    given = {"text": "It is larger now.", "password": PASSWORD}
    assert browser_of("kofi").post(to, given).status_code == 422
    assert browser_of("efua").post(to, given).status_code == 302
    assert Page(browser_of("ama").get(address(cutover)))[f"dissent-{no_go.pk}"].state == "WITHDRAWN"
    missing = reverse("no-go-withdraw", args=[cutover.slug, "go", 10**18])
    assert browser_of("efua").post(missing, given).status_code == 404


def test_a_void_shows_each_changed_fact_with_both_values(browser_of) -> None:
    cutover = make_cutover("signed_once")
    ended(cutover, "look", facts={"seen": 99})
    page = browser_of("ama").get(address(cutover)).content.decode()
    assert "<code>1.2 seen</code>: <del>1</del> → <ins>99</ins>" in page


def test_a_start_that_could_void_signatures_says_so_beforehand(browser_of) -> None:
    cutover = make_cutover("looked")
    ama, item = browser_of("ama"), item_of(cutover, "look").get_absolute_url()
    assert "signed-gates" not in Page(ama.get(item))
    sign(cutover, "efua", "technical")
    assert "1.3 Change it? is signed by Efua" in Page(ama.get(item))["signed-gates"].words


def test_a_queued_attempt_names_what_holds_its_resource_and_whom_to_ask(browser_of) -> None:
    other, cutover = make_cutover("announced"), make_cutover("announced")
    ended(other, "look", AttemptStatus.UNKNOWN, resource="services:plat1")
    ended(cutover, "look", AttemptStatus.QUEUED, resource="services:plat1")
    held = Page(browser_of("ama").get(item_of(cutover, "look").get_absolute_url()))["resource-holder"]
    assert held.state == "UNKNOWN"
    assert "1.2 Look at it of “Sample” (attempt #1) holds services:plat1." in held.words
    assert "Ask Ama." in held.words


# ── the question, marks by meaning, and what changed ─────────────────────────


def test_the_question_comes_first_then_the_evidence_then_the_form(browser_of) -> None:
    cutover = make_cutover("looked")
    with by_hand():
        cutover.items.filter(key="go").update(how="Ask yourself: is it night?")
    page = markup_of(browser_of("efua").get(address(cutover)))
    places = [
        page.index(f'id="{name}"') for name in ("state-line", "question", "evidence-title", "sign-form")
    ]
    assert places == sorted(places)
    assert page.count("Ask yourself: is it night?") == 1


@pytest.mark.parametrize(
    ("who", "at", "state", "has_bar"),
    [
        ("efua", "looked", "asked", True),
        ("efua", "signed_once", "signed", True),
        ("kofi", "signed_once", "asked", True),
        ("yaw", "signed_once", "watching", True),
        ("efua", "signed", "signed", False),
        ("efua", "announced", "watching", True),
    ],
)
def test_each_person_reads_how_the_gate_stands_for_them(
    browser_of, who: str, at: str, state: str, has_bar: bool
) -> None:
    page = Page(browser_of(who).get(address(make_cutover(at))))
    assert page.states("my-st").get("ate", "watching") == state
    assert ("sign-bar" in page) == has_bar
    assert not has_bar or page["sign-bar"].state == state


def test_ones_own_no_go_counts_and_is_no_tick(browser_of) -> None:
    cutover = make_cutover("looked")
    sign(cutover, "efua", "technical", Decision.NO_GO, "The disk is full.")
    page = Page(browser_of("efua").get(address(cutover)))
    assert page["my-state"].state == "no-go"
    assert "You said no-go" in page["sign-bar"].words
    assert "“The disk is full.” – it stands" in page["state-line"].words


def test_a_warning_in_the_evidence_is_read_before_it_is_signed(browser_of) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", facts={"warnings": ["It is a new moon."]})
    fact = markup_of(browser_of("efua").get(address(cutover))).partition('id="fact-look"')[2]
    assert "It is a new moon." in fact.partition("<details")[0]


def test_who_signed_what_changed_since_is_asked_again(browser_of) -> None:
    cutover = make_cutover("signed_once")
    ended(cutover, "look", facts={"seen": "something else"})
    assert Page(browser_of("efua").get(address(cutover)))["my-state"].state == "asked again"


def test_an_action_that_judges_nothing_gets_no_green_tick(browser_of, monkeypatch) -> None:
    cutover = make_cutover("looked")
    assert Page(browser_of("efua").get(address(cutover)))["fact-look"].state == "ok"
    monkeypatch.setattr(type(registry()["sample.look"]), "is_check", False)
    assert Page(browser_of("efua").get(address(cutover)))["fact-look"].state == "seen"


def seen_later(cutover: Cutover, name: str) -> None:
    """The person left the page an hour ago."""
    GateLook.objects.filter(person=person(name), gate__cutover=cutover).update(
        at=database_now() - timedelta(hours=1)
    )


def test_who_comes_back_is_told_what_changed_since_their_last_look(browser_of) -> None:
    cutover, efua = make_cutover("looked"), browser_of("efua")
    assert "changed" not in Page(efua.get(address(cutover))), "the first look has nothing before it"
    sign(cutover, "kofi", "finance")
    assert "changed" not in Page(efua.get(address(cutover))), "who stays sees it happen"
    seen_later(cutover, "efua")
    assert Page(efua.get(address(cutover)))["changed"].state == "same"
    seen_later(cutover, "efua")
    ended(cutover, "look", facts={"seen": 1}, summary="saw it (1)")
    told = Page(efua.get(address(cutover)))["changed"]
    assert told.state == "changed"
    assert "1.2 Look at it was done again (try 1 → 2); the result is unchanged." in told.words
    seen_later(cutover, "efua")
    ended(cutover, "look", facts={"seen": 9}, summary="saw another")
    again = Page(efua.get(address(cutover)))["changed"].words
    assert "“saw another” Before: “saw it (1)”" in again
    assert "The go of Kofi (Finance) no longer counts." in again
    assert Page(efua.get(address(cutover)))["changed"].words == again, "it stays while the page is open"
    assert "changed" not in Page(browser_of("kofi").get(address(cutover))), (
        "each person has looks of their own"
    )


def test_what_a_person_who_only_watches_saw_is_kept_masked(browser_of) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", summary="a value of a row", action="sql.check")
    browser_of("yaw").get(address(cutover))
    assert "a value of a row" not in str(GateLook.objects.get(person=person("yaw")).seen)
    browser_of("efua").get(address(cutover))
    assert "a value of a row" in str(GateLook.objects.get(person=person("efua")).seen)
