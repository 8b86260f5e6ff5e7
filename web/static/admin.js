// Small helps for the dashboard; every page works without them.
"use strict";

// Also for forms that a refresh brings later.
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

for (const all of document.querySelectorAll("input[data-all]")) {
  const boxes = document.querySelectorAll(`input[name="${all.dataset.all}"]`);
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
  });
}

// On a phone, filters that are not in use are folded: what is listed begins near the top.
const phone = window.matchMedia("(max-width: 60rem)");
function fold() {
  for (const details of document.querySelectorAll("details[data-fold]")) details.open = !phone.matches;
}
fold();
phone.addEventListener("change", fold);

// On a phone the navigation is one line that scrolls: the present page is in sight.
const present = document.querySelector(".top nav a[aria-current]");
if (present) {
  const [line, link] = [present.parentElement, present].map((item) => item.getBoundingClientRect());
  present.parentElement.scrollLeft += link.left + link.width / 2 - line.left - line.width / 2;
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}
