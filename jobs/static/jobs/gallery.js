// The gallery: more tiles while one scrolls, decisions by keys and buttons, and a preview of thresholds.
// Decisions show at once, before the server has them.
import { DecisionQueue } from "./decisions.js";
import { Sheet, dress } from "./sheet.js";

const root = document.querySelector("[data-gallery]");
let sheet = null; // the tiles, on a page that has a grid of them

function places(id) {
  if (sheet) return [sheet.tile(id)].filter(Boolean);
  return [...root.querySelectorAll(`[data-id="${id}"]`)];
}

function stateOf(id) {
  const [place] = places(id);
  return { decision: place?.dataset.decision ?? "", label: place?.dataset.label ?? "" };
}

function show(id, decision, label) {
  for (const place of places(id)) {
    place.dataset.decision = decision;
    place.dataset.label = label;
    dress(place);
  }
  const large = root.querySelector("[data-large]");
  if (large?.open && large.dataset.shows === String(id)) large.dataset.decision = decision;
}

function start() {
  const grid = root.querySelector("[data-grid]");
  const queue = new DecisionQueue(root.dataset, root.querySelector("[data-status]"), show);
  const mayDecide = "mayDecide" in root.dataset;
  const made = []; // strokes of this page, each {batch} once the server has told
  const large = root.querySelector("[data-large]");
  const help = root.querySelector("[data-help]");
  const relabel = root.querySelector("[data-relabel]");
  let current = null;
  let anchor = null;

  sheet = grid ? new Sheet(grid) : null;
  const selected = () => (sheet ? sheet.tiles.filter((tile) => tile.hasAttribute("data-picked")) : []);
  const isTile = (node) => node?.classList?.contains("pg-tile");

  function focus(tile, { scroll = true } = {}) {
    if (!tile) return;
    if (current) current.tabIndex = -1;
    current = tile;
    tile.tabIndex = 0;
    if (scroll) sheet.reach(tile);
    tile.focus({ preventScroll: true });
    if (large?.open) enlarge(tile);
  }

  const scrolledAway = () => Boolean(sheet && current && !large?.open && !sheet.inView(current));

  function step(by) {
    if (!current || scrolledAway()) return focus(sheet.visible());
    const next = sheet.beside(current, by);
    if (next === current && by > 0) more?.load();
    return focus(next);
  }

  function pick(tile, on) {
    if (!tile) return;
    tile.toggleAttribute("data-picked", on ?? !tile.hasAttribute("data-picked"));
    dress(tile);
  }

  function select(tile, on) {
    pick(tile, on);
    told();
  }

  function told() {
    const number = selected().length;
    queue.say(number ? `${number} selected` : "");
  }

  function targets() {
    if (root.dataset.single) return [Number(root.dataset.single)];
    const chosen = selected();
    if (chosen.length && !large?.open) return chosen.map((tile) => Number(tile.dataset.id));
    return current ? [Number(current.dataset.id)] : [];
  }

  function decide(kind, label = "") {
    if (!mayDecide) return;
    // Nothing is decided about an image that nobody sees: the first key goes to one in view.
    if (grid && !selected().length && (!current || scrolledAway())) return step(0);
    const images = targets();
    if (!images.length) return;
    const before = images.map((id) => [id, stateOf(id)]);
    const stroke = { batch: null };
    made.push(stroke);
    for (const [id, old] of before) show(id, kind, kind === "relabel" ? label : old.label);
    queue.say(images.length > 1 ? `${kind}: ${images.length} images` : kind);
    for (let start = 0; start < images.length; start += 1000) {
      queue.add({
        images: images.slice(start, start + 1000), kind, label,
        done: (batch) => { stroke.batch = [...(stroke.batch ?? []), batch]; },
        failed: () => {
          made.splice(made.indexOf(stroke), 1);
          for (const [id, old] of before) show(id, old.decision, old.label);
        },
      });
    }
    if (root.dataset.single) return;
    const many = selected();
    if (many.length && !large?.open) {
      for (const tile of many) pick(tile, false);
    } else step(1);
  }

  function undo() {
    if (!mayDecide) return;
    queue.say("Undoing…");
    queue.add({
      kind: "undo",
      body: () => {
        const last = made.pop();
        if (last?.batch) return { batches: last.batch };
        return { job: root.dataset.job, project: root.dataset.project };
      },
      done: (_, answer) => {
        const place = sheet?.tile(answer.images[0]?.id);
        if (place) focus(place);
      },
    });
  }

  function askLabel() {
    if (!mayDecide || !targets().length) return;
    const number = targets().length;
    relabel.querySelector("[data-relabel-what]").textContent = number > 1 ? `New label of ${number} images` : "New label";
    const field = relabel.querySelector("input");
    field.value = "";
    relabel.showModal();
    field.focus();
  }

  relabel?.querySelector("form").addEventListener("submit", (event) => {
    const label = relabel.querySelector("input").value.trim();
    if (label) setTimeout(() => decide("relabel", label));
    else event.preventDefault();
  });

  function enlarge(tile) {
    if (!large || !tile) return;
    sheet.reach(tile); // Where it was scrolled away, it holds nothing.
    const link = tile.querySelector(".pg-picture");
    large.dataset.shows = tile.dataset.id;
    large.dataset.decision = tile.dataset.decision;
    const picture = large.querySelector("[data-large-picture]");
    picture.src = `${tile.querySelector("img").getAttribute("src")}?size=large`;
    picture.alt = tile.querySelector("img").alt;
    large.querySelector("[data-large-caption]").textContent = `${tile.querySelector("[data-name]").textContent} · ${tile.querySelector(".pg-fine").textContent}`;
    large.querySelector("[data-large-link]").href = link.href;
    if (!large.open) large.showModal();
  }

  function openedAt(tile) {
    sheet.reach(tile);
    return tile.querySelector(".pg-picture").href;
  }

  const doing = {
    keep: () => decide("keep"), reject: () => decide("reject"), relabel: askLabel, undo,
    help: () => help.showModal(),
    next: () => (root.dataset.single ? go(root.dataset.older) : step(1)),
    previous: () => (root.dataset.single ? go(root.dataset.newer) : step(-1)),
  };

  function go(url) {
    if (url) location.assign(url);
  }

  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) return doing[button.dataset.do]();
    if (event.target.closest("[data-close]")) return event.target.closest("dialog").close();
    const batch = event.target.closest("[data-undo-batch]");
    if (batch) return undoOne(batch, { batches: [batch.dataset.undoBatch] });
    const single = event.target.closest("[data-undo-decision]");
    if (single) return undoOne(single, { decision: Number(single.dataset.undoDecision) });
    const tile = event.target.closest("[data-grid] .pg-tile");
    if (!tile || event.ctrlKey || event.metaKey || event.button) return undefined;
    if (event.target.closest(".pg-pick")) {
      if (event.target.matches("input")) {
        pick(tile, event.target.checked);
        focus(tile, { scroll: false });
        told();
      }
      return undefined;
    }
    event.preventDefault();
    focus(tile, { scroll: false });
    return event.shiftKey ? select(tile) : enlarge(tile);
  });

  function undoOne(button, body) {
    button.disabled = true;
    queue.add({
      kind: "undo", body: () => body,
      done: () => {
        button.closest("tr").classList.add("pg-undone");
        button.replaceWith("undone");
      },
      failed: () => { button.disabled = false; },
    });
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const place = event.target;
    if (place.closest?.("input:not([type=checkbox]), select, textarea, [contenteditable]")) return;
    const open = document.querySelector("dialog[open]");
    if (open && open !== large) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const onControl = place.closest?.("button, a, summary, [role=button]") && !isTile(place);
    const moves = { ArrowLeft: -1, ArrowRight: 1, n: 1, p: -1, j: 1 };
    if (root.dataset.single) {
      if (key === "ArrowLeft" || key === "p") doing.previous();
      else if (key === "ArrowRight" || key === "n" || key === "j") doing.next();
      else if (key === "k") doing.keep();
      else if (key === "r") doing.reject();
      else if (key === "l") doing.relabel();
      else if (key === "u") doing.undo();
      else if (key === "?") doing.help();
      else if (key === "Escape") go(root.dataset.back);
      else return;
      event.preventDefault();
      return;
    }
    if (!grid) return;
    if (key in moves || (!open && (key === "ArrowUp" || key === "ArrowDown"))) {
      const by = moves[key] ?? (key === "ArrowUp" ? -sheet.columns : sheet.columns);
      if (event.shiftKey && current) {
        anchor ??= current;
        select(current, true);
        step(by);
        select(current, true);
      } else {
        anchor = null;
        step(by);
      }
    } else if (key === "k") doing.keep();
    else if (key === "r") doing.reject();
    else if (key === "l") doing.relabel();
    else if (key === "u") doing.undo();
    else if (key === "?") doing.help();
    else if (key === "x" && current && !scrolledAway()) select(current);
    else if (key === "a" && !open) {
      for (const tile of sheet.tiles) pick(tile, true);
      told();
    } else if (key === " " && !onControl && current) {
      if (open) large.close();
      else enlarge(current);
    } else if (key === "Enter" && !onControl && current) go(openedAt(current));
    else if (key === "Escape" && !open) {
      for (const tile of selected()) pick(tile, false);
      told();
    } else return;
    event.preventDefault();
  });

  large?.addEventListener("close", () => current?.focus({ preventScroll: true }));
  window.addEventListener("beforeunload", (event) => {
    if (queue.waiting.length) event.preventDefault();
  });
  // A thumbnail that the server had no time to make is asked for again, three times at most.
  root.addEventListener("error", (event) => {
    const picture = event.target;
    const tries = Number(picture.dataset?.tries ?? 0);
    if (picture.tagName !== "IMG" || !picture.closest(".pg-tile") || tries >= 3) return;
    picture.dataset.tries = tries + 1;
    const source = picture.src;
    setTimeout(() => { picture.src = source; }, 1500 * (tries + 1));
  }, true);
  const more = grid ? endless(grid, queue) : null;
  if (grid) {
    const first = sheet.tiles[0];
    if (first) {
      first.tabIndex = 0;
      grid.addEventListener("focusin", (event) => {
        if (isTile(event.target) && event.target !== current) {
          if (current) current.tabIndex = -1;
          current = event.target;
          current.tabIndex = 0;
        }
      });
    }
  }
  for (const field of root.querySelectorAll("[data-filters] select")) {
    field.addEventListener("change", () => {
      const query = new URLSearchParams([...new FormData(field.form)].filter(([, value]) => value));
      location.assign(`${location.pathname}?${query}`);
    });
  }
}

