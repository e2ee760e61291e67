// What the pages need beyond htmx: ages that count on, how old the page is, the live log,
// and that nothing moves under the pointer. Every button works without this file.
(() => {
  "use strict";
  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // ── ages ──────────────────────────────────────────────────────────────────
  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const oneUnit = (seconds) => {
    const [size, unit] = UNITS.find(([size]) => seconds >= size) ?? [1, "s"];
    return `${Math.floor(seconds / size)} ${unit}`;
  };
  const twoUnits = (seconds) => {
    const at = UNITS.findIndex(([size]) => seconds >= size);
    if (at < 0) return "0 s";
    return UNITS.slice(at, at + 2)
      .map(([size, unit], i) => [Math.floor((i ? seconds % UNITS[at][0] : seconds) / size), unit])
      .filter(([n]) => n).map(([n, unit]) => `${n} ${unit}`).join(" ");
  };
  const since = (iso) => Math.round((Date.now() + skew - Date.parse(iso)) / 1000);
  const ago = (seconds) => Math.abs(seconds) < 5 ? "now" : seconds > 0 ? `${oneUnit(seconds)} ago` : `in ${oneUnit(-seconds)}`;
  let skew = 0; // the server's clock minus this one's, from the Date of its answers
  const say = (element, text) => { if (element && element.textContent !== text) element.textContent = text; };
  const countOn = () => {
    all("time[datetime] [data-age]").forEach((e) => say(e, ago(since(e.closest("time").dateTime))));
    all("[data-since]").forEach((e) => say(e, ago(since(e.dataset.since))));
    all("[data-running]").forEach((e) => say(e, twoUnits(Math.max(0, since(e.dataset.running)))));
  };

  // ── how old is what we see ────────────────────────────────────────────────
  let heard = performance.now();
  let ended = "";
  const updated = () => {
    const mark = find("[data-updated]");
    if (!mark) return;
    const age = Math.round((performance.now() - heard) / 1000);
    const lost = Boolean(ended) || age > 20;
    mark.classList.toggle("is-old", lost);
    say(mark, ended || (lost ? `Not connected: this is ${twoUnits(age)} old` : `updated ${age} s ago`));
    document.body.classList.toggle("is-old", lost);
  };
  const fresh = (age = 0) => { heard = performance.now() - age * 1000; };
  document.addEventListener("alive", (event) => fresh(JSON.parse(event.detail?.data || "{}").age ?? 0));
  document.addEventListener("bye", (event) => {
    ended = `${event.detail?.data || "The stream ended."} Reload the page.`;
    updated();
  });
  setInterval(() => { countOn(); updated(); }, 1000);

  // ── forms: the address is the form's own ──────────────────────────────────
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    const form = ctx.sourceElement;
    if (form.matches?.('form[hx-post=""]')) ctx.request.action = form.getAttribute("action");
  });
  const notice = (text) => {
    const one = find("#notice-failed").content.cloneNode(true);
    find("p", one).textContent = text;
    find("#notices").replaceChildren(one);
  };
  const WHY = {
    403: "You may not do that here, or this page is too old. Nothing was changed. Reload the page.",
    404: "That is no longer there, or not yours to see. Reload the page.",
  };
  document.addEventListener("htmx:response:error", (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceElement.id === "stream") return;
    notice(WHY[ctx.response.status] ?? `The panel answered ${ctx.response.status}. It is not certain whether that was done: reload the page and look.`);
  });
  document.addEventListener("htmx:error", (event) => {
    const ctx = event.detail.ctx;
    if (ctx?.request?.method === "POST") notice("The panel could not be reached. It is not certain whether that was done: when it is back, look before you try again.");
  });

  // ── nothing moves under the pointer, nobody loses their place ─────────────
  let pointer = null;
  document.addEventListener("pointermove", (event) => { pointer = event.pointerType === "mouse" ? [event.clientX, event.clientY] : null; }, { passive: true });
  document.addEventListener("pointerleave", () => { pointer = null; });
  let before = null;
  const signing = () => find('#sign-form input[name="digest"]')?.value; // what this form would sign; never morphed
  const under = () => (pointer ? document.elementFromPoint(...pointer) : null);
  const named = (element) => element?.closest?.("#live [id]") ?? null;
  document.addEventListener("htmx:before:swap", (event) => {
    const focus = document.activeElement;
    const source = event.detail.ctx?.sourceElement; // a button that was pressed is disabled now, and has lost its focus
    const place = named(focus) ?? (source?.matches?.("form, a") ? named(source) : null);
    const anchor = named(under()) ?? place;
    before = { anchor: anchor?.id, top: anchor?.getBoundingClientRect().top, focus: place?.id, thing: under() };
    if (event.detail.ctx?.request?.method === "GET" && event.detail.ctx?.sourceElement?.id === "live") fresh();
  });
  document.addEventListener("htmx:after:swap", (event) => {
    const date = event.detail.ctx?.response?.headers?.get?.("Date");
    if (date) skew = Math.abs(Date.parse(date) - Date.now()) > 2000 ? Date.parse(date) - Date.now() : 0;
    if (!before) return;
    const anchor = before.anchor && document.getElementById(before.anchor);
    if (anchor) scrollBy({ top: anchor.getBoundingClientRect().top - before.top, behavior: "instant" });
    if (document.activeElement === document.body && before.focus) {
      const home = document.getElementById(before.focus);
      (find("a, button, summary", home ?? document.createElement("i")) ?? home)?.focus?.({ preventScroll: true });
    }
    if (pointer && under() !== before.thing) settle();
    if (signing() && !all("#live .hash").some((hash) => hash.title === signing())) {
      notice("The evidence changed while you were reading. Look at it again, then reload the page to sign.");
    }
    before = null;
    countOn();
    wake();
    newLog();
  });
  let settling;
  const settle = () => { // something else is under the pointer now: a click on its way was not meant for it
    const live = find("#live");
    live?.classList.add("is-settling");
    clearTimeout(settling);
    settling = setTimeout(() => find("#live")?.classList.remove("is-settling"), 350);
  };

  // ── the live log ──────────────────────────────────────────────────────────
  const MOST = 2000;
  let follow = true;
  const log = () => find("#log[data-log]");
  document.addEventListener("log", (event) => {
    const list = log();
    if (!list) return;
    const lines = document.createElement("template");
    lines.innerHTML = event.detail?.data ?? "";
    const fresh = [...lines.content.children].filter((line) => !document.getElementById(line.id));
    list.append(...fresh);
    while (list.children.length > MOST) list.firstElementChild.remove();
    search();
    if (follow) list.scrollTop = list.scrollHeight;
  });
  const search = () => {
    const wanted = find("[data-log-search]")?.value.trim().toLowerCase() ?? "";
    for (const line of log()?.children ?? []) line.hidden = Boolean(wanted) && !line.textContent.toLowerCase().includes(wanted);
  };
  document.addEventListener("input", (event) => { if (event.target.matches?.("[data-log-search]")) search(); });

  // A new try has begun: its log is another stream, so the page is made anew, unless somebody is typing.
  const logOf = find("#live")?.dataset.logOf;
  const newLog = () => {
    const now = find("#live")?.dataset.logOf;
    if (logOf === undefined || now === logOf) return;
    const typing = all("#live textarea, #live input:not([type=hidden], [type=radio])").some((field) => field.value);
    if (!typing) location.reload();
    else notice("A new try has begun. Reload the page to see its log.");
  };

  // ── small things ──────────────────────────────────────────────────────────
  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest?.(selector);
    if (hit("[data-theme-toggle]")) window.cutoverTheme();
    if (hit("[data-dismiss]")) hit("[data-dismiss]").closest(".notice").remove();
    if (hit("[data-log-follow]")) {
      follow = !follow;
      hit("[data-log-follow]").setAttribute("aria-pressed", String(follow));
      if (follow && log()) log().scrollTop = log().scrollHeight;
    }
    if (hit("[data-log-copy]") && log()) {
      const text = [...log().children].map((line) => line.lastElementChild.textContent).join("\n");
      navigator.clipboard?.writeText(text).then(() => say(find("[data-log-copied]"), "Copied."));
    }
  });
  document.addEventListener("click", (event) => {
    const name = event.target.closest?.("[data-copy]")?.dataset.copy;
    const text = name && document.getElementById(name)?.textContent;
    if (text) navigator.clipboard?.writeText(text).then(() => say(find(`[data-copied="${name}"]`), "Copied."));
  });
  document.addEventListener("keydown", (event) => { // j and k: next and previous item, as in a mail program
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.("input, textarea, select")) return;
    if (event.key !== "j" && event.key !== "k") return;
    const titles = all(".line-title, .cover, .parity-tables td:first-child a, .row-card h3 a");
    if (!titles.length) find(`#live a[rel="${event.key === "j" ? "next" : "prev"}"]`)?.click(); // from row to row
    const at = titles.indexOf(document.activeElement.closest?.(".line")?.querySelector(".line-title") ?? document.activeElement);
    titles[Math.max(0, Math.min(titles.length - 1, at + (event.key === "j" ? 1 : -1)))]?.focus();
  });
  const wake = () => all("[data-theme-toggle][hidden], [data-dismiss][hidden], [data-log-tools][hidden]").forEach((e) => { e.hidden = false; });
  wake();
  countOn();
  updated();
  if (log()) log().scrollTop = log().scrollHeight;
})();
