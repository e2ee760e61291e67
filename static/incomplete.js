// Says when a part of the page could not be loaded: without it the page may look right and stay as it is.
(() => {
  "use strict";
  let isIncomplete = false;
  const say = () => {
    const notice = document.getElementById("incomplete");
    if (isIncomplete && notice) notice.hidden = false;
  };
  // Such an event does not bubble; whoever listens at the window gets it on its way down.
  window.addEventListener("error", (event) => {
    if (!event.target?.matches?.("link[rel=stylesheet], script[src]")) return;
    isIncomplete = true;
    say();
  }, true);
  document.addEventListener("DOMContentLoaded", say);
})();
