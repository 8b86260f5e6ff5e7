// Refreshes the parts of a page that are marked with data-refresh and an id, and leaves the reader
// where they are: the scrolled place, the focus, what is opened and what is selected. Without this
// script the page is as it was loaded.
"use strict";

(() => {
  const box = document.querySelector(".refreshing");
  const time = box.querySelector("span");
  const problem = box.querySelector("[role=status]");
  const button = box.querySelector("button");
  const everyMs = Number(box.dataset.every) * 1000;
  let at = Date.now(); // when what is shown was read
  let asked = at;
  let paused = false;

  const parts = (root) => [...root.querySelectorAll("[data-refresh][id]")];
  const clock = () => new Date(at).toISOString().slice(11, 19);

  // The time is not read out each time, a problem is.
  function tell(why) {
    time.textContent = why ? `Not updated since ${clock()} UTC: ` : `Updated ${clock()} UTC`;
    if (problem.textContent !== why) problem.textContent = why;
  }

  // The first thing with a name that the reader sees: it stays where it is on the screen.
  function anchor() {
    const named = [...document.querySelectorAll("main [id]")];
    const seen = named.find((item) => item.getBoundingClientRect().bottom > 0);
    return seen && { id: seen.id, top: seen.getBoundingClientRect().top };
  }

  function keepPlace(place) {
    const item = place && document.getElementById(place.id);
    if (item) window.scrollBy(0, item.getBoundingClientRect().top - place.top);
  }

  function isSelectedIn(part) {
    const selection = window.getSelection();
    return !selection.isCollapsed && selection.containsNode(part, true);
  }

  const focusable = (part) => [...part.querySelectorAll("a[href], button, summary, input, select")];
  const nameOf = (item) => `${item.tagName} ${item.getAttribute("href")} ${item.textContent.trim()}`;
  const stays = (item) => item.getAttribute("href") || item.textContent.trim();

  function replace(part, fresh) {
    const held = part.contains(document.activeElement) ? document.activeElement : null;
    const opened = [...part.querySelectorAll("details[id][open]")].map((details) => details.id);
    const scrolled = part.scrollLeft;
    part.replaceWith(fresh);
    fresh.scrollLeft = scrolled;
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    if (!held) return;
    const same =
      focusable(fresh).find((item) => nameOf(item) === nameOf(held)) ||
      focusable(fresh).find((item) => stays(item) === stays(held));
    same?.focus({ preventScroll: true });
  }

  function apply(page) {
    const place = anchor();
    for (const part of parts(document)) {
      const fresh = page.getElementById(part.id);
      if (!fresh || part.isEqualNode(fresh) || isSelectedIn(part)) continue;
      replace(part, document.adoptNode(fresh));
    }
    keepPlace(place);
    document.dispatchEvent(new Event("refreshed"));
  }

  async function refresh() {
    let answer;
    try {
      answer = await fetch(location.href, { headers: { "X-Requested-With": "refresh" } });
    } catch {
      return tell("the panel does not answer.");
    }
    if (answer.redirected) {
      paused = true;
      button.hidden = true;
      return tell("you are signed out. Load the page again.");
    }
    if (!answer.ok) return tell(`the panel answers ${answer.status}.`);
    const text = await answer.text();
    if (paused) return;
    at = Date.now();
    apply(new DOMParser().parseFromString(text, "text/html"));
    tell("");
  }

  async function tick() {
    if (paused || document.hidden || Date.now() - asked < everyMs) return;
    asked = Date.now();
    await refresh();
  }

  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Resume" : "Pause";
    if (!paused) {
      asked = 0;
      tick();
    }
  });
  document.addEventListener("visibilitychange", tick);
  setInterval(tick, 1000);
  box.hidden = false;
  tell("");
})();
