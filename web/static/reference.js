// Language tabs, copy buttons and the form that tries a call; everything can be read without them.
"use strict";

// Tabs: one set for each sample; choosing a language chooses it in all of them.
(() => {
  const sets = [];

  function choose(label) {
    for (const set of sets) {
      for (const { tab, panel, name } of set) {
        const chosen = name === label;
        tab.setAttribute("aria-selected", String(chosen));
        tab.tabIndex = chosen ? 0 : -1;
        panel.hidden = !chosen;
      }
    }
  }

  function move(set, at, key) {
    const last = set.length - 1;
    const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[key];
    if (to === undefined) return false;
    pick(set[to]);
    return true;
  }

  function pick({ tab, name }) {
    const before = tab.getBoundingClientRect().top;
    choose(name);
    tab.focus({ preventScroll: true });
    // Samples above may have become longer or shorter: the one that is read stays where it was.
    window.scrollBy(0, tab.getBoundingClientRect().top - before);
  }

  document.querySelectorAll("[data-tabs]").forEach((samples, number) => {
    const list = document.createElement("div");
    list.className = "tablist";
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", samples.dataset.tabs);
    const set = [...samples.querySelectorAll("[data-tab]")].map((panel, at) => {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.id = `tab-${number}-${at}`;
      tab.textContent = panel.dataset.tab;
      tab.setAttribute("role", "tab");
      panel.id = `panel-${number}-${at}`;
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      tab.setAttribute("aria-controls", panel.id);
      list.append(tab);
      return { tab, panel, name: panel.dataset.tab };
    });
    set.forEach((entry, at) => {
      entry.tab.addEventListener("click", () => pick(entry));
      entry.tab.addEventListener("keydown", (event) => {
        if (move(set, at, event.key)) event.preventDefault();
      });
    });
    samples.prepend(list);
    sets.push(set);
  });
  if (sets.length) choose(sets[0][0].name);
})();

// Copy buttons.
(() => {
  const said = document.getElementById("copied");

  function copyBySelection(code) {
    const range = document.createRange();
    range.selectNodeContents(code);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    const done = document.execCommand("copy");
    selection.removeAllRanges();
    return done;
  }

  async function copy(code) {
    // The clipboard is there over HTTPS and on this machine; elsewhere the old way works.
    try {
      await navigator.clipboard.writeText(code.textContent);
      return true;
    } catch {
      return copyBySelection(code);
    }
  }

  for (const box of document.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy the ${box.dataset.copy}`);
    button.addEventListener("click", async () => {
      const done = await copy(box.querySelector("code"));
      button.textContent = done ? "Copied" : "No copy";
      said.textContent = done ? `Copied the ${box.dataset.copy}.` : "The browser did not copy it.";
      window.setTimeout(() => {
        button.textContent = "Copy";
        said.textContent = "";
      }, 2000);
    });
    box.classList.add("copies");
    box.append(button);
  }
})();

// The form: only the fields of the chosen call are shown and sent.
(() => {
  const SHOWN = 20000;
  const form = document.getElementById("call");
  const address = new URL(form.getAttribute("action"), location.href).href; // form.action is the field
  const action = document.getElementById("call-action");
  const type = document.getElementById("call-type");
  const key = document.getElementById("call-key");
  const service = document.getElementById("call-service");
  const send = form.querySelector("button");
  const result = document.getElementById("result");
  const sent = document.getElementById("result-request");
  const status = document.getElementById("result-status");
  const answer = document.getElementById("result-answer");
  const types = new Map();

  function fit() {
    const call = action.value === "add" ? ["add", `add ${type.value}`] : [action.value];
    for (const field of form.querySelectorAll("[data-for]")) {
      const takers = JSON.parse(field.dataset.for);
      field.hidden = !takers.some((taker) => call.includes(taker));
      for (const input of field.querySelectorAll("input, textarea")) input.disabled = field.hidden;
    }
  }

  function follow() {
    const known = types.get(service.value.trim());
    if (known === undefined) return;
    type.value = known;
    fit();
  }

  function pretty(text) {
    let told = text;
    try {
      told = JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      // Not JSON: shown as it came.
    }
    return told.length > SHOWN ? `${told.slice(0, SHOWN)}\n… and ${told.length - SHOWN} characters more` : told;
  }

  function body() {
    return new URLSearchParams([...new FormData(form)].filter(([, text]) => text !== ""));
  }

  function describe(call) {
    const shown = new URLSearchParams(call);
    shown.set("key", "YOUR_KEY");
    return `POST ${address}\nContent-Type: application/x-www-form-urlencoded\n\n${shown}`;
  }

  async function tryIt() {
    const call = body();
    sent.textContent = describe(call);
    status.className = "";
    status.textContent = "Waiting for the answer …";
    answer.textContent = "";
    result.hidden = false;
    send.disabled = true;
    try {
      const began = performance.now();
      const got = await fetch(address, {
        method: "POST", body: call, credentials: "omit", cache: "no-store", redirect: "error",
      });
      const text = await got.text();
      const wait = got.headers.get("Retry-After");
      const took = Math.round(performance.now() - began);
      // One dialect refuses with HTTP 200.
      status.className = got.ok && !text.startsWith('{"error":') ? "good" : "bad";
      status.textContent = `HTTP ${got.status} after ${took} ms${wait ? `, retry after ${wait} s` : ""}`;
      answer.textContent = pretty(text);
    } catch {
      status.className = "bad";
      status.textContent = "No answer came: the network or the server failed.";
    } finally {
      send.disabled = false;
      send.focus({ preventScroll: true });
      result.scrollIntoView({ block: "nearest" });
    }
  }

  document.addEventListener("services", (event) => {
    for (const row of event.detail) types.set(String(row.service), row.type);
    follow();
  });
  window.addEventListener("pagehide", () => {
    key.value = "";
  });
  action.addEventListener("change", fit);
  type.addEventListener("change", fit);
  service.addEventListener("input", follow);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!send.disabled) tryIt();
  });
  fit();
})();
