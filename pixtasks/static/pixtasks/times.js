// Times in the reader's own zone: <time data-when="ago"> tells how long ago and is kept fresh, "exact" tells the time.
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const STEPS = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [86400 * 60, 86400, "d"]];

function relative(moment) {
  const seconds = (Date.now() - moment) / 1000;
  for (const [below, unit, name] of STEPS) {
    if (Math.abs(seconds) < below) {
      const number = Math.floor(Math.abs(seconds) / unit);
      return seconds >= 0 ? `${number} ${name} ago` : `in ${number} ${name}`;
    }
  }
  return day.format(moment);
}

/** Write every time below a node anew. */
export function showTimes(root = document) {
  for (const element of root.querySelectorAll("time[data-when]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const text = element.dataset.when === "ago" ? relative(moment) : exact.format(moment);
    if (element.textContent !== text) element.textContent = text;
    if (!element.dataset.told) {
      element.title = full.format(moment);
      element.dataset.told = "yes";
    }
  }
}

showTimes();
setInterval(showTimes, 5000);
// htmx and live.js put new pieces into the page.
document.addEventListener("htmx:afterSwap", (event) => showTimes(event.target));
document.addEventListener("live:refreshed", (event) => showTimes(event.target));
