// The incident room: a command line first, everything by keyboard, and a debrief at the end.

let rooms = 0;

class RoomView {
  constructor(model, el) {
    this.model = model;
    this.id = `k8snet-room-${++rooms}`;
    this.spec = model.get("spec");
    this.history = [];
    this.place = 0;
    this.build();
    el.append(this.node);
    this.onMessage = (message) => this.take(message);
    model.on("msg:custom", this.onMessage);
    this.ask({ kind: "hello" });
  }

  ask(message) {
    this.error.textContent = "";
    this.model.send(message);
  }

  take(message) {
    if (message.kind === "error") {
      this.error.textContent = message.text;
      this.busy(false);
    } else if (message.kind === "words") this.complete(message);
    else if (message.kind === "printed") {
      this.print(message.entry);
      this.minutes(message.minutes);
      this.busy(false);
    } else if (message.kind === "state") this.show(message);
  }

  build() {
    const button = (label, action, onclick, kind = "") =>
      element("button", { type: "button", class: `k8s-button ${kind}`, "data-action": action, onclick }, label);
    this.clock = element("span", { class: "k8s-status", role: "status" });
    this.number = element("input", {
      type: "text", inputmode: "numeric", class: "k8s-number", "aria-label": "Number of the incident",
      onkeydown: (event) => {
        event.stopPropagation();
        if (event.key === "Enter") this.begin(this.number.value);
      },
    });
    const another = button("Another incident", "new", () => this.begin(Math.floor(Math.random() * 1e6)));
    this.error = element("p", { class: "k8s-error", role: "alert" });
    this.page = element("pre", { class: "k8s-page", "aria-label": "The page" });
    this.gate = this.question();
    this.output = element("div", {
      class: "k8s-terminal", role: "log", tabindex: "0", "aria-label": "What the commands printed",
    });
    this.input = element("input", {
      type: "text", class: "k8s-command", id: `${this.id}-command`, autocomplete: "off", autocapitalize: "off",
      spellcheck: "false", "aria-describedby": `${this.id}-keys`, onkeydown: (event) => this.key(event),
    });
    const prompt = element("form", {
      class: "k8s-prompt", onsubmit: (event) => { event.preventDefault(); this.run(this.input.value); },
    },
    element("label", { for: `${this.id}-command`, "aria-label": "Command" }, "$"), this.input,
    element("button", { type: "submit", class: "k8s-button", "data-action": "run" }, "Run"));
    this.words = element("p", { class: "k8s-words-offered", role: "status" });
    const keys = element("p", { class: "k8s-keys", id: `${this.id}-keys` },
      "Enter runs, Tab completes, ↑ ↓ recall. Esc, then Tab, leaves the line. Every command takes simulated minutes.");
    const looks = element("div", { class: "k8s-looks", role: "group", "aria-label": "Common looks" },
      ...this.spec.looks.map((line) => element("button", {
        type: "button", class: "k8s-button k8s-look", onclick: () => this.run(line),
      }, line)));
    this.open = element("div", {}, looks, this.output, prompt, this.words, keys, this.conclusion(button));
    this.ended = element("div", { class: "k8s-debrief", role: "region", tabindex: "-1", "aria-label": "Debrief" });
    this.node = element("section", { class: "k8s-explorer k8s-room", "aria-label": this.spec.title },
      element("div", { class: "k8s-bar" },
        element("h3", { class: "k8s-title" }, this.spec.title), this.clock,
        element("label", { class: "k8s-status" }, "incident ", this.number), another),
      this.error, this.page, this.gate, this.open, this.ended);
  }

  select(label, name, options) {
    const id = `${this.id}-${name}`;
    const node = element("select", { id, "data-field": name },
      element("option", { value: "" }, "choose one"),
      ...options.map(([value, title]) => element("option", { value }, title)));
    return [node, element("div", { class: "k8s-field" }, element("label", { for: id }, label), node)];
  }

  question() {
    const [node, field] = this.select("Your first suspicion, from this page alone", "suspicion", this.spec.causes);
    return element("form", {
      class: "k8s-gate", onsubmit: (event) => {
        event.preventDefault();
        if (node.value) this.ask({ kind: "suspect", cause: node.value });
        else this.error.textContent = "Choose one first, or begin without a suspicion.";
      },
    },
    element("p", {}, "Before you look: what do you think it is? You are not held to it; the debrief sets it beside the answer."),
    field,
    element("div", { class: "k8s-gate-line" },
      element("button", { type: "submit", class: "k8s-button k8s-primary", "data-action": "commit" }, "Commit and look"),
      element("button", { type: "button", class: "k8s-button", "data-action": "skip", onclick: () => this.ask({ kind: "suspect", cause: "" }) }, "Look without one")));
  }

  conclusion(button) {
    const [cause, causeField] = this.select("What is it?", "cause", this.spec.causes);
    const [remedy, remedyField] = this.select("What do you do?", "remedy", this.spec.remedies);
    this.cause = cause;
    this.remedy = remedy;
    const apply = button("Apply the fix and replay the traffic", "conclude", () => {
      if (cause.value && remedy.value) {
        this.busy(true);
        this.ask({ kind: "conclude", cause: cause.value, remedy: remedy.value });
      } else this.error.textContent = "Name a cause and choose a fix.";
    }, "k8s-primary");
    this.apply = apply;
    return element("div", { class: "k8s-conclusion" }, causeField, remedyField, apply);
  }

