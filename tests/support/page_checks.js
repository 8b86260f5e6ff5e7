// What is wrong with the page as it stands, for whoever sees it, hears it or uses the keyboard: a
// line for each fault. `phone`: whether fingers must hit what can be tapped.
(phone) => {
  const faults = [];
  const INTERACTIVE =
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
  const LEAST_TAP = 32, LEAST_FONT = 11.5;

  const shown = (element) => {
    if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) return false;
    const box = element.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) return false;
    return !element.closest(".hidden, .skip") && !isClipped(element);
  };
  const isClipped = (element) => {
    for (let each = element; each; each = each.parentElement)
      if (getComputedStyle(each).clipPath.startsWith("inset(50%")) return true;
    return false;
  };
  const called = (element) => {
    const text = (element.textContent || element.name || "").trim().replace(/\s+/g, " ");
    const marks = [...element.classList].map((name) => `.${name}`).join("");
    return `<${element.tagName.toLowerCase()}${marks}> “${text.slice(0, 40)}”`;
  };

  const scrolls = (element) => {
    for (let each = element.parentElement; each; each = each.parentElement)
      if (["auto", "scroll", "hidden"].includes(getComputedStyle(each).overflowX)) return true;
    return false;
  };

  // The width
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) {
    faults.push(`the page is ${root.scrollWidth} wide on ${root.clientWidth}`);
    const outside = [...document.body.querySelectorAll("*")].filter((element) =>
      element.getBoundingClientRect().right > root.clientWidth + 1 && !isClipped(element) && !scrolls(element));
    const widest = outside.filter((element) => !outside.some((other) => element !== other && element.contains(other)))
      .sort((one, other) => other.getBoundingClientRect().width - one.getBoundingClientRect().width);
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const text = texts.currentNode, range = document.createRange();
      range.selectNodeContents(text);
      if (range.getBoundingClientRect().right > root.clientWidth + 1 && !isClipped(text.parentElement) && !scrolls(text))
        widest.unshift(text.parentElement);
    }
    for (const element of widest.slice(0, 4)) faults.push(`  reaches out: ${called(element)}`);
  }

  // Names
  const nameOf = (element) => {
    const by = element.getAttribute("aria-labelledby");
    if (by) return by.split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? "").join(" ");
    if (element.ariaLabel) return element.ariaLabel;
    if (element.labels?.length) return [...element.labels].map((label) => label.textContent).join(" ");
    if (element.matches("input, select, textarea")) return "";
    return element.textContent + [...element.querySelectorAll("[alt], [aria-label], title")].map(
      (inner) => inner.getAttribute("alt") ?? inner.getAttribute("aria-label") ?? inner.textContent).join(" ");
  };
  const interactive = [...document.querySelectorAll(INTERACTIVE)].filter(shown);
  for (const element of interactive)
    if (!nameOf(element).trim()) faults.push(`has no name: ${called(element)} ${element.name ?? ""}`);
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at)))
    faults.push(`there are several #${id}`);
  for (const attribute of ["for", "aria-describedby", "aria-labelledby", "aria-controls"])
    for (const element of document.querySelectorAll(`[${attribute}]`))
      for (const id of element.getAttribute(attribute).split(/\s+/))
        if (id && !document.getElementById(id)) faults.push(`${attribute}=${id} names nothing`);

  // Headings and tables
  const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")];
  const levels = headings.map((heading) => Number(heading.tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1) faults.push(`h1: ${levels.join(" ")}`);
  levels.forEach((level, at) => {
    if (level > (levels[at - 1] ?? 0) + 1) faults.push(`a level is left out: ${called(headings[at])}`);
    if (!headings[at].textContent.trim()) faults.push(`h${level} is empty`);
  });
  for (const cell of document.querySelectorAll("th"))
    if (!cell.scope && !cell.closest(".uplot")) faults.push(`has no scope: ${called(cell)}`);
  for (const cell of document.querySelectorAll("table.cards tbody td"))
    if (!cell.dataset.label && cell.textContent.trim() && !cell.querySelector("button, input, form"))
      faults.push(`has no data-label: ${called(cell)}`);

  // Links lead to pages and nowhere else
  for (const link of document.querySelectorAll("a[href]")) {
    if (link.protocol === "otpauth:") continue;
    if (!["http:", "https:"].includes(link.protocol)) faults.push(`leads to ${link.protocol} ${called(link)}`);
    else if (link.host !== location.host && !/noopener|noreferrer/.test(link.rel))
      faults.push(`leads away without rel=noopener: ${called(link)}`);
  }
  for (const form of document.querySelectorAll("form"))
    if (form.method === "post" && !form.querySelector("[name=csrf_token]"))
      faults.push(`has no token: ${form.action}`);

  // Colours
  const channels = (colour) => {
    const found = colour.match(/[\d.]+/g).map(Number);
    const scale = colour.startsWith("color(") ? 255 : 1;
    return [found[0] * scale, found[1] * scale, found[2] * scale, found[3] ?? 1];
  };
  const over = (top, below) =>
    [0, 1, 2].map((at) => top[at] * top[3] + below[at] * (1 - top[3])).concat(1);
  const backs = new Map();
  const backOf = (element) => {
    if (!element) return channels(getComputedStyle(root).backgroundColor).slice(0, 3).concat(1);
    if (!backs.has(element)) {
      const own = channels(getComputedStyle(element).backgroundColor);
      backs.set(element, own[3] === 1 ? own : over(own, backOf(element.parentElement)));
    }
    return backs.get(element);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const opacityOf = (element) => {
    let opacity = 1;
    for (let each = element; each; each = each.parentElement) opacity *= Number(getComputedStyle(each).opacity);
    return opacity;
  };
  const judged = new Set();
  const judge = (element, text, style = getComputedStyle(element)) => {
    if (element.matches(":disabled") || element.closest("[aria-disabled=true]")) return;
    const back = backOf(element), front = channels(style.color);
    front[3] *= opacityOf(element);
    const ratio = contrast(over(front, back), back);
    const size = parseFloat(style.fontSize), isBold = Number(style.fontWeight) >= 700;
    const least = size >= 24 || (isBold && size >= 18.66) ? 3 : 4.5;
    const key = `${style.color} on ${back.slice(0, 3).map(Math.round)}`;
    if (ratio < least - 0.01 && !judged.has(key)) {
      judged.add(key);
      faults.push(`contrast ${ratio.toFixed(2)}, ${key}: ${called(element)} “${text.slice(0, 30)}”`);
    }
    if (size < LEAST_FONT && !judged.has(`${size}`)) {
      judged.add(`${size}`);
      faults.push(`a font of ${size} px: ${called(element)}`);
    }
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
    if (!text || element.closest("script, style, option, svg, textarea") || !shown(element)) continue;
    judge(element, text);
    if (/^(None|nan|NaN|undefined|\[object Object\]|Undefined)$/.test(text)) faults.push(`says ${text}: ${called(element)}`);
  }
  for (const element of document.querySelectorAll("input:not([type=hidden]):not([type=checkbox]):not([type=radio]), select, textarea"))
    if (shown(element)) {
      judge(element, element.value ?? "");
      if (element.placeholder) judge(element, element.placeholder, getComputedStyle(element, "::placeholder"));
    }

  // Fingers
  const isInText = (element) => {
    if (!getComputedStyle(element).display.startsWith("inline") || element.matches("button, .button")) return false;
    const block = element.parentElement;
    return block.textContent.trim().length > element.textContent.trim().length;
  };
  const target = (element) => {
    const boxes = [element, ...(element.labels ?? [])].map((each) => each.getBoundingClientRect());
    const left = Math.min(...boxes.map((box) => box.left)), right = Math.max(...boxes.map((box) => box.right));
    const top = Math.min(...boxes.map((box) => box.top)), bottom = Math.max(...boxes.map((box) => box.bottom));
    return element.matches("[type=checkbox], [type=radio]") ? [right - left, bottom - top] : [boxes[0].width, boxes[0].height];
  };
  if (phone)
    for (const element of interactive) {
      if (element.matches("a") && isInText(element)) continue;
      const [width, height] = target(element);
      const small = element.matches("a") ? height : Math.min(width, height);
      const place = [...(element.closest("[class]")?.classList ?? []), element.tagName, Math.round(height)].join(" ");
      if (small >= LEAST_TAP - 0.5 || judged.has(place)) continue;
      judged.add(place);
      faults.push(`hard to hit, ${Math.round(width)} × ${Math.round(height)}: ${called(element)}`);
    }
  return [...new Set(faults)];
}
