// The list of orders: how many are selected, their sum, and what can be done with them.
"use strict";

const bulk = document.querySelector(".bulk");
const boxes = [...document.querySelectorAll('input[name="order"]')];

/** An amount of millionths with 2 decimals, a half rounded up. */
function rounded(micros) {
  const cents = (micros + 5000n) / 10000n;
  return `${cents / 100n}.${String(cents % 100n).padStart(2, "0")}`;
}

function showChosen() {
  const chosen = boxes.filter((box) => box.checked);
  const sum = chosen.reduce((micros, box) => micros + BigInt(box.dataset.micros), 0n);
  const shown = bulk.querySelector(".chosen");
  const text = `${chosen.length} selected, ${rounded(sum)} ${shown.dataset.currency}`;
  shown.textContent = chosen.length ? text : "None selected";
  const all = bulk.querySelector("input[data-all]");
  all.checked = chosen.length === boxes.length;
  all.indeterminate = chosen.length > 0 && !all.checked;
  const possible = new Set(chosen.flatMap((box) => box.dataset.acts.split(" ")));
  for (const option of bulk.querySelectorAll("option[value]:not([value=''])")) {
    option.disabled = chosen.length > 0 && !possible.has(option.value);
    if (option.disabled && option.selected) option.parentElement.value = "";
  }
}

if (bulk) {
  bulk.querySelector("label[hidden]").hidden = false;
  bulk.closest("form").addEventListener("change", () => showChosen());
  showChosen();
}
