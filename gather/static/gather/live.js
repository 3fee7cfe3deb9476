// The live page: cards of tasks that move by the live feed, and the form that starts a gather.
import { LiveFeed } from "./live-feed.js";

const ENDED = { complete: "completed", error: "failed", cancelled: "cancelled" };
const STATES = { PENDING: "pending", STARTED: "running", PROGRESS: "running", SUCCESS: "completed", FAILURE: "failed", REVOKED: "cancelled" };
const CARDS = 50;
const LINES = 200;

const cards = new Map();
const list = document.getElementById("tasks");
const log = document.getElementById("log");
const message = document.getElementById("message");
const connection = document.getElementById("connection");
const csrf = document.body.dataset.csrf;

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function say(text) {
  message.textContent = text;
  message.hidden = !text;
}

async function call(path, method = "GET", body) {
  const headers = csrf ? { "X-CSRFToken": csrf } : {};
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message ?? answer.detail ?? `${response.status}`);
  return answer;
}

function card(taskId, taskType) {
  if (cards.has(taskId)) return cards.get(taskId);
  const item = element("li", "task");
  item.dataset.task = taskId;
  const head = element("div", "head");
  const state = element("span", "badge", "pending");
  const stop = element("button", "quiet", "Cancel");
  stop.type = "button";
  stop.hidden = taskType !== "automated_gather";
  stop.onclick = async () => {
    stop.disabled = true;
    try {
      await call(`/api/v1/automated-gather/cancel/${taskId}`, "DELETE");
      say("");
    } catch (error) {
      stop.disabled = false;
      say(error.message);
    }
  };
  head.append(element("span", "name", taskType), element("span", "id", taskId), state, stop);
  const bar = document.createElement("progress");
  bar.max = 100;
  bar.value = 0;
  bar.setAttribute("aria-label", `Progress of ${taskType} ${taskId}`);
  const text = element("div", "text");
  item.append(head, bar, text);
  list.prepend(item);
  document.getElementById("empty").hidden = true;
  const made = { item, state, bar, text, stop };
  cards.set(taskId, made);
  if (cards.size > CARDS) {
    const [oldest, gone] = cards.entries().next().value;
    gone.item.remove();
    cards.delete(oldest);
    feed.forget(`task:${oldest}`);
  }
  return made;
}

function setState(shown, state) {
  shown.state.textContent = state;
  shown.state.dataset.state = state;
  if (["completed", "failed", "cancelled"].includes(state)) shown.stop.hidden = true;
  if (state === "completed") shown.bar.value = 100;
}

// Gathers say a percentage; chunks how many of their target they have; others whatever their handler reports.
function percentage(progress) {
  if (typeof progress.percentage === "number") return progress.percentage;
  const done = progress.images ?? progress.done;
  return progress.target ? Math.min(100, Math.floor((100 * done) / progress.target)) : null;
}

function show(frame) {
  const { taskId, taskType, event, status, timestamp, data = {} } = frame.data;
  const shown = card(taskId, taskType);
  const share = percentage(data);
  if (event === "progress" && share !== null) shown.bar.value = share;
  const facts = [data.message, data.error, data.images !== undefined ? `${data.images} images` : ""].filter(Boolean);
  if (facts.length) shown.text.textContent = facts.join(" · ");
  setState(shown, status ? status.toLowerCase() : ENDED[event] ?? "running");
  const line = element("li", "");
  const when = element("time", "", new Date(timestamp).toLocaleTimeString());
  when.dateTime = timestamp;
  line.append(when, `${taskType} ${taskId.slice(0, 8)} ${event}${facts.length ? `: ${facts.join(" · ")}` : ""}`);
  line.dataset.channel = frame.channel;
  line.dataset.seq = frame.seq ?? "";
  log.prepend(line);
  while (log.children.length > LINES) log.lastChild.remove();
}

const feed = new LiveFeed({
  onFrame: show,
  onState(state) {
    connection.textContent = state;
    connection.dataset.state = state;
    // Runs that were started elsewhere while this page was away.
    if (state === "live") recent().catch((error) => say(error.message));
  },
});

async function recent() {
  const { items } = await call("/api/v1/automated-gather/runs?limit=20");
  for (const run of items.reverse()) {
    if (cards.has(run.taskId)) continue;
    const shown = card(run.taskId, "automated_gather");
    shown.bar.value = run.progress?.percentage ?? 0;
    setState(shown, STATES[run.status] ?? "pending");
    feed.follow(`task:${run.taskId}`);
  }
}

document.getElementById("start").onsubmit = async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const started = await call("/api/v1/automated-gather/start", "POST", {
      projectId: form.projectId.value.trim(),
      gatherCount: Number(form.gatherCount.value),
      options: { saveInterval: Number(form.saveInterval.value), errorRecovery: form.errorRecovery.checked },
    });
    say("");
    card(started.taskId, "automated_gather");
    feed.follow(`task:${started.taskId}`);
  } catch (error) {
    say(error.message);
  } finally {
    button.disabled = false;
  }
};

window.pixtasksFeed = feed; // For people at the browser's console, and for tests.