  begin(seed) {
    this.ask({ kind: "new", seed });
  }

  busy(on) {
    this.node.dataset.state = on ? "busy" : "ready";
    this.apply.disabled = on;
  }

  run(line) {
    const typed = line.trim();
    if (!typed) return;
    this.history.push(typed);
    this.place = this.history.length;
    this.input.value = "";
    this.words.textContent = "";
    this.busy(true);
    this.ask({ kind: "run", line: typed });
    this.input.focus();
  }

  key(event) {
    const recall = (by) => {
      event.preventDefault();
      this.place = Math.max(0, Math.min(this.history.length, this.place + by));
      this.input.value = this.history[this.place] || "";
    };
    // JupyterLab's own shortcuts must not see what is typed here, Enter least of all.
    event.stopPropagation();
    if (event.key === "Enter") {
      event.preventDefault();
      this.run(this.input.value);
    } else if (event.key === "ArrowUp") recall(-1);
    else if (event.key === "ArrowDown") recall(1);
    else if (event.key === "Escape") this.leaving = true;
    else if (event.key === "Tab" && !event.shiftKey && this.input.value && !this.leaving) {
      event.preventDefault();
      this.ask({ kind: "complete", line: this.input.value });
    }
    if (event.key !== "Escape") this.leaving = false;
  }

  complete({ line, words }) {
    if (this.input.value !== line) return;
    const begun = line.split(" ").pop();
    let shared = words[0] || begun;
    for (const word of words) while (!word.startsWith(shared)) shared = shared.slice(0, -1);
    if (words.length === 1) shared += " ";
    this.input.value = line.slice(0, line.length - begun.length) + shared;
    this.words.textContent = words.length > 1 ? words.join("   ") : words.length ? "" : "no completion";
  }

  print(entry) {
    const cost = entry.minutes ? `${entry.minutes} min` : "";
    this.output.append(
      element("div", { class: "k8s-line" }, element("span", {}, `$ ${entry.line}`), element("span", { class: "k8s-cost" }, cost)),
      element("pre", entry.ok ? {} : { class: "k8s-complaint" }, entry.text));
    this.output.scrollTop = this.output.scrollHeight;
    const head = this.output.lastElementChild.previousElementSibling;
    // A long answer is read from its top.
    if (this.output.lastElementChild.offsetHeight > this.output.clientHeight) this.output.scrollTop = head.offsetTop - this.output.offsetTop;
  }

  minutes(count) {
    this.clock.textContent = `${count} simulated minute${count === 1 ? "" : "s"}`;
    this.node.dataset.minutes = count;
  }

  show(state) {
    this.number.value = state.seed;
    this.page.textContent = state.page;
    this.gate.hidden = !state.asking;
    this.open.hidden = state.asking;
    this.minutes(state.minutes);
    this.output.replaceChildren();
    for (const entry of state.log) this.print(entry);
    if (!state.log.length) {
      this.history = [];
      this.place = 0;
      this.cause.value = this.remedy.value = "";
      this.words.textContent = "";
    }
    this.ended.hidden = !state.debrief;
    if (state.debrief) this.tell(state.debrief);
    this.busy(false);
    if (state.debrief) this.ended.focus();
    else if (!state.asking && this.node.contains(document.activeElement)) this.input.focus();
    this.node.dataset.live = "true";
  }

  tell(end) {
    const verdict = end.right ? `✓ Right: ${end.title}.` : `✗ You named: ${end.named}. It was: ${end.title}.`;
    const picture = element("div", { class: "k8s-replay-box" });
    picture.innerHTML = end.picture;
    const rows = end.path.map(([command, because, minutes, taken]) => element("tr", {},
      element("td", {}, taken ? "✓" : "–"), element("td", {}, element("code", {}, command)),
      element("td", {}, because), element("td", { class: "k8s-right" }, `${minutes} min`)));
    const head = element("tr", {}, ...["seen", "command", "what it tells", "cost"].map((word) => element("th", { scope: "col" }, word)));
    const [title, file] = end.lesson;
    this.ended.replaceChildren(
      element("h4", {}, verdict),
      element("p", {}, end.story),
      ...(end.suspicion ? [element("p", {}, end.suspicion)] : []),
      element("p", {}, element("b", {}, `${end.fix}. `), end.fix_says),
      picture,
      element("p", { class: "k8s-score" }, element("b", {}, `${end.total} of 100 points`), ` (${end.points.map(([name, points]) => `${name} ${points}`).join(", ")})`),
      element("p", {}, `You took ${end.minutes} simulated minutes; the shortest path takes ${end.shortest}.`),
      ...(end.kept ? [element("p", { class: "k8s-status" }, end.kept)] : []),
      element("table", { class: "k8s-path-table" }, element("thead", {}, head), element("tbody", {}, ...rows)),
      element("p", {}, "Read on: ", file ? element("a", { href: file, target: "_blank", rel: "noopener" }, title) : title, "."));
  }

  stop() {
    this.model.off("msg:custom", this.onMessage);
  }
}

export default {
  render({ model, el }) {
    const view = new RoomView(model, el);
    return () => view.stop();
  },
};
