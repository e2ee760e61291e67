// “Do it with a passkey”: asks the browser for a signature and sends it with the form that the button is in.
// The challenge belongs to this session and is used up by one answer.
(() => {
  "use strict";
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) =>
    buffer &&
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=+$/, "");

  const askForSignature = async (address) => {
    const answer = await fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (!answer.ok) throw new Error(`The panel answered ${answer.status}. Reload the page.`);
    const { publicKey } = await answer.json();
    publicKey.challenge = bytes(publicKey.challenge);
    for (const each of publicKey.allowCredentials ?? []) each.id = bytes(each.id);
    const credential = await navigator.credentials.get({ publicKey });
    const { clientDataJSON, authenticatorData, signature, userHandle } = credential.response;
    return JSON.stringify({
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      clientExtensionResults: {},
      response: {
        clientDataJSON: text(clientDataJSON),
        authenticatorData: text(authenticatorData),
        signature: text(signature),
        userHandle: text(userHandle),
      },
    });
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-passkey]");
    const form = button?.form;
    if (!form) return;
    const password = form.querySelector('input[type="password"]');
    if (password) password.value = "";
    if (!form.reportValidity()) return;
    const problem = form.querySelector("[data-passkey-problem]");
    problem.textContent = "";
    button.disabled = true;
    try {
      form.querySelector("[data-passkey-answer]").value = await askForSignature(button.dataset.passkey);
      form.requestSubmit();
    } catch (error) {
      problem.textContent =
        error.name === "NotAllowedError"
          ? "The browser gave no signature: it was cancelled, or no passkey of yours is here. Nothing was done."
          : `${error.message} Nothing was done.`;
    } finally {
      button.disabled = false;
    }
  });

  const reveal = () => {
    if (!window.PublicKeyCredential) return; // not over plain http, and not in old browsers
    for (const button of document.querySelectorAll("[data-passkey][hidden]")) button.hidden = false;
  };
  document.addEventListener("htmx:after:swap", reveal);
  reveal();
})();
