// What can be focused and does not show it; to be asked after a key was pressed.
() => {
  const faults = new Set();
  const all = document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]');
  for (const element of all) {
    if (!element.checkVisibility({ visibilityProperty: true }) || element.disabled) continue;
    element.focus({ preventScroll: true });
    const style = getComputedStyle(element), marks = [...element.classList].join(".");
    const isSeen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    if (document.activeElement !== element) faults.add(`cannot be focused: ${element.tagName} ${marks}`);
    else if (!isSeen) faults.add(`does not show its focus: ${element.tagName} ${marks}`);
    if (element.tabIndex > 0) faults.add(`jumps the queue: ${element.tagName} ${marks}`);
  }
  return [...faults];
}
