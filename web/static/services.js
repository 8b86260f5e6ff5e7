// The search in the table of services: all of it is fetched once, and searched in the browser.
// Without this script the same form asks the server.
"use strict";

(() => {
  const PAGE_ROWS = 25;
  const form = document.getElementById("search");
  const field = document.getElementById("q");
  const count = document.getElementById("count");
  const body = document.getElementById("rows");
  const pager = document.getElementById("pager");
  const number = new Intl.NumberFormat("en-US");
  const OFFERS = [["refill", "refill"], ["cancel", "cancel"], ["dripfeed", "drip-feed"]];
  let all = null;
  let found = [];
  let page = 0;

  function read(table) {
    return table.services.map((values) => {
      const row = Object.fromEntries(table.fields.map((name, at) => [name, values[at]]));
      row.text = `${row.service} ${row.name} ${row.category} ${row.type}`.toLowerCase();
      return row;
    });
  }

  function element(name, kind, text) {
    const made = document.createElement(name);
    if (kind) made.className = kind;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function line(row) {
    const tr = element("tr");
    const title = element("th");
    title.scope = "row";
    title.append(element("span", "name", row.name), " ", element("small", "", `${row.category} · ${row.type}`));
    if (row.description) {
      const about = element("details", "about");
      about.append(element("summary", "", "Description"), row.description);
      title.append(about);
    }
    const rate = element("td", "num rate", `${row.rate} `);
    rate.append(element("small", "", row.per === 1 ? "a package" : "per 1000"));
    const offers = element("td", "offers");
    for (const [name, word] of OFFERS) {
      if (row[name]) offers.append(element("span", "status", word), " ");
    }
    const range = element("td", "num range", `${number.format(row.min)} – ${number.format(row.max)}`);
    tr.append(element("td", "no", row.service), title, rate, range, offers);
    return tr;
  }

  function turn(label, to, rel) {
    const button = element("button", "", label);
    button.type = "button";
    button.disabled = to < 0 || to * PAGE_ROWS >= found.length;
    button.addEventListener("click", () => {
      page = to;
      show();
      const same = pager.querySelector(`button[data-rel="${rel}"]`);
      (same.disabled ? pager.querySelector("button:not(:disabled)") : same).focus();
    });
    button.dataset.rel = rel;
    return button;
  }

  function show() {
    const first = page * PAGE_ROWS;
    body.replaceChildren(...found.slice(first, first + PAGE_ROWS).map(line));
    const of = `${number.format(all.length)} service${all.length === 1 ? "" : "s"}`;
    const pages = Math.max(1, Math.ceil(found.length / PAGE_ROWS));
    count.textContent = found.length === all.length ? of : `${number.format(found.length)} of ${of} found`;
    pager.replaceChildren();
    if (pages > 1) {
      const where = element("span", "", `Page ${number.format(page + 1)} of ${number.format(pages)}`);
      pager.append(turn("« Previous", page - 1, "prev"), where, turn("Next »", page + 1, "next"));
    }
  }

  function search() {
    if (all === null) return;
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    found = all.filter((row) => words.every((word) => row.text.includes(word)));
    page = 0;
    show();
  }

  async function load() {
    try {
      const answer = await fetch(form.dataset.services, { credentials: "omit" });
      if (!answer.ok) return;
      all = read(await answer.json());
    } catch {
      return; // The form still asks the server.
    }
    form.classList.add("live");
    document.dispatchEvent(new CustomEvent("services", { detail: all }));
    // A page that the server was asked for stays until something is searched.
    if (field.value !== field.defaultValue || !new URLSearchParams(location.search).has("page")) search();
  }

  field.addEventListener("input", search);
  form.addEventListener("submit", (event) => {
    if (all === null) return;
    event.preventDefault();
    search();
  });
  load();
})();
