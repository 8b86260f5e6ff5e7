// Small helps for the dashboard; every page works without them.
"use strict";

for (const form of document.querySelectorAll("form[data-confirm]")) {
  form.addEventListener("submit", (event) => {
    if (!window.confirm(form.dataset.confirm)) event.preventDefault();
  });
}

for (const all of document.querySelectorAll("input[data-all]")) {
  const boxes = document.querySelectorAll(`input[name="${all.dataset.all}"]`);
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
  });
}

// On a phone the navigation is one line that scrolls: the present page is in sight.
document.querySelector(".top nav a[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}
