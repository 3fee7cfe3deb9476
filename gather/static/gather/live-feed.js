// The product's live feed over one WebSocket: it comes back by itself and misses nothing.
// After a reconnect the server is told the last frame's "cursor" and sends what was committed since, before anything
// new; a frame that comes again is known by its "seq" and dropped. The protocol: docs/websocket.md.

const FIRST_WAIT = 300;
const LONGEST_WAIT = 10000;
const REMEMBERED = 10000; // So many tasks: who watches everybody's for days must not remember all of them.
const NO_USE_TO_TRY = new Set([4401, 4403]); // Sign-in missing or refused: another try would end alike.

export class LiveFeed {
  /**
   * @param {{onFrame: (frame: object) => void, onState?: (state: string) => void, url?: string}} options
   *   onFrame gets every frame once, in order per task; onState hears "connecting", "live", "reconnecting", "refused".
   */
  constructor({ onFrame, onState = () => {}, url }) {
    this.onFrame = onFrame;
    this.onState = onState;
    this.url = url ?? `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/`;
    this.last = new Map(); // channel -> seq of the last frame that was handed on
    this.asked = new Map(); // channels besides one's own -> whether their history is wanted
    this.cursor = null; // of the last frame of any channel
    this.wait = FIRST_WAIT;
    this.stopped = false;
    this.connect();
  }

  /** Follow a task from a seq on (0: from its beginning); the caller's own tasks come without being asked for. */
  follow(channel, since = 0) {
    if (!this.last.has(channel)) this.last.set(channel, since);
    this.asked.set(channel, true);
    this.#ask(channel);
  }

  /** Hear of a task from now on. */
  watch(channel) {
    if (!this.asked.has(channel)) this.asked.set(channel, false);
    this.#ask(channel);
  }

  /** Forget a task: it is not asked for again after a reconnect. */
  forget(channel) {
    this.last.delete(channel);
    this.asked.delete(channel);
  }

  /** Close for good. */
  stop() {
    this.stopped = true;
    this.socket?.close();
  }

  connect() {
    this.onState(this.last.size ? "reconnecting" : "connecting");
    const socket = new WebSocket(this.cursor ? `${this.url}${this.url.includes("?") ? "&" : "?"}since=${this.cursor}` : this.url);
    this.socket = socket;
    socket.onopen = () => {
      this.wait = FIRST_WAIT;
      this.onState("live");
      // One's own tasks come by the cursor; somebody else's, which staff may follow, have to be asked for.
      for (const channel of this.asked.keys()) this.#ask(channel);
    };
    socket.onmessage = (message) => this.#take(JSON.parse(message.data));
    socket.onclose = (event) => {
      if (this.stopped) return;
      if (NO_USE_TO_TRY.has(event.code)) {
        this.onState("refused");
        return;
      }
      this.onState("reconnecting");
      // Jitter, so that a thousand pages do not come back in the same moment.
      setTimeout(() => this.connect(), this.wait * (0.5 + Math.random() / 2));
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    };
  }

  #ask(channel) {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const since = this.asked.get(channel) || this.last.has(channel) ? { since: this.last.get(channel) ?? 0 } : {};
    this.socket.send(JSON.stringify({ action: "subscribe", channel, ...since }));
  }

  #take(frame) {
    if (!frame.data) return; // Answers to what was asked, and errors.
    this.cursor = frame.cursor;
    if (frame.seq !== undefined && frame.seq !== null) {
      if (frame.seq <= (this.last.get(frame.channel) ?? 0)) return;
      this.last.set(frame.channel, frame.seq);
      if (this.last.size > REMEMBERED) this.last.delete(this.last.keys().next().value);
    }
    this.onFrame(frame);
  }
}
