// The dashboard's charts tell the numbers of the stretch under the pointer, or of the one chosen with the arrow keys.
// Times of day are put into the reader's zone.
// What changes with the clock alone (a silent worker, the next minute) is asked for now and then.
const ASK_AGAIN = 20000;
const sameDay = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const otherDay = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "numeric", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
let chosen = null; // {panel, number of the chart, place}

const chartsOf = (panel) => [...panel.querySelectorAll(".px-chart")];

function show(figure, place) {
  const facts = JSON.parse(figure.dataset.chart);
  const length = facts.strands[0].values.length;
  const at = Math.max(0, Math.min(length - 1, place));
  const panel = figure.closest("[data-live]");
  chosen = { panel, number: chartsOf(panel).indexOf(figure), place: at };
  const moment = new Date(new Date(facts.begins).getTime() + at * facts.minutes * 60000);
  const until = new Date(moment.getTime() + facts.minutes * 60000);
  const time = facts.minutes === 1 ? sameDay.format(moment) : `${otherDay.format(moment)} – ${sameDay.format(until)}`;
  const lines = facts.strands.map(({ name, values }) => {
    const pace = facts.minutes === 1 ? "" : ` (${(values[at] / facts.minutes).toLocaleString(undefined, { maximumFractionDigits: 1 })} per minute)`;
    return `${values[at].toLocaleString()} ${name}${pace}`;
  });
  const mark = part(figure, "px-chart-at");
  mark.style.left = `${(100 * at) / length}%`;
  mark.style.width = `${100 / length}%`;
  const tip = part(figure, "px-chart-tip");
  tip.setAttribute("aria-live", "polite");
  tip.replaceChildren(...[time, ...lines].map((text) => Object.assign(document.createElement("div"), { textContent: text })));
  const middle = ((at + 0.5) / length) * figure.clientWidth;
  const room = figure.clientWidth - tip.offsetWidth;
  tip.style.left = `${Math.max(0, Math.min(room, middle - tip.offsetWidth / 2))}px`;
}

function part(figure, name) {
  let element = figure.querySelector(`.${name}`);
  if (!element) {
    element = document.createElement("div");
    element.className = name;
    figure.append(element);
  }
  return element;
}

function hide() {
  for (const element of document.querySelectorAll(".px-chart-at, .px-chart-tip")) element.remove();
  chosen = null;
}

function under(event) {
  const figure = event.target.closest?.(".px-chart");
  if (!figure) return chosen && !document.activeElement?.matches(".px-chart") ? hide() : undefined;
  const box = figure.getBoundingClientRect();
  const length = JSON.parse(figure.dataset.chart).strands[0].values.length;
  const place = Math.floor(((event.clientX - box.left) / box.width) * length);
  const at = chosen && chartsOf(chosen.panel)[chosen.number];
  if (at && at !== figure) hide();
  show(figure, place);
}

function tellClocks(root) {
  for (const element of root.querySelectorAll("time[data-clock]")) {
    const moment = new Date(element.dateTime);
    const today = moment.toDateString() === new Date().toDateString();
    element.textContent = (today ? sameDay : otherDay).format(moment);
    element.title = full.format(moment);
  }
}

tellClocks(document);
document.addEventListener("pointermove", under);
document.addEventListener("pointerdown", under);
document.addEventListener("keydown", (event) => {
  const figure = event.target.closest?.(".px-chart");
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (event.key === "Escape") hide();
  if (!figure || !step) return;
  event.preventDefault();
  const length = JSON.parse(figure.dataset.chart).strands[0].values.length;
  show(figure, (chosen ? chosen.place : length - 1 - step) + step);
});
document.addEventListener("focusout", (event) => event.target.matches?.(".px-chart") && hide());
document.addEventListener("live:refreshed", (event) => {
  tellClocks(event.target);
  if (!chosen || event.target !== chosen.panel) return;
  const figure = chartsOf(chosen.panel)[chosen.number];
  if (figure) show(figure, chosen.place);
});
setInterval(() => {
  if (!document.hidden) window.pixtasks?.refreshLive?.();
}, ASK_AGAIN);
