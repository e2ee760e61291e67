// The keyboard palette: Ctrl+K or ? opens it, typing searches, Enter goes there. Without this file it is not offered.
(() => {
  "use strict";
  const dialog = document.getElementById("palette");
  if (!dialog) return;
  const search = dialog.querySelector("#palette-search");
  const list = dialog.querySelector("#palette-list");
  const none = dialog.querySelector(".palette-none");
  const MOST = 30; // places that are shown at once
  let places = [];
  let chosen = 0;
  let loading = null; // until the places have come: who types fast presses Enter before

  const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = () => {
    const wanted = words(search.value);
    const matches = (place) => {
      const text = `${place.words} ${place.note}`.toLowerCase();
      return wanted.every((word) => text.includes(word));
    };
    return places.filter(matches).slice(0, MOST);
  };

  const choose = (index) => {
    const options = [...list.children];
    chosen = Math.max(0, Math.min(options.length - 1, index));
    options.forEach((option, i) => option.setAttribute("aria-selected", String(i === chosen)));
    if (options[chosen]) {
      search.setAttribute("aria-activedescendant", options[chosen].id);
      options[chosen].scrollIntoView({ block: "nearest" });
    } else search.removeAttribute("aria-activedescendant");
  };

  const show = () => {
    list.replaceChildren(...found().map((place, i) => {
      const option = document.createElement("li");
      option.id = `palette-${i}`;
      option.setAttribute("role", "option");
      option.dataset.url = place.url;
      option.append(place.words);
      if (place.note) {
        const note = document.createElement("span");
        note.className = "muted";
        note.textContent = ` ${place.note}`;
        option.append(note);
      }
      return option;
    }));
    none.hidden = list.children.length > 0;
    choose(0);
  };

  const go = (option) => { if (option) location.assign(option.dataset.url); };

  const open = () => {
    if (dialog.open) return;
    search.value = "";
    dialog.showModal();
    search.focus();
    loading = load();
  };

  const load = async () => {
    show();
    try {
      const answer = await fetch(dialog.dataset.from, { headers: { Accept: "application/json" }, redirect: "error" });
      if (answer.ok) places = (await answer.json()).places;
    } catch {
      none.textContent = "The panel could not be reached.";
    }
    show();
  };

  document.addEventListener("keydown", (event) => {
    const isShortcut = (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k";
    const isQuestion = event.key === "?" && !event.target.matches?.("input, textarea, select");
    if (!isShortcut && !isQuestion) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-palette-open]")) open();
  });
  search.addEventListener("input", show);
  search.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      choose(chosen + step);
    }
    if (event.key === "Enter") {
      event.preventDefault();
      loading.then(() => go(list.children[chosen]));
    }
  });
  list.addEventListener("click", (event) => go(event.target.closest("[role=option]")));
})();
