// The console's menus and its filters for the keyboard: who opens one by a key stands in it at once, wherever in the
// page it lies, and Escape closes it and leads back.

const POPUPS = "nav[x-show], #changelist-filter";
let opener = null;
let popup = null;

const shown = () => [...document.querySelectorAll(POPUPS)].filter((element) => element.checkVisibility());

document.addEventListener("click", (event) => {
  const trigger = event.target instanceof Element ? event.target.closest("[x-on\\:click]") : null;
  if (!trigger || trigger.closest(POPUPS)) return;
  const before = new Set(shown());
  // Alpine shows it in a task of its own.
  setTimeout(() => requestAnimationFrame(() => {
    const opened = shown().find((element) => !before.has(element));
    trigger.ariaExpanded = String(Boolean(opened));
    if (!opened) return;
    [opener, popup] = [trigger, opened];
    const byKey = event.detail === 0;
    if (byKey) opened.querySelector("a[href], button, input:not([type=hidden]), select, [tabindex='0']")?.focus();
  }));
}, true);

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const fold = document.querySelector("details.tt-menu[open]");
  if (fold) {
    fold.open = false;
    fold.querySelector("summary").focus();
  }
  if (!popup || !opener || document.getElementById("page")?.inert) return;
  const [closing, back] = [popup, opener];
  popup = opener = null;
  // The filters close by themselves, the menus do not.
  setTimeout(() => {
    if (closing.checkVisibility() && closing.matches("nav")) back.click();
    back.ariaExpanded = "false";
    back.focus();
  });
});
