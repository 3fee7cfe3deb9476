// Pieces of a page that move by themselves. An element with data-live="URL" is asked for again when something happens
// that it shows:
//   data-live-on="all"           everybody's tasks (staff)
//   data-live-on="task:A,task:B" these tasks; without the attribute the reader's own
//   data-live-every="1000"       at most so often, in milliseconds
// The answer is the element's new content. What holds the focus and how far it is scrolled stays; afterwards the
// element gets the event "live:refreshed". While the WebSocket is away it is asked for every 15 seconds.
import { LiveFeed } from "../gather/live-feed.js";

const SLOWLY = 15000;
const pieces = new Map(); // element -> {channels, every, timer, busy, again, last}
let state = "connecting";

function channelsOf(element) {
  const named = (element.dataset.liveOn ?? "").split(",").map((name) => name.trim()).filter(Boolean);
  return named.length ? new Set(named) : null;
}

async function refresh(element) {
  const piece = pieces.get(element);
  if (!piece || piece.busy) {
    if (piece) piece.again = true;
    return;
  }
  piece.busy = true;
  piece.again = false;
  piece.last = Date.now();
  try {
    const answer = await fetch(element.dataset.live, { headers: { "HX-Request": "true" }, credentials: "same-origin", redirect: "error" });
    if (answer.status === 204) return;
    if (answer.ok) {
      put(element, await answer.text());
      if (answer.headers.get("X-Live") === "ended") pieces.delete(element);
    }
  } catch {
    // The server is away: the next frame or the slow clock asks again.
  } finally {
    piece.busy = false;
    if (piece.again) later(element);
  }
}

function put(element, text) {
  const active = document.activeElement;
  const focus = active && active !== element && element.contains(active) ? active.id || active.dataset.key : null;
  const scrolled = [...element.querySelectorAll("[data-keep-scroll]")].map((part) => [part.dataset.keepScroll, part.scrollTop, part.scrollLeft]);
  const template = document.createElement("template");
  template.innerHTML = text;
  element.replaceChildren(template.content);
  for (const [name, top, left] of scrolled) element.querySelector(`[data-keep-scroll="${CSS.escape(name)}"]`)?.scrollTo(left, top);
  if (focus) element.querySelector(`#${CSS.escape(focus)}, [data-key="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  window.htmx?.process(element);
  element.dispatchEvent(new CustomEvent("live:refreshed", { bubbles: true }));
}

function later(element) {
  const piece = pieces.get(element);
  if (!piece || piece.timer) return;
  const wait = Math.max(0, piece.last + piece.every - Date.now());
  piece.timer = setTimeout(() => {
    piece.timer = null;
    if (document.hidden) piece.again = true;
    else refresh(element);
  }, wait);
}

function hear(frame) {
  for (const [element, piece] of pieces) {
    if (!element.isConnected) pieces.delete(element);
    else if (!piece.channels || piece.channels.has("all") || piece.channels.has(frame.channel)) later(element);
  }
}

function begin() {
  for (const element of document.querySelectorAll("[data-live]")) {
    if (pieces.has(element)) continue;
    pieces.set(element, {
      channels: channelsOf(element),
      every: Number(element.dataset.liveEvery ?? 1000),
      timer: null,
      busy: false,
      again: false,
      last: Date.now(),
    });
  }
  if (!pieces.size) return;
  const wanted = new Set([...pieces.values()].flatMap((piece) => [...(piece.channels ?? [])]));
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const query = wanted.has("all") ? "?channel=all" : "";
  const feed = new LiveFeed({
    url: `${scheme}://${location.host}/ws/${query}`,
    onFrame: hear,
    onState: (now) => {
      // What happened before the connection was there, or while it was away, is in no frame.
      if (now === "live" && state !== "live") for (const element of pieces.keys()) later(element);
      state = now;
      document.documentElement.dataset.liveState = now;
    },
  });
  for (const channel of wanted) if (channel !== "all") feed.watch(channel);
}

setInterval(() => {
  if (state !== "live" && !document.hidden) for (const element of pieces.keys()) later(element);
}, SLOWLY);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) for (const [element, piece] of pieces) if (piece.again) refresh(element);
});
window.pixtasks = { ...window.pixtasks, refreshLive: () => pieces.forEach((_, element) => later(element)) };
begin();
