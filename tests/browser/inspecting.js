// Asked inside a page by tests/browser/inspecting.py.

function hardToRead() {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const known = new Map();
  const rgba = (text) => {  // A computed colour may be oklch(...) or color-mix(...): painting it yields its bytes.
    if (!known.has(text)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = text;
      canvas.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
      known.set(text, [red, green, blue, alpha / 255]);
    }
    return known.get(text);
  };
  const over = (top, below) => top.slice(0, 3).map((part, at) => part * top[3] + below[at] * (1 - top[3])).concat(1);
  const light = ([red, green, blue]) => {
    const [r, g, b] = [red, green, blue].map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const groundOf = (element) => {
    const layers = [];
    let opacity = 1;
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none") return null;  // A picture: nothing can be computed.
      opacity *= Number(style.opacity);
      const colour = rgba(style.backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    const paper = getComputedStyle(document.documentElement).colorScheme.includes("dark") ? [18, 18, 18, 1] : [255, 255, 255, 1];
    return {ground: layers.reverse().reduce((below, top) => over(top, below), paper), opacity};
  };
  const found = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    if (!text || element.closest("script, style, template, svg, option, :disabled, [aria-disabled='true'], [inert]")) continue;
    if (!element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    const box = element.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) continue;  // Said by screen readers, not shown.
    const style = getComputedStyle(element);
    const below = groundOf(element);
    if (!below) continue;
    const ink = rgba(style.color).slice();
    ink[3] *= below.opacity;
    const [a, b] = [light(over(ink, below.ground)), light(below.ground)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const icon = element.classList.contains("material-symbols-outlined");
    const wanted = icon || size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio + 0.005 < wanted) {
      const where = `${element.tagName.toLowerCase()}.${[...element.classList].slice(0, 3).join(".")}`;
      const said = `${text.slice(0, 40)} | ${where} | ${style.color} on ${below.ground.map(Math.round).slice(0, 3)}`;
      if (!found.has(said)) found.set(said, Math.round(ratio * 100) / 100);
    }
  }
  return [...found].map(([said, ratio]) => `${ratio}: ${said}`);
}

function stickingOut() {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const scrolls = (element) => {
    for (let at = element.parentElement; at && at !== document.body; at = at.parentElement)
      if (getComputedStyle(at).overflowX !== "visible") return true;
    return false;
  };
  return [...document.body.querySelectorAll("*")]
    .filter((element) => element.getBoundingClientRect().right > width + 1 && !scrolls(element))
    .map((element) => `${element.tagName.toLowerCase()}.${[...element.classList].slice(0, 4).join(".")}: ${Math.round(element.getBoundingClientRect().right)}`)
    .slice(0, 8)
    .concat([`the page is ${document.documentElement.scrollWidth} wide in ${width}`]);
}

function withoutAName() {
  const wordsOf = (element) => [
    element.getAttribute("aria-label"), element.getAttribute("aria-labelledby"), element.title, element.textContent,
    element.placeholder, element.matches("input[type=submit], input[type=button]") ? element.value : "",
    ...[...(element.labels ?? [])].map((label) => label.textContent),
    ...[...element.querySelectorAll("img[alt], svg[aria-label], [title]")].map((part) => part.alt || part.getAttribute("aria-label") || part.title),
  ];
  const controls = "a[href], button, input:not([type=hidden]), select, textarea, [tabindex='0']";
  return [...document.querySelectorAll(controls)]
    // What is hidden from screen readers and out of the keyboard's way says elsewhere what it is.
    .filter((element) => element.checkVisibility() && !(element.tabIndex < 0 && element.closest("[aria-hidden=true]")))
    .filter((element) => !wordsOf(element).some((word) => word?.trim()))
    .map((element) => element.outerHTML.slice(0, 140));
}
