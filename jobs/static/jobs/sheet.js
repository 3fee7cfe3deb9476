// A sheet of any length: only the tiles near the view are in the page, the others are boxes without anything in them.
// Ten thousand whole tiles are half a million nodes and, in a browser that keeps decoded pictures, gigabytes.
const NEEDED = 1; // screens above and below the view that must be there
const MADE = 3; // screens that are made when some are missing

export class Sheet {
  constructor(grid) {
    this.grid = grid;
    this.tiles = []; // all of them, in order; what is far is not in the page
    this.places = new Map(); // id -> place among them
    this.held = new Map(); // tile that is not in the page -> what it holds, as HTML
    this.first = 0; // the tiles from here to `end` are in the page
    this.end = 0;
    this.planned = false;
    grid.classList.add("pg-even");
    this.take(grid);
    this.end = this.tiles.length;
    document.addEventListener("scroll", () => this.plan(), { capture: true, passive: true });
    new ResizeObserver(() => this.measure()).observe(grid);
    this.measure();
  }

  // More tiles, out of a piece of the page that the server has sent.
  add(content) {
    const before = this.tiles.length;
    this.take(content);
    for (const tile of this.tiles.slice(before)) this.rest(tile);
    this.update();
    return this.tiles.length - before;
  }

  take(parent) {
    for (const tile of [...parent.children]) {
      if (!tile.classList.contains("pg-tile") || this.places.has(tile.dataset.id)) continue;
      this.places.set(tile.dataset.id, this.tiles.length);
      this.tiles.push(tile);
    }
    this.grid.dataset.loaded = this.tiles.length;
  }

  tile(id) {
    return this.tiles[this.places.get(String(id))];
  }

  // The tile so many places on, or the last one on the way.
  beside(tile, by) {
    const place = this.places.get(tile.dataset.id) + by;
    return this.tiles[Math.max(0, Math.min(this.tiles.length - 1, place))];
  }

  // The first tile below what sticks to the top of the window.
  visible() {
    const row = Math.max(0, Math.floor((120 - this.grid.getBoundingClientRect().top) / this.row));
    return this.tiles[Math.min(this.tiles.length - 1, row * this.columns)];
  }

  inView(tile) {
    const { top, bottom } = tile.getBoundingClientRect();
    return tile.isConnected && bottom > 0 && top < innerHeight;
  }

  // Bring a tile into the page and into view.
  reach(tile) {
    const row = Math.floor(this.places.get(tile.dataset.id) / this.columns);
    const top = this.grid.getBoundingClientRect().top + row * this.row;
    if (!tile.isConnected) {
      window.scrollBy({ top: top - innerHeight / 3, behavior: "instant" });
      this.update();
    }
    tile.scrollIntoView({ block: "nearest", behavior: "instant" });
  }

  // All rows are as high as a tile is at this width.
  measure() {
    if (this.width === this.grid.clientWidth || !this.tiles.length) return;
    const shown = this.row ? this.visible() : null;
    const scrolled = this.grid.getBoundingClientRect().top < 0;
    this.width = this.grid.clientWidth;
    this.grid.style.gridAutoRows = "auto";
    const style = getComputedStyle(this.grid);
    const height = this.tiles[this.first].getBoundingClientRect().height;
    this.columns = style.gridTemplateColumns.split(" ").length;
    this.row = height + parseFloat(style.rowGap || "0");
    this.grid.style.gridAutoRows = `${height}px`;
    this.update(true);
    if (shown && scrolled) this.reach(shown);
  }

  plan() {
    if (this.planned) return;
    this.planned = true;
    requestAnimationFrame(() => {
      this.planned = false;
      this.update();
    });
  }

  // Places of the tiles within so many screens of the view, in whole rows.
  near(screens) {
    const top = -this.grid.getBoundingClientRect().top;
    const rows = Math.ceil(this.tiles.length / this.columns);
    const first = Math.max(0, Math.min(rows - 1, Math.floor((top - screens * innerHeight) / this.row)));
    const end = Math.max(first + 1, Math.min(rows, Math.ceil((top + (1 + screens) * innerHeight) / this.row)));
    return [first * this.columns, Math.min(this.tiles.length, end * this.columns)];
  }

  update(anew = false) {
    const [needed, last] = this.near(NEEDED);
    if (anew || needed < this.first || last > this.end) this.show(...this.near(MADE));
    const rows = Math.ceil(this.tiles.length / this.columns);
    this.grid.style.paddingTop = `${(this.first / this.columns) * this.row}px`;
    this.grid.style.paddingBottom = `${(rows - Math.ceil(this.end / this.columns)) * this.row}px`;
  }

  show(first, end) {
    const focused = this.grid.contains(document.activeElement) ? document.activeElement.closest(".pg-tile") : this.lost;
    const old = this.tiles.slice(this.first, this.end);
    const tiles = this.tiles.slice(first, end);
    const stay = new Set(tiles);
    for (const tile of old) if (!stay.has(tile)) this.rest(tile);
    let next = null;
    for (const tile of tiles.reverse()) {
      this.wake(tile);
      if (tile.parentNode !== this.grid) this.grid.insertBefore(tile, next);
      next = tile;
    }
    [this.first, this.end] = [first, end];
    // The keys go on from the tile in focus, also where it was scrolled away.
    this.lost = focused?.isConnected ? null : focused;
    if (focused?.isConnected && document.activeElement === document.body) focused.focus({ preventScroll: true });
  }

  rest(tile) {
    this.held.set(tile, tile.innerHTML);
    tile.remove();
    tile.replaceChildren();
  }

  wake(tile) {
    const html = this.held.get(tile);
    if (html === undefined) return;
    this.held.delete(tile);
    tile.innerHTML = html;
    dress(tile);
  }
}

// Show in an image's place what its attributes say; they are kept also while it is not in the page.
export function dress(place) {
  const { decision, label } = place.dataset;
  const said = place.querySelector("[data-said]");
  if (said) said.textContent = decision || (said.dataset.otherwise ?? "");
  const name = place.querySelector("[data-name]");
  if (name) {
    name.textContent = label || name.dataset.keyword;
    name.toggleAttribute("data-new", Boolean(label));
  }
  const box = place.querySelector(".pg-pick input");
  if (box) box.checked = place.hasAttribute("data-picked");
}
