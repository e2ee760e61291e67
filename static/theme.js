// Light or dark before the first paint: what the person chose, else what the system says.
(() => {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try { return localStorage.getItem("cutover-theme"); } catch { return null; }
  };
  const show = () => {
    const dark = chosen() ? chosen() === "dark" : system.matches;
    document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
  };
  show();
  system.addEventListener("change", show);
  window.cutoverTheme = () => {
    const next = document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark";
    try { localStorage.setItem("cutover-theme", next); } catch { /* only until the next page, then */ }
    document.documentElement.dataset.bsTheme = next;
  };
})();