function endless(grid, queue) {
  const loading = root.querySelector("[data-loading]");
  const end = root.querySelector("[data-end]");
  // What asks for more stands below the grid, whatever part of the grid is in the page.
  const foot = document.createElement("div");
  foot.className = "pg-more";
  grid.after(foot);
  let busy = false;
  let empty = 0;
  const watcher = new IntersectionObserver((seen) => {
    if (seen.some((one) => one.isIntersecting)) load();
  }, { rootMargin: "3000px 0px" });

  function put(next) {
    foot.replaceChildren(...(next ? next.childNodes : []));
    foot.dataset.more = next?.dataset.more ?? "";
    next?.remove();
    end.hidden = Boolean(next);
    watcher.unobserve(foot);
    if (next) watcher.observe(foot); // It tells at once where it is in view already.
  }

  async function load() {
    const url = foot.dataset.more;
    if (!url || busy) return;
    busy = true;
    loading.hidden = false;
    watcher.unobserve(foot);
    try {
      const answer = await fetch(url, { credentials: "same-origin", redirect: "error", headers: { "HX-Request": "true" } });
      if (!answer.ok) throw new Error();
      const template = document.createElement("template");
      template.innerHTML = await answer.text();
      empty = sheet.add(template.content) ? 0 : empty + 1;
      busy = false;
      // Windows without a match: it goes on looking, but not for ever without being asked.
      put(template.content.querySelector("[data-more]"));
      if (empty >= 50) watcher.unobserve(foot);
    } catch {
      queue.say("More images could not be loaded. Scroll up and down again, or press “More”.", true);
      busy = false;
    }
    loading.hidden = true;
  }

  foot.addEventListener("click", (event) => {
    if (!event.target.closest("a")) return;
    event.preventDefault();
    load();
  });
  put(grid.querySelector("[data-more]"));
  return { load };
}

