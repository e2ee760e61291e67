// What the pages need beyond htmx: ages that stay current, how old the page is, the live log,
// and that nothing moves under the pointer. Every button works without this file.
(() => {
  "use strict";
  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const setText = (element, text) => {
    if (element && element.textContent !== text) element.textContent = text;
  };

  // ── ages ──────────────────────────────────────────────────────────────────
  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const inOneUnit = (seconds) => {
    const [size, unit] = UNITS.find(([size]) => seconds >= size) ?? [1, "s"];
    return `${Math.floor(seconds / size)} ${unit}`;
  };
  const inTwoUnits = (seconds) => {
    const first = UNITS.findIndex(([size]) => seconds >= size);
    if (first < 0) return "0 s";
    return UNITS.slice(first, first + 2)
      .map(([size, unit], i) => [Math.floor((i ? seconds % UNITS[first][0] : seconds) / size), unit])
      .filter(([number]) => number)
      .map(([number, unit]) => `${number} ${unit}`)
      .join(" ");
  };
  const ago = (seconds) => {
    if (Math.abs(seconds) < 5) return "now";
    return seconds > 0 ? `${inOneUnit(seconds)} ago` : `in ${inOneUnit(-seconds)}`;
  };
  let clockSkew = 0; // milliseconds: the server's clock minus this one's, from the Date of its answers
  const secondsSince = (iso) => Math.round((Date.now() + clockSkew - Date.parse(iso)) / 1000);
  const updateAges = () => {
    all("time[datetime] [data-age]").forEach((e) => setText(e, ago(secondsSince(e.closest("time").dateTime))));
    all("[data-since]").forEach((e) => setText(e, ago(secondsSince(e.dataset.since))));
    all("[data-running]").forEach((e) => setText(e, inTwoUnits(Math.max(0, secondsSince(e.dataset.running)))));
  };

  // ── times in the reader's own zone ────────────────────────────────────────
  const showReaderClocks = () => {
    const today = new Date().toDateString();
    all("time[data-reader-clock]").forEach((e) => {
      const at = new Date(e.dateTime);
      const day = at.toDateString() === today ? {} : { day: "numeric", month: "short" };
      setText(e, at.toLocaleString("en-GB", { hour: "2-digit", minute: "2-digit", ...day }));
    });
  };

  // ── what time it is: in the cutover's zone, and beside it in the reader's where that differs ──
  const hourIn = (zone) => {
    const at = new Date(Date.now() + clockSkew);
    try {
      return at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone });
    } catch {
      return ""; // a zone that this browser does not know: the server's text stays
    }
  };
  const showNow = () => {
    all("[data-now]").forEach((e) => setText(e, hourIn(e.dataset.zone) || e.textContent));
    all("[data-yours]").forEach((e) => {
      const here = hourIn(undefined);
      e.hidden = here === (hourIn(e.dataset.zone) || here);
      setText(e, `yours ${here}`);
    });
  };

  // ── how old the page is ───────────────────────────────────────────────────
  const LOST_AFTER = 20; // seconds without news from the stream
  let lastNewsAt = performance.now();
  let databaseAwaySince = ""; // a time of day, while the panel's database does not answer
  let streamEnded = ""; // the reason, once the server has closed the stream for good
  let streamRefused = ""; // the reason while the server gives this page no stream
  const markFresh = (age = 0) => { lastNewsAt = performance.now() - age * 1000; };
  const showFreshness = () => {
    const mark = find("[data-updated]");
    if (!mark) return;
    const age = Math.round((performance.now() - lastNewsAt) / 1000);
    const lost = Boolean(streamEnded || streamRefused || databaseAwaySince) || age > LOST_AFTER;
    let text = lost ? `Not connected: this is ${inTwoUnits(age)} old` : `updated ${age} s ago`;
    if (databaseAwaySince) {
      text = `Not updated for ${inTwoUnits(age)}: the panel’s database does not answer since ${databaseAwaySince}`;
    }
    setText(mark, streamEnded || streamRefused || text);
    mark.classList.toggle("is-old", lost);
    document.body.classList.toggle("is-old", lost);
  };
  document.addEventListener("away", (event) => {
    databaseAwaySince = JSON.parse(event.detail?.data || "{}").since ?? "";
    showFreshness();
  });
  document.addEventListener("alive", (event) => {
    streamRefused = databaseAwaySince = "";
    markFresh(JSON.parse(event.detail?.data || "{}").age ?? 0);
  });
  document.addEventListener("bye", (event) => {
    streamEnded = `${event.detail?.data || "The stream ended."} Reload the page.`;
    showFreshness();
  });
  setInterval(() => { updateAges(); showNow(); showFreshness(); }, 1000);

  // The extension reconnects a stream that breaks off, but gives up when the first request fails.
  let failedConnections = 0;
  document.addEventListener("htmx:finally:request", (event) => {
    const source = event.detail.ctx.sourceElement;
    if (source.id !== "stream" || source._htmx?.sse || streamEnded) return;
    const delay = Math.min(30, 2 ** failedConnections++) * (0.5 + Math.random()); // seconds
    setTimeout(() => htmx.trigger(source, "connect"), delay * 1000);
  });

  // ── forms: htmx posts to the form's own address ───────────────────────────
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    const form = ctx.sourceElement;
    if (form.matches?.('form[hx-post=""]')) ctx.request.action = form.getAttribute("action");
    if (!form.matches?.("form")) return;
    sentFromId = nearestWithId(form)?.id ?? "";
    ctx.formNumber = ++formsSent;
  });
  // Answers may come in another order than their forms were sent. What the later form was told, such as a
  // refusal, stays in sight when the answer to an earlier one brings its own notice.
  let formsSent = 0;
  let lastAnswered = 0;
  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx } = event.detail;
    if (!ctx?.formNumber) return;
    if (ctx.formNumber < lastAnswered) ctx.laterNotices ??= all("#notices > .notice");
    lastAnswered = Math.max(lastAnswered, ctx.formNumber);
  });
  document.addEventListener("htmx:finally:request", (event) => {
    const text = (notice) => find("p", notice).textContent;
    const shown = new Set(all("#notices > .notice").map(text)); // the later answer may have brought it, too
    const kept = event.detail.ctx?.laterNotices?.filter((notice) => !shown.has(text(notice)));
    kept?.forEach((notice) => find("#notices").append(notice));
  });
  // Where a form was sent from, until its answer is shown: the stream may have replaced the form by then.
  let sentFromId = "";
  document.addEventListener("htmx:finally:request", (event) => {
    if (event.detail.ctx.sourceElement?.matches?.("form")) sentFromId = "";
  });
  const showNotice = (text) => {
    const notice = find("#notice-failed").content.cloneNode(true);
    find("p", notice).textContent = text;
    find("#notices").replaceChildren(notice);
  };
  const TOO_MANY_PAGES = "Not live: you have too many live pages open. Close others; then reload this one.";
  const REASONS = {
    403: "You may not do that here, or this page is too old. Nothing was changed. Reload the page.",
    404: "That is no longer there, or not yours to see. Reload the page.",
  };
  document.addEventListener("htmx:response:error", (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceElement.id === "stream") {
      if (ctx.response.status === 429) streamRefused = TOO_MANY_PAGES;
      return;
    }
    const { status } = ctx.response;
    const unknown = `The panel answered ${status}. It is not certain whether that was done: reload the page and look.`;
    showNotice(REASONS[status] ?? unknown);
  });
  document.addEventListener("htmx:error", (event) => {
    if (event.detail.ctx?.request?.method !== "POST") return;
    showNotice(
      "The panel could not be reached. It is not certain whether that was done: " +
      "when it is back, look before you try again."
    );
  });

  // ── nothing moves under the pointer, and the keyboard keeps its place ─────
  let pointer = null; // [x, y] of the mouse; null for touch, which has no pointer between two taps
  document.addEventListener("pointermove", (event) => {
    pointer = event.pointerType === "mouse" ? [event.clientX, event.clientY] : null;
  }, { passive: true });
  document.addEventListener("pointerleave", () => { pointer = null; });
  const elementUnderPointer = () => (pointer ? document.elementFromPoint(...pointer) : null);
  const nearestWithId = (element) => element?.closest?.("#live [id]") ?? null;
  const signedDigest = () => find('#sign-form input[name="digest"]')?.value; // never morphed
  let beforeSwap = null;
  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx } = event.detail;
    const source = ctx?.sourceElement;
    // A button that was pressed is disabled while its form is posted, and has lost the focus by now.
    const pressed = source?.matches?.("form, a") ? nearestWithId(source) : null;
    const sentFrom = sentFromId ? document.getElementById(sentFromId) : null;
    const focused = nearestWithId(document.activeElement) ?? pressed ?? sentFrom;
    const anchor = nearestWithId(elementUnderPointer()) ?? focused;
    beforeSwap = {
      anchorId: anchor?.id,
      anchorTop: anchor?.getBoundingClientRect().top,
      focusedId: focused?.id,
      underPointer: elementUnderPointer(),
    };
    if (ctx?.request?.method === "GET" && source?.id === "live") markFresh();
  });
  document.addEventListener("htmx:after:swap", (event) => {
    const date = event.detail.ctx?.response?.headers?.get?.("Date");
    if (date) {
      const skew = Date.parse(date) - Date.now();
      clockSkew = Math.abs(skew) > 2000 ? skew : 0; // the header has whole seconds
    }
    if (!beforeSwap) return;
    const anchor = beforeSwap.anchorId && document.getElementById(beforeSwap.anchorId);
    if (anchor) {
      scrollBy({ top: anchor.getBoundingClientRect().top - beforeSwap.anchorTop, behavior: "instant" });
    }
    if (document.activeElement === document.body && beforeSwap.focusedId) {
      const home = document.getElementById(beforeSwap.focusedId);
      const target = (home && find("a, button, summary", home)) ?? home;
      target?.focus?.({ preventScroll: true });
    }
    if (pointer && elementUnderPointer() !== beforeSwap.underPointer) ignoreClicksBriefly();
    if (signedDigest() && !all("#live .hash").some((hash) => hash.title === signedDigest())) {
      showNotice("The evidence changed while you were reading. Look at it again, then reload the page to sign.");
    }
    beforeSwap = null;
    updateAges();
    showReaderClocks();
    showNow();
    revealControls();
    reloadForNewAttempt();
  });
  // Another element is under the pointer now: a click that is already on its way was not meant for it.
  let settleTimer;
  const ignoreClicksBriefly = () => {
    find("#live")?.classList.add("is-settling");
    clearTimeout(settleTimer);
    settleTimer = setTimeout(() => find("#live")?.classList.remove("is-settling"), 350);
  };

  // ── the live log ──────────────────────────────────────────────────────────
  const MAX_LINES = 2000;
  let follow = true;
  const log = () => find("#log[data-log]");
  const lineNumber = (line) => Number(line?.id.replace("line-", "") ?? 0);
  document.addEventListener("log", (event) => {
    const list = log();
    if (!list) return;
    const received = document.createElement("template");
    received.innerHTML = event.detail?.data ?? "";
    // The stream may repeat lines, in a later event or within one. Numbers only grow, so a line that is not
    // above the last one is shown already.
    let last = lineNumber(list.lastElementChild);
    for (const line of [...received.content.children]) {
      if (lineNumber(line) <= last) continue;
      last = lineNumber(line);
      list.append(line);
    }
    while (list.children.length > MAX_LINES) list.firstElementChild.remove();
    searchLog();
    if (follow) scrollLogToEnd();
  });
  const scrollLogToEnd = () => {
    if (log()) log().scrollTop = log().scrollHeight;
  };
  const searchLog = () => {
    const wanted = find("[data-log-search]")?.value.trim().toLowerCase() ?? "";
    for (const line of log()?.children ?? []) {
      line.hidden = Boolean(wanted) && !line.textContent.toLowerCase().includes(wanted);
    }
  };
  document.addEventListener("input", (event) => {
    if (event.target.matches?.("[data-log-search]")) searchLog();
  });

  // A new attempt has a log and a stream of its own, so the page is loaded again, unless somebody is typing.
  const loadedAttempt = find("#live")?.dataset.logOf;
  const reloadForNewAttempt = () => {
    const attempt = find("#live")?.dataset.logOf;
    if (loadedAttempt === undefined || attempt === loadedAttempt) return;
    const fields = all("#live textarea, #live input:not([type=hidden], [type=radio])");
    if (fields.some((field) => field.value)) showNotice("A new attempt has begun. Reload the page to see its log.");
    else location.reload();
  };

  // ── buttons that need this file ───────────────────────────────────────────
  const copy = (text, confirmation) => {
    navigator.clipboard?.writeText(text).then(() => setText(confirmation, "Copied."));
  };
  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest?.(selector);
    if (hit("[data-theme-toggle]")) window.cutoverTheme();
    hit("[data-dismiss]")?.closest(".notice").remove();
    if (hit("[data-log-follow]")) {
      follow = !follow;
      hit("[data-log-follow]").setAttribute("aria-pressed", String(follow));
      if (follow) scrollLogToEnd();
    }
    if (hit("[data-log-copy]") && log()) {
      const lines = [...log().children].map((line) => line.lastElementChild.textContent);
      copy(lines.join("\n"), find("[data-log-copied]"));
    }
    const name = hit("[data-copy]")?.dataset.copy;
    const text = name && document.getElementById(name)?.textContent;
    if (text) copy(text, find(`[data-copied="${name}"]`));
  });
  const revealControls = () => {
    all("[data-theme-toggle], [data-dismiss], [data-log-tools], [data-needs-script], [data-palette-open]").forEach((control) => { control.hidden = false; });
  };

  // ── j and k: the next and the previous item, as in a mail program ─────────
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches?.("input, textarea, select")) return;
    if (event.key !== "j" && event.key !== "k") return;
    const forward = event.key === "j";
    const titles = all(".line-title, .cover, .parity-tables td:first-child a, .row-card h3 a")
      .filter((title) => title.checkVisibility()); // not what is folded, or hidden by a search
    if (!titles.length) find(`#live a[rel="${forward ? "next" : "prev"}"]`)?.click(); // the page of one row
    const focused = document.activeElement;
    const current = titles.indexOf(focused.closest?.(".line")?.querySelector(".line-title") ?? focused);
    const work = titles.findIndex((title) => title.closest(".line[aria-current]")); // where the page opened
    const wanted = current < 0 && work >= 0 ? work : current + (forward ? 1 : -1);
    titles[Math.max(0, Math.min(titles.length - 1, wanted))]?.focus();
  });

  // ── how much waits for this person, in the bar and in the title of the tab ──
  const COUNT_EVERY = 20; // seconds, while somebody looks at the page
  const plainTitle = document.title;
  const showWaiting = (tasks) => {
    const mark = find("[data-waiting-count]");
    if (!mark) return;
    mark.hidden = tasks === 0;
    setText(mark, tasks === null ? "?" : String(tasks));
    mark.title = tasks === null ? "How much waits for you could not be counted" : "";
    document.title = tasks ? `(${tasks}) ${plainTitle}` : plainTitle;
  };
  const countWaiting = async () => {
    const address = find("[data-count-at]")?.dataset.countAt;
    if (!address || document.hidden) return;
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" }, redirect: "error" });
      if (answer.ok) showWaiting((await answer.json()).tasks);
    } catch {
      // The next count asks again; the page itself says when it is not connected.
    }
  };
  setInterval(countWaiting, COUNT_EVERY * 1000);
  document.addEventListener("visibilitychange", countWaiting);
  document.addEventListener("htmx:after:swap", () => {
    const tasks = find("#live[data-tasks]")?.dataset.tasks;
    if (tasks !== undefined) showWaiting(Number(tasks));
  });

  // ── the bar of a gate hides nothing that has the focus ────────────────────
  const showAboveBar = (element) => {
    const bar = find("#sign-bar");
    if (!bar || !element.closest?.("main") || bar.contains(element)) return;
    const hidden = element.getBoundingClientRect().bottom - bar.getBoundingClientRect().top;
    if (hidden > 0) scrollBy({ top: hidden + 12, behavior: "instant" });
  };
  document.addEventListener("focusin", (event) => {
    if (!event.target.matches?.(":focus-visible")) return; // nothing moves under a pointer that clicks
    showAboveBar(event.target);
    requestAnimationFrame(() => showAboveBar(event.target)); // the browser scrolls to it, too
  });

  // ── a menu closes like a menu ─────────────────────────────────────────────
  document.addEventListener("click", (event) => {
    all("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && find("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    find("summary", menu).focus();
  });

  // ── on paper, what is folded is open ──────────────────────────────────────
  let openedForPrint = [];
  addEventListener("beforeprint", () => {
    openedForPrint = all("main details:not([open])");
    openedForPrint.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => openedForPrint.forEach((one) => { one.open = false; }));

  const tab = find(".tabs [aria-current]"); // on a phone it may stand outside of the row; the page stays where it is
  if (tab) tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 24;
  revealControls();
  updateAges();
  showReaderClocks();
  showNow();
  showFreshness();
  scrollLogToEnd();
  countWaiting();
})();
