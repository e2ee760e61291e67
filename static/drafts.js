// What people type is kept in this tab until it is sent: a session that ends in between loses nothing.
// Passwords, and what has to be typed by hand each time, are never kept.
(() => {
  "use strict";
  const PREFIX = "draft ";
  const ENDED = "a session ended";
  const FIELDS = "textarea[name], input[type=text][name]:not([autocomplete=off])";
  const person = document.body.dataset.person ?? "";
  const isSignIn = location.pathname.startsWith("/accounts/");
  const here = PREFIX + location.pathname;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const keys = () => Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX));
  const read = (key) => JSON.parse(sessionStorage.getItem(key) ?? '{"forms": {}, "sent": []}');
  const write = (key, draft) => {
    if (Object.keys(draft.forms).length) sessionStorage.setItem(key, JSON.stringify(draft));
    else sessionStorage.removeItem(key);
  };
  const nameOf = (form) => form.id || form.getAttribute("action");
  const forms = () => all("main form[method=post]");

  const keep = (form) => {
    const typed = all(FIELDS, form).filter((field) => field.value.trim()).map((field) => [field.name, field.value]);
    const draft = { ...read(here), person };
    if (typed.length) draft.forms[nameOf(form)] = Object.fromEntries(typed);
    else delete draft.forms[nameOf(form)];
    draft.sent = draft.sent.filter((name) => name !== nameOf(form));
    write(here, draft);
  };

  const wasRefused = (form) => document.querySelector("#notices .notice-error") || form.querySelector("[role=alert]");

  // ── while people type, and when they send it ──────────────────────────────
  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("main form[method=post]");
    if (form && !isSignIn && event.target.matches(FIELDS)) keep(form);
  });
  document.addEventListener("submit", (event) => {
    const draft = read(here);
    if (isSignIn || event.target.matches("[hx-post]") || !(nameOf(event.target) in draft.forms)) return;
    write(here, { ...draft, sent: [...draft.sent, nameOf(event.target)] }); // the next page says whether it came
  });
  document.addEventListener("htmx:after:swap", (event) => {
    const sent = event.detail.ctx?.sourceElement;
    if (!sent?.matches?.("form[method=post]")) return;
    const shown = forms().find((form) => nameOf(form) === nameOf(sent));
    const draft = read(here);
    if (shown && wasRefused(shown)) return keep(shown);
    // It was done: the same text must not be sent a second time by accident.
    shown?.reset();
    if (shown?.parentElement.matches("details.ask")) shown.parentElement.open = false;
    delete draft.forms[nameOf(sent)];
    return write(here, draft);
  });

  // ── after the session ended ───────────────────────────────────────────────
  const say = (text) => {
    const notice = document.createElement("div");
    notice.className = "notice";
    notice.setAttribute("role", "status");
    notice.append(Object.assign(document.createElement("p"), { textContent: text }));
    document.querySelector("#notices")?.append(notice);
  };
  const putBack = (form, typed) => {
    const empty = all(FIELDS, form).filter((field) => field.name in typed && !field.value.trim());
    for (const field of empty) {
      field.value = typed[field.name];
      for (let around = field; (around = around.parentElement?.closest("details")); ) around.open = true;
    }
    return empty.length > 0;
  };
  const restore = () => {
    const draft = read(here);
    if (draft.person !== person) return sessionStorage.removeItem(here); // somebody else signed in
    const found = forms().filter((form) => nameOf(form) in draft.forms);
    const restored = found.filter((form) => putBack(form, draft.forms[nameOf(form)]));
    if (!found.length) return undefined;
    sessionStorage.removeItem(ENDED);
    write(here, { ...draft, sent: [] });
    if (restored.length) say("What you had typed before your session ended is back in its field. It was not sent.");
    return undefined;
  };
  const forgetSent = () => {
    for (const key of keys()) {
      const draft = read(key);
      draft.sent.forEach((name) => delete draft.forms[name]);
      write(key, { ...draft, sent: [] });
    }
    forms().forEach((form) => { if (all(FIELDS, form).some((field) => field.value.trim())) keep(form); });
  };
  if (isSignIn && !person && keys().length) {
    sessionStorage.setItem(ENDED, "yes");
    say("What you had typed is kept in this browser. It is there again when you have signed in.");
  } else if (!isSignIn && sessionStorage.getItem(ENDED)) {
    restore();
  } else if (!isSignIn) {
    forgetSent();
  }
})();
