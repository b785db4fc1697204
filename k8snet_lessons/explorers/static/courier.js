// Carries what the hand does to the kernel, in order: one message in flight, and moves
// that wait are merged into one. What was overtaken is never sent, so a knob turned fast
// leaves no queue of stale work. Where the answer was a preview, the fine picture is asked
// for when the hand rests; nothing ever waits for that, and the next message ends it.

const REST_MS = 450; // a knob that has not moved for so long is at rest
const SLOW_MS = 500; // then the learner is told that the kernel is busy
const LOST_MS = 15000; // then an answer is given up (the kernel was restarted)
const ASIDE = new Set(["code", "csv"]); // these leave the picture, and what is worked out for it, alone

class Courier {
  constructor(send, onWaiting) {
    this.send = send;
    this.onWaiting = onWaiting;
    this.seq = 0;
    this.inFlight = 0;
    this.refining = 0; // number of the message that asked for the fine picture
    this.asked = ""; // kind of the message in flight
    this.queue = [];
    this.coarse = false; // the picture is a preview
    this.timers = {};
  }

  // Knobs moved: `settings` holds those that did.
  move(settings) {
    const last = this.queue.at(-1);
    if (last?.kind === "move") Object.assign(last.settings, settings);
    else this.queue.push({ kind: "move", settings: { ...settings } });
    this.pump();
  }

  // A button was pressed.
  ask(message) {
    this.queue.push(message);
    this.pump();
  }

  pump() {
    if (this.inFlight || !this.queue.length) return;
    const message = this.queue.shift();
    this.inFlight = ++this.seq;
    this.asked = message.kind;
    if (!ASIDE.has(message.kind)) {
      this.refining = 0;
      clearTimeout(this.timers.rest);
    }
    this.send({ ...message, seq: this.inFlight });
    this.await(this.inFlight);
  }

  refine() {
    this.refining = ++this.seq;
    this.send({ kind: "refine", seq: this.refining });
    this.await(this.refining);
  }

  await(seq) {
    this.clearWaiting();
    const how = seq === this.refining ? "refining" : "slow";
    this.timers.slow = setTimeout(() => this.onWaiting(how), SLOW_MS);
    this.timers.lost = setTimeout(() => this.answered(seq, { lost: true }), LOST_MS);
  }

  clearWaiting() {
    clearTimeout(this.timers.slow);
    clearTimeout(this.timers.lost);
  }

  // True while a message is on its way or the picture waits to be refined.
  get busy() {
    return Boolean(this.inFlight || this.queue.length || this.coarse);
  }

  // Whether something newer than this answer is on its way.
  overtaken(seq) {
    return this.queue.length > 0 || (Boolean(seq) && Boolean(this.inFlight) && seq < this.inFlight);
  }

  // An answer came, or is given up; `coarse` where it brought a preview, or the fine picture.
  answered(seq, { lost = false, coarse } = {}) {
    if (seq !== this.inFlight && seq !== this.refining) return;
    this.clearWaiting();
    this.onWaiting(lost ? "lost" : "");
    const moved = this.asked === "move";
    if (coarse !== undefined) this.coarse = coarse;
    if (seq === this.refining) this.refining = 0;
    else {
      this.inFlight = 0;
      this.asked = "";
    }
    if (this.inFlight) return;
    if (this.queue.length) this.pump();
    else if (this.coarse && !this.refining && !lost) {
      clearTimeout(this.timers.rest);
      this.timers.rest = setTimeout(() => this.refine(), moved ? REST_MS : 0);
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
