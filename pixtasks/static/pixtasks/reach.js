// What the console's frame lacks for the keyboard and for screen readers: some of its controls are spans that listen
// to clicks alone, its icons are words of a font, and its dialog does not take the focus.

const NAMES = {
  dock_to_right: "Show or hide the sidebar",
  close: "Close",
  more_horiz: "More actions",
  more_vert: "More actions",
  expand_more: "Expand",
  filter_list: "Filters",
};
const NATIVE = "a[href], button, input, select, textarea, summary, label, option";

function mend(root) {
  for (const element of root.querySelectorAll(".material-symbols-outlined")) {
    const clickable = element.hasAttribute("x-on:click");
    if (!clickable) element.setAttribute("aria-hidden", "true");
    // A control that is nothing but an icon is named by what the icon means.
    const control = clickable ? element : element.closest("a, button, [x-on\\:click], label");
    const icon = element.textContent.trim();
    if (control && control.textContent.trim() === icon && !control.ariaLabel && !control.title) {
      control.ariaLabel = NAMES[icon] ?? icon.replaceAll("_", " ");
    }
  }
  for (const element of root.querySelectorAll("[x-on\\:click]")) {
    if (element.matches(NATIVE) || element.hasAttribute("tabindex") || element.id === "changelist-filter-close") continue;
    element.tabIndex = 0;
    if (!element.matches("td, th, tr, h2, li")) element.setAttribute("role", "button");
  }
  for (const link of root.querySelectorAll('a[href="#"]')) link.setAttribute("role", "button");
  // A dialog's action has no address of its own to go to.
  for (const link of root.querySelectorAll("a[hx-get]")) link.setAttribute("aria-haspopup", "dialog");
  for (const box of root.querySelectorAll("input.action-select")) {
    const row = box.closest("tr")?.querySelector("th")?.textContent.trim();
    box.ariaLabel ??= row ? `Select ${row}` : "Select this row";
  }
  for (const box of root.querySelectorAll("#action-toggle")) box.ariaLabel ??= "Select all rows";
  regions(root);
}

function regions(root) {
  for (const piece of root.querySelectorAll(".simplebar-content-wrapper")) {
    // A region that scrolls has to be reachable, and only then.
    piece.tabIndex = piece.scrollWidth <= piece.clientWidth && piece.scrollHeight <= piece.clientHeight ? -1 : 0;
  }
}

// The scroll bars are measured once, maybe while a wider font stood in for ours; nothing else measures them again.
function settled() {
  for (const element of document.querySelectorAll("[data-simplebar]")) window.SimpleBar?.instances.get(element)?.recalculate();
  regions(document);
}

document.addEventListener("keydown", (event) => {
  const element = event.target;
  if (!(element instanceof HTMLElement) || element.matches(NATIVE) || !element.hasAttribute("x-on:click")) return;
  if (event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  element.click();
});

// The dialog holds the focus while it is open, and gives it back to where it came from.
let opener = null;
function dialog() {
  const content = document.getElementById("modal-content");
  const layer = content?.parentElement;
  if (!content || !layer) return;
  content.setAttribute("role", "dialog");
  content.setAttribute("aria-modal", "true");
  const page = document.getElementById("page");
  const enter = () => content.querySelector("input:not([type=hidden]), select, textarea, button[type=submit]")?.focus();
  const turn = () => {
    const open = getComputedStyle(layer).display !== "none";
    if (!page || open === page.inert) return;
    page.inert = open;
    if (open) {
      content.ariaLabel = content.querySelector("h1, h2")?.textContent.trim() || "Question";
      if (!content.matches(".htmx-swapping, .htmx-settling")) enter();
    } else {
      opener?.focus();
      opener = null;
    }
  };
  new MutationObserver(turn).observe(layer, { attributes: true, attributeFilter: ["style"] });
  // Not before htmx has taken the form over: who presses Enter at once would send it past the dialog.
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target === content && page?.inert) enter();
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target === content) opener = event.detail.elt;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target === content) mend(content);
  });
}

const content = document.getElementById("content");
if (content) {
  content.tabIndex = -1;
  content.setAttribute("role", "main");
}
mend(document);
dialog();
addEventListener("load", () => document.fonts.ready.then(settled));
document.addEventListener("htmx:afterSwap", (event) => mend(event.target));
document.addEventListener("live:refreshed", (event) => mend(event.target));
