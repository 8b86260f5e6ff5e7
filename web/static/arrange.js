// Services are put in order by dragging their handle, or with the arrow keys on it.
"use strict";

for (const body of document.querySelectorAll("tbody[data-arrange]")) {
  const told = document.getElementById("arranged");

  const save = async (row) => {
    const after = row.nextElementSibling;
    const before = row.previousElementSibling;
    const send = (moved, place) =>
      fetch(moved.dataset.move, {
        method: "POST",
        headers: { "X-CSRF-Token": body.dataset.arrange, "X-Requested-With": "fetch" },
        body: new URLSearchParams({ before: place.dataset.service }),
      });
    // The last row of a page is not the last of the catalogue: it is put before the one above
    // it, and that one before it.
    let answer = await send(row, after || before);
    if (!after && answer.ok) answer = await send(before, row);
    const name = `Service ${row.dataset.service}`;
    told.textContent = answer.ok ? `${name} is moved.` : `${name} could not be moved. Load the page again.`;
    told.className = answer.ok ? "message done" : "message error";
    for (const place of body.querySelectorAll(".place")) place.textContent = "";
  };

  for (const handle of body.querySelectorAll(".handle")) {
    handle.hidden = false;
    handle.addEventListener("keydown", (event) => {
      const row = handle.closest("tr");
      if (event.key === "ArrowUp" && row.previousElementSibling) {
        row.previousElementSibling.before(row);
      } else if (event.key === "ArrowDown" && row.nextElementSibling) {
        row.nextElementSibling.after(row);
      } else {
        return;
      }
      event.preventDefault();
      handle.focus();
      save(row);
    });
  }

  new Sortable(body, {
    handle: ".handle",
    animation: 120,
    onEnd: (event) => {
      if (event.oldIndex !== event.newIndex) save(event.item);
    },
  });
}
