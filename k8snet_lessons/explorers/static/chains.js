// One packet and every rule: a tree of chains, the steps of one road, a place for a dump.

let walks = 0;

class ChainView {
  constructor(model, el) {
    this.model = model;
    this.id = `k8snet-chains-${++walks}`;
    this.spec = model.get("spec");
    this.build();
    el.append(this.node);
    this.onFrame = () => this.show(model.get("frame"));
    this.onMessage = (message) => {
      if (message.kind === "error") this.complaint.textContent = message.text;
    };
    model.on("change:frame", this.onFrame);
    model.on("msg:custom", this.onMessage);
    this.onFrame();
  }

  ask(message) {
    this.error.textContent = this.ownError.textContent = "";
    this.walking = message.kind === "walk";
    this.complaint = this.walking ? this.ownError : this.error;
    this.model.send(message);
  }

  labelled(label, input) {
    input.id = `${this.id}-${label.replace(/\W+/g, "-")}`;
    return element("div", {}, element("label", { for: input.id }, label), input);
  }

  build() {
    const set = (name, value) => this.ask({ kind: "set", name, value });
    this.endpoints = element("input", {
      type: "range", min: 0, max: this.spec.most, step: 1, class: "k8s-chain-slider", "data-knob": "endpoints",
      oninput: () => set("endpoints", Number(this.endpoints.value)),
    });
    this.count = element("span", { class: "k8s-status" });
    this.caller = element("select", { "data-knob": "caller", onchange: () => set("caller", this.spec.callers[this.caller.selectedIndex][0]) },
      ...this.spec.callers.map(([, words]) => element("option", {}, words)));
    this.policy = element("select", { "data-knob": "policy", onchange: () => set("policy", this.policy.value) },
      element("option", {}, "Cluster"), element("option", {}, "Local"));
    this.reset = element("button", { type: "button", class: "k8s-button", onclick: () => this.ask({ kind: "reset" }) }, "Reset");
    this.error = this.complaint = element("p", { class: "k8s-error", role: "alert" });
    this.ownError = element("p", { class: "k8s-error", role: "alert" });
    this.verdict = element("p", { class: "k8s-verdict", role: "status" });
    this.headline = element("p", { class: "k8s-headline", role: "status", "aria-live": "polite" });
    this.picture = element("div", { class: "k8s-chain-picture", onclick: (event) => {
      const leaf = event.target.closest("[data-outcome]");
      if (leaf) this.ask({ kind: "choose", outcome: Number(leaf.dataset.outcome) });
    } });
    this.choices = element("div", { class: "k8s-chain-choices", role: "group", "aria-label": "Which road is shown" });
    this.steps = element("div", {});
    this.notes = element("ul", { class: "k8s-notes" });
    this.gate = this.question();
    this.open = element("div", {},
      element("div", { class: "k8s-chain-knobs" },
        this.labelled("Ready endpoints", this.endpoints), this.count,
        this.labelled("Who calls", this.caller),
        this.labelled("externalTrafficPolicy", this.policy)),
      this.verdict, this.headline, this.picture, this.choices, this.steps, this.notes, this.own());
    this.node = element("section", { class: "k8s-explorer k8s-chains", "aria-label": "A packet and the rules" },
      element("div", { class: "k8s-bar" }, element("h3", { class: "k8s-title" }, "A packet and the rules of a node"), this.reset),
      this.error, this.gate, this.open);
  }

  own() {
    this.dump = element("textarea", { spellcheck: "false", "data-knob": "dump", placeholder: "*nat ... COMMIT" });
    this.packet = element("input", { type: "text", spellcheck: "false", "data-knob": "packet", value: this.spec.example.packet });
    this.origin = element("select", { "data-knob": "origin" },
      element("option", { value: "pod" }, "from a pod"), element("option", { value: "host" }, "from the node itself"),
      element("option", { value: "external" }, "from outside"));
    const walk = () => this.ask({ kind: "walk", dump: this.dump.value, packet: this.packet.value, origin: this.origin.value });
    const fill = () => { this.dump.value = this.spec.example.dump; };
    return element("details", { class: "k8s-more" },
      element("summary", {}, "Walk a packet through your own node's rules"),
      element("div", { class: "k8s-chain-own" },
        element("p", {}, "On a node, run iptables-save as root and paste what it prints. It stays on this machine."),
        this.labelled("Output of iptables-save", this.dump),
        element("div", { class: "k8s-chain-own-line" },
          this.labelled("Packet", this.packet), this.labelled("It comes", this.origin),
          element("button", { type: "button", class: "k8s-button k8s-primary", "data-action": "walk", onclick: walk }, "Walk it"),
          element("button", { type: "button", class: "k8s-button", "data-action": "example", onclick: fill }, "Put in an example")),
        this.ownError));
  }

  question() {
    const name = `${this.id}-guess`;
    return element("form", {
      class: "k8s-gate", onsubmit: (event) => {
        event.preventDefault();
        const picked = this.gate.querySelector("input:checked");
        if (picked) this.ask({ kind: "commit", guess: picked.value });
        else this.error.textContent = "Pick one first, or show the rules without a guess.";
      },
    },
    element("fieldset", { class: "k8s-chain-guess" }, element("legend", {}, this.spec.question),
      ...this.spec.answers.map((answer) => element("label", {}, element("input", { type: "radio", name, value: answer }), ` ${answer}`))),
    element("div", { class: "k8s-gate-line" },
      element("button", { type: "submit", class: "k8s-button k8s-primary", "data-action": "commit" }, "Commit"),
      element("button", { type: "button", class: "k8s-button", "data-action": "skip", onclick: () => this.ask({ kind: "commit", guess: "" }) }, "Show without a guess")));
  }

  show(frame) {
    this.gate.hidden = !frame.covered;
    this.open.hidden = this.reset.hidden = frame.covered;
    if (frame.covered) return;
    this.endpoints.value = frame.call.endpoints;
    this.count.textContent = `${frame.call.endpoints} pods`;
    this.caller.selectedIndex = this.spec.callers.findIndex(([name]) => name === frame.call.caller);
    this.policy.value = frame.call.policy;
    this.verdict.textContent = frame.verdict;
    if (this.headline.textContent !== frame.headline) this.headline.textContent = frame.headline;
    this.picture.innerHTML = frame.svg;
    this.choices.replaceChildren(...frame.outcomes.map((words, place) => element("button", {
      type: "button", class: "k8s-button", "aria-pressed": String(place === frame.chosen), "data-choice": place,
      onclick: () => this.ask({ kind: "choose", outcome: place }),
    }, words)));
    this.steps.innerHTML = frame.steps;
    for (const summary of this.steps.querySelectorAll("summary")) keepKeys(summary);
    this.notes.replaceChildren(...frame.notes.map((note) => element("li", {}, note)));
    // The answer to a packet of one's own stands above the place where it was asked.
    if (this.walking && frame.own) this.headline.scrollIntoView({ block: "center" });
    this.walking = false;
  }

  stop() {
    this.model.off("change:frame", this.onFrame);
    this.model.off("msg:custom", this.onMessage);
  }
}

export default {
  render({ model, el }) {
    const view = new ChainView(model, el);
    return () => view.stop();
  },
};
