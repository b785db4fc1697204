// The walk: knobs for the edge, a picture drawn by the kernel, buttons to step through it.

let walks = 0;

class WalkView {
  constructor(model, el) {
    this.model = model;
    this.id = `k8snet-walk-${++walks}`;
    this.spec = model.get("spec");
    this.build();
    el.append(this.node);
    this.onFrame = () => this.show(model.get("frame"));
    this.onMessage = (message) => {
      if (message.kind === "error") this.error.textContent = message.text;
    };
    model.on("change:frame", this.onFrame);
    model.on("msg:custom", this.onMessage);
    this.onFrame();
  }

  ask(message) {
    this.error.textContent = "";
    this.model.send(message);
  }

  build() {
    this.selects = {};
    this.knobs = element("div", { class: "k8s-knobs" });
    for (const knob of this.spec.knobs) {
      const id = `${this.id}-${knob.name}`;
      const select = element("select", {
        id, "data-knob": knob.name,
        onchange: () => this.ask({ kind: "set", name: knob.name, value: knob.options[select.selectedIndex][0] }),
      }, ...knob.options.map(([, label]) => element("option", {}, label)));
      this.selects[knob.name] = select;
      this.knobs.append(element("div", { class: "k8s-walk-knob" }, element("label", { for: id }, knob.label), select));
    }
    const step = (by) => () => this.ask({ kind: "go", step: this.frame.step + by });
    this.back = element("button", { type: "button", class: "k8s-button", "data-action": "back", onclick: step(-1) }, "◀ Back");
    this.next = element("button", { type: "button", class: "k8s-button k8s-primary", "data-action": "next", onclick: step(1) }, "Next hop ▶");
    this.slider = element("input", {
      type: "range", min: 1, step: 1, "aria-label": "Hop", "data-action": "hop",
      oninput: () => this.ask({ kind: "go", step: Number(this.slider.value) - 1 }),
    });
    this.where = element("span", { class: "k8s-status" });
    this.reset = element("button", { type: "button", class: "k8s-button", onclick: () => this.ask({ kind: "reset" }) }, "Reset");
    this.error = element("p", { class: "k8s-error", role: "alert" });
    this.gate = this.question();
    this.verdict = element("p", { class: "k8s-verdict", role: "status" });
    this.picture = element("div", { class: "k8s-walk-picture" });
    this.text = element("p", { class: "k8s-walk-text" });
    this.summary = element("p", { class: "k8s-headline" });
    this.notes = element("ul", { class: "k8s-notes" });
    this.spoken = element("p", { class: "k8s-spoken", role: "status", "aria-live": "polite" });
    this.table = element("div", { class: "k8s-walk-table" });
    this.open = element("div", {},
      this.knobs, this.verdict,
      element("div", { class: "k8s-walk-steps" }, this.back, this.slider, this.next, this.where),
      this.picture, this.text, this.summary, this.notes, this.spoken,
      element("details", { class: "k8s-more" }, element("summary", {}, "The whole road as a table"), this.table));
    this.node = element("section", { class: "k8s-explorer k8s-walk", "aria-label": this.spec.title },
      element("div", { class: "k8s-bar" }, element("h3", { class: "k8s-title" }, this.spec.title), this.reset),
      this.error, this.gate, this.open);
  }

  question() {
    const name = `${this.id}-guess`;
    const options = this.spec.answers.map(([address, who]) => element("label", { class: "k8s-walk-choice" },
      element("input", { type: "radio", name, value: address }), ` ${who} `, element("code", {}, address)));
    return element("form", {
      class: "k8s-gate", onsubmit: (event) => {
        event.preventDefault();
        const picked = this.gate.querySelector("input:checked");
        if (picked) this.ask({ kind: "commit", guess: picked.value });
        else this.error.textContent = "Pick one first, or show the road without a guess.";
      },
    },
    element("p", {}, "Before you walk, commit a guess. ", this.spec.setting),
    element("fieldset", { class: "k8s-walk-choices" }, element("legend", {}, this.spec.question), ...options),
    element("div", { class: "k8s-gate-line" },
      element("button", { type: "submit", class: "k8s-button k8s-primary", "data-action": "commit" }, "Commit"),
      element("button", { type: "button", class: "k8s-button", "data-action": "skip", onclick: () => this.ask({ kind: "commit", guess: "" }) }, "Show without a guess")));
  }

  show(frame) {
    this.frame = frame;
    this.gate.hidden = !frame.covered;
    this.open.hidden = this.reset.hidden = frame.covered;
    if (frame.covered) return;
    for (const knob of this.spec.knobs) {
      const place = knob.options.findIndex(([value]) => value === frame.edge[knob.name]);
      this.selects[knob.name].selectedIndex = place;
    }
    this.slider.max = frame.count;
    this.slider.value = frame.step + 1;
    this.slider.setAttribute("aria-valuetext", `Hop ${frame.step + 1} of ${frame.count}: ${frame.title}`);
    this.back.disabled = frame.step === 0;
    this.next.disabled = frame.step === frame.count - 1;
    this.where.textContent = `hop ${frame.step + 1} of ${frame.count}`;
    this.picture.innerHTML = frame.svg;
    this.text.replaceChildren(element("b", {}, `${frame.step + 1}. ${frame.title}. `), frame.text);
    this.summary.textContent = frame.summary;
    this.verdict.textContent = frame.verdict;
    this.notes.replaceChildren(...frame.notes.map((note) => element("li", {}, note)));
    this.table.innerHTML = frame.table;
    if (this.spoken.textContent !== frame.spoken) this.spoken.textContent = frame.spoken;
  }

  stop() {
    this.model.off("change:frame", this.onFrame);
    this.model.off("msg:custom", this.onMessage);
  }
}

export default {
  render({ model, el }) {
    const view = new WalkView(model, el);
    return () => view.stop();
  },
};
