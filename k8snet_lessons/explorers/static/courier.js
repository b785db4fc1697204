// Carries what the hand does to the kernel, in order: one message in flight, and moves
// that wait are merged into one. What was overtaken is never sent, so a knob turned fast
// leaves no queue of stale work.

const REST_MS = 450; // a knob that has not moved for so long is at rest
const SLOW_MS = 500; // then the learner is told that the kernel is busy
const LOST_MS = 15000; // then an answer is given up (the kernel was restarted)
const ASIDE = new Set(["hello", "code", "csv"]); // these leave the picture as coarse as it is

class Courier {
  constructor(send, onWaiting) {
    this.send = send;
    this.onWaiting = onWaiting;
    this.seq = 0;
    this.inFlight = 0;
    this.asked = ""; // kind of the message in flight
    this.queue = [];
    this.coarse = false; // the picture is a preview
    this.timers = {};
  }

  // Knobs moved: `settings` holds those that did.
  move(settings) {
    const last = this.queue.at(-1);
    if (last?.kind === "move" && !last.rest) Object.assign(last.settings, settings);
    else this.queue.push({ kind: "move", settings: { ...settings }, rest: false });
    this.pump();
  }

  // A button was pressed.
  ask(message) {
    this.queue.push(message);
    this.pump();
  }

  pump() {
    if (this.inFlight || !this.queue.length) return;
    clearTimeout(this.timers.rest);
    const message = this.queue.shift();
    this.inFlight = ++this.seq;
    this.asked = message.kind;
    if (!ASIDE.has(message.kind)) this.coarse = message.kind === "move" && !message.rest;
    this.send({ ...message, seq: this.inFlight });
    this.timers.slow = setTimeout(() => this.onWaiting("slow"), SLOW_MS);
    this.timers.lost = setTimeout(() => this.answered(this.inFlight, true), LOST_MS);
  }

  // True while a message is on its way or the picture waits to be refined.
  get busy() {
    return Boolean(this.inFlight || this.queue.length || this.coarse);
  }

  // True while something newer waits: the answer at hand is already overtaken.
  get overtaken() {
    return this.queue.length > 0;
  }

  answered(seq, lost = false) {
    if (seq !== this.inFlight) return;
    clearTimeout(this.timers.slow);
    clearTimeout(this.timers.lost);
    this.onWaiting(lost ? "lost" : "");
    this.inFlight = 0;
    this.asked = "";
    if (this.queue.length) return this.pump();
    if (this.coarse && !lost) {
      const refine = { kind: "move", settings: {}, rest: true };
      this.timers.rest = setTimeout(() => this.ask(refine), REST_MS);
    }
  }

  // The setting was refused: there is nothing to refine.
  refused() {
    this.coarse = false;
  }

  stop() {
    Object.values(this.timers).forEach(clearTimeout);
  }
}