function thresholds(form) {
  const here = form.querySelector("[data-preview-here]");
  let timer = null;
  let asked = 0;

  async function preview() {
    const query = new URLSearchParams([...new FormData(form)].filter(([name]) => name !== "csrfmiddlewaretoken"));
    const mine = (asked += 1);
    here.setAttribute("aria-busy", "true");
    try {
      const base = form.dataset.preview;
      const answer = await fetch(`${base}${base.includes("?") ? "&" : "?"}${query}`, { credentials: "same-origin", redirect: "error" });
      const text = await answer.text();
      if (mine !== asked || !answer.ok) return;
      const template = document.createElement("template");
      template.innerHTML = text;
      here.replaceChildren(template.content);
    } finally {
      if (mine === asked) here.removeAttribute("aria-busy");
    }
  }

  form.addEventListener("input", (event) => {
    const output = event.target.closest(".pg-slider")?.querySelector("[data-value]");
    if (output) output.textContent = event.target.value;
    clearTimeout(timer);
    timer = setTimeout(() => preview().catch(() => {}), 200);
  });
  form.querySelector("[data-usual-all]").addEventListener("click", () => {
    for (const slider of form.querySelectorAll("[data-usual]")) {
      slider.value = slider.dataset.usual;
      slider.closest(".pg-slider").querySelector("[data-value]").textContent = slider.dataset.usual;
    }
    preview().catch(() => {});
  });
}

if (root) start();
for (const form of document.querySelectorAll("[data-thresholds]")) thresholds(form);
