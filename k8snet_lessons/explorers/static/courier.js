// Carries knob settings to the kernel: one message in flight, the latest wins.
// What was overtaken is never sent, so a knob turned fast leaves no queue of stale work.

const REST_MS = 450; // a knob that has not moved for so long is at rest
const SLOW_MS = 500; // then the learner is told that the kernel is busy
const LOST_MS = 15000; // then an answer is given up (the kernel was restarted)

class Courier {
  constructor(send, onWaiting) {
    this.send = send;
    this.onWaiting = onWaiting;
    this.seq = 0;
    this.inFlight = 0;
    this.latest = null; // the newest setting not yet sent
    this.actions = []; // buttons pressed and not yet sent
    this.timers = {};
  }

  // A knob moved: `settings` is how all of them stand now.
  move(settings) {
    clearTimeout(this.timers.rest);
    this.latest = { kind: "move", settings, rest: false };
    this.pump();
  }

  // A button was pressed: each counts, after the newest setting.
  ask(message) {
    this.actions.push(message);
    this.pump();
  }

  pump() {
    if (this.inFlight) return;
    const message = this.latest ?? this.actions.shift();
    if (!message) return;
    if (message === this.latest) this.latest = null;
    this.inFlight = ++this.seq;
    if (message.kind === "move") this.coarse = message.rest ? null : message.settings;
    this.send({ ...message, seq: this.inFlight });
    this.timers.slow = setTimeout(() => this.onWaiting(true), SLOW_MS);
    this.timers.lost = setTimeout(() => this.answered(this.inFlight, true), LOST_MS);
  }

  // True while a move is on its way or waits to be refined.
  get busy() {
    return Boolean(this.inFlight || this.latest || this.coarse);
  }

  // True while a newer setting waits: the answer at hand is already overtaken.
  get overtaken() {
    return this.latest !== null;
  }

  answered(seq, lost = false) {
    if (seq !== this.inFlight) return;
    clearTimeout(this.timers.slow);
    clearTimeout(this.timers.lost);
    this.onWaiting(lost);
    this.inFlight = 0;
    if (this.latest || this.actions.length) return this.pump();
    if (this.coarse && !lost) this.timers.rest = setTimeout(() => this.refine(), REST_MS);
  }

  refine() {
    this.latest = { kind: "move", settings: this.coarse, rest: true };
    this.pump();
  }

  // The setting was refused: there is nothing to refine.
  refused() {
    this.coarse = null;
  }

  stop() {
    Object.values(this.timers).forEach(clearTimeout);
  }
}
