// The runbook's page: it opens where the work is, and hides rows while somebody types into the search.
// Without this file the search is a form, and a link leads to where the work is.
(() => {
  "use strict";
  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const form = find("#runbook-search");
  const input = find("#runbook-q");
  const rows = () => all(".line[data-search]");

  // ── the search ────────────────────────────────────────────────────────────
  const unfolded = new Set(); // ids of phases that were folded before somebody searched
  const isWanted = (row, words) => row.classList.contains("is-open") || words.every((w) => row.dataset.search.includes(w));
  const showPhase = (phase, searching) => {
    const found = all(".line[data-search]", phase).some((row) => !row.hidden);
    phase.hidden = searching && !found;
    const onRail = document.getElementById(phase.id.replace("part-", "rail-"));
    if (onRail) onRail.hidden = phase.hidden;
    if (searching && found && !phase.open) {
      unfolded.add(phase.id);
      phase.open = true;
    } else if (!searching && unfolded.has(phase.id)) {
      phase.open = false;
    }
  };
  const search = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = rows();
    for (const row of shown) row.hidden = !isWanted(row, words);
    all(".part").forEach((phase) => showPhase(phase, words.length > 0));
    if (!words.length) unfolded.clear();
    const found = shown.filter((row) => !row.hidden).length;
    const text = words.length ? `${found} of ${shown.length}` : "";
    if (find("#found").textContent.trim() !== text) find("#found").textContent = text;
    const nothing = find("#nothing-found");
    if (nothing) nothing.hidden = found > 0;
  };
  input.addEventListener("input", search);
  // Before app.js, which moves the page so that the row under the pointer stays where it is.
  document.addEventListener("htmx:after:swap", search, { capture: true });

  const goToFirst = () => {
    const first = rows().find((row) => !row.hidden);
    if (first) find(".line-title", first).focus();
  };
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault(); // what is found is on the page already
      goToFirst();
    } else if (event.key === "Escape" && input.value) {
      event.preventDefault();
      input.value = "";
      search();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches?.("input, textarea, select, [contenteditable]")) return;
    event.preventDefault();
    input.focus();
    input.select();
  });

  // ── the choices: one press less ───────────────────────────────────────────
  all("[data-without-script]").forEach((button) => { button.hidden = true; });
  form.addEventListener("change", (event) => {
    if (event.target.matches("select")) form.requestSubmit();
  });

  // ── where the work is ─────────────────────────────────────────────────────
  const cameBack = performance.getEntriesByType("navigation")[0]?.type !== "navigate";
  const asked = location.hash || new URLSearchParams(location.search).size > 0;
  const openAtCurrent = () => {
    const current = document.getElementById(`item-${find("#live").dataset.current}`);
    if (!asked && !cameBack && current) current.scrollIntoView({ block: "center", behavior: "instant" });
  };
  if (input.value) search();
  openAtCurrent();
})();
