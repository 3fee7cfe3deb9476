// Decisions on their way: one request after the other; what is pressed meanwhile goes with the next.
export class DecisionQueue {
  /**
   * @param {{decide: string, undo: string, csrf: string}} to where decisions go
   * @param {HTMLElement} status where it is told how they ended
   * @param {(id: number, decision: string, label: string) => void} show what the server says of an image
   */
  constructor(to, status, show) {
    this.to = to;
    this.status = status;
    this.show = show;
    this.waiting = [];
    this.busy = false;
  }

  add(entry) {
    this.waiting.push(entry);
    this.run();
  }

  async run() {
    if (this.busy) return;
    this.busy = true;
    while (this.waiting.length) {
      const together = [];
      let number = 0;
      do {
        number += this.waiting[0].images?.length ?? 0;
        together.push(this.waiting.shift());
      } while (together[0].kind !== "undo" && this.waiting.length && this.waiting[0].kind !== "undo" && number + (this.waiting[0].images?.length ?? 0) <= 1000);
      await this.send(together);
    }
    this.busy = false;
  }

  async send(together) {
    const [first] = together;
    const body = first.kind === "undo" ? first.body() : { decisions: together.map(({ images, kind, label }) => ({ images, kind, label })) };
    const url = first.kind === "undo" ? this.to.undo : this.to.decide;
    try {
      const answer = await fetch(url, {
        method: "POST", credentials: "same-origin", keepalive: true, redirect: "error",
        headers: { "Content-Type": "application/json", "X-CSRFToken": this.to.csrf }, body: JSON.stringify(body),
      });
      const told = (answer.headers.get("Content-Type") ?? "").includes("json") ? await answer.json() : {};
      if (!answer.ok) throw new Error(told.detail ?? `The server answered ${answer.status}.`);
      together.forEach((entry, index) => entry.done?.(told.batches[index], told));
      if (!this.waiting.length) for (const image of told.images) this.show(image.id, image.decision, image.label);
      this.say(first.kind === "undo" ? `Undone: ${told.images.length}` : "Saved");
    } catch (error) {
      for (const entry of together) entry.failed?.();
      this.say(error instanceof TypeError ? "Not saved: the server does not answer. Press the key again." : error.message, true);
    }
  }

  say(text, bad = false) {
    this.status.textContent = text;
    this.status.toggleAttribute("data-bad", bad);
  }
}
