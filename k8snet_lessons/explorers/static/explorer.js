// The widget: knobs, headline, plots, numbers, buttons; and what each message does.

const LEFT_MS = 800; // after the fine picture: the hand has left the knobs

function button(label, title, onclick) {
  return element("button", { type: "button", class: "k8s-button", title, onclick }, label);
}

// The still picture that stands before this explorer in the notebook.
function stillBefore(el) {
  const own = el.closest(".jp-OutputArea-child");
  const before = own?.previousElementSibling;
  return before?.querySelector(".jp-RenderedImage img") ? before : null;
}

class ExplorerView {
  constructor(model, el) {
    this.model = model;
    this.spec = model.get("spec");
    this.panels = [];
    this.number = null;
    this.courier = new Courier((message) => model.send(message), (how) => this.waiting(how));
    this.build();
    el.append(this.node);
    this.el = el;
    this.onMessage = (message, buffers) => this.take(message, buffers);
    model.on("msg:custom", this.onMessage);
    plotlyOnPage(() => model.send({ kind: "plotly" })).then((Plotly) => {
      this.Plotly = Plotly;
      this.drawAll();
    });
    this.sizes = new ResizeObserver(() => this.redrawSoon());
    this.sizes.observe(this.grid);
    this.theme = new MutationObserver(() => this.redrawSoon());
    this.theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
    this.courier.ask({ kind: "hello" });
  }

  build() {
    const turn = (name, value) => {
      this.values[name] = value;
      this.unaccepted[name] = value;
      if (this.preset) this.preset.selectedIndex = 0;
      this.node.dataset.state = "moving";
      this.courier.move(this.unaccepted);
    };
    const type = (name, text) => {
      if (!this.controls[name].refused && readable(this.values[name]) === text) return;
      if (this.typed === name && this.typedText === text) return; // Enter is also a change
      this.typed = name;
      this.typedText = text;
      this.node.dataset.state = "moving";
      this.courier.move({ ...this.unaccepted, [name]: text });
    };
    this.unaccepted = {}; // turned, and not yet taken by the model
    this.controls = {};
    this.values = {};
    const groups = { main: element("div", { class: "k8s-knobs" }), more: element("div", { class: "k8s-knobs" }) };
    for (const spec of this.spec.knobs) {
      this.values[spec.name] = spec.default;
      if (spec.group === "hidden") continue; // only presets and Python change it
      this.controls[spec.name] = new KnobControl(spec, turn, type);
      groups[spec.group].append(this.controls[spec.name].node);
    }
    this.more = element("details", { class: "k8s-more", hidden: !groups.more.childElementCount },
      element("summary", {}, "More knobs"), groups.more);
    this.headline = element("p", { class: "k8s-headline" });
    this.spoken = element("p", { class: "k8s-spoken", role: "status", "aria-live": "polite" });
    this.status = element("span", { class: "k8s-status" });
    this.alert = element("p", { class: "k8s-error", role: "alert" });
    this.compared = element("p", { class: "k8s-compared" });
    this.verdict = element("p", { class: "k8s-verdict", role: "status" });
    this.kept = element("p", { class: "k8s-kept" });
    this.grid = element("div", { class: "k8s-panels" });
    this.gate = element("form", { class: "k8s-gate", hidden: true, onsubmit: (e) => this.commit(e) });
    this.numbers = element("table", { class: "k8s-numbers" });
    this.notes = element("ul", { class: "k8s-notes" });
    this.codeText = element("pre", { class: "k8s-code", hidden: true, tabindex: 0 });
    this.node = element("section", { class: "k8s-explorer", "aria-label": this.spec.title },
      this.bar(), groups.main, this.more, this.alert, this.headline, this.spoken, this.compared, this.verdict,
      this.kept, this.gate, this.grid, element("div", { class: "k8s-foot" }, this.numbers, this.notes), this.codeText);
  }

  bar() {
    const aside = (message) => () => this.courier.ask(message);
    const ask = (message) => {
      this.node.dataset.state = "moving";
      this.courier.ask(message);
    };
    const leave = (message) => {
      this.unaccepted = {};
      ask(message);
    };
    const bar = element("div", { class: "k8s-bar" },
      element("h3", { class: "k8s-title" }, this.spec.title), this.status);
    if (this.spec.presets.length) {
      this.preset = element("select", {
        "aria-label": "Preset", "data-action": "preset",
        onchange: () => this.preset.selectedIndex && leave({ kind: "preset", name: this.preset.value }),
      }, element("option", { value: "" }, "Preset …"),
      ...this.spec.presets.map((name) => element("option", { value: name }, name.replaceAll("_", " "))));
      bar.append(this.preset);
    }
    this.pin = button("Pin as A", "Keep this setting in the picture, to compare others with it",
      () => ask({ kind: this.isPinned ? "unpin" : "pin" }));
    this.evidence = button("Show measurements", "Lay measured points over the plot",
      () => ask({ kind: "evidence", on: this.evidence.getAttribute("aria-pressed") !== "true" }));
    this.evidence.setAttribute("aria-pressed", "false");
    this.code = button("Copy Python", "Copy the Python that reproduces this plot", aside({ kind: "code" }));
    this.csv = button("Download CSV", "Download this result as CSV", aside({ kind: "csv" }));
    this.reset = button("Reset", "All knobs to their defaults", () => {
      if (this.preset) this.preset.selectedIndex = 0;
      leave({ kind: "reset" });
    });
    this.evidence.hidden = this.code.hidden = this.csv.hidden = true;
    bar.append(this.pin, this.evidence, this.code, this.csv, this.reset);
    return bar;
  }

  waiting(how) {
    const words = { slow: "waiting for the kernel …", refining: "working out the fine picture …", lost: "no answer from the kernel: run this cell again" };
    this.status.textContent = words[how] ?? "";
  }

  take(message, buffers) {
    if (message.kind === "plotly") {
      receivePlotly(buffers[0]);
      return;
    }
    if (message.kind === "frame") this.takeFrame(message, buffers);
    else if (message.kind === "error") this.takeError(message);
    else if (message.kind === "csv") save(message.name, message.text);
    else if (message.kind === "code") this.showCode(message.text);
    if (!message.seq) return;
    const coarse = message.kind === "frame" ? !message.rest : undefined;
    this.courier.answered(message.seq, { coarse });
  }

  takeError({ field, text }) {
    this.node.dataset.state = "refused";
    this.courier.refused();
    const control = this.controls[field];
    if (!control) this.alert.textContent = text;
    else if (this.typed === field) control.refuse(text.replace(field, control.spec.label));
    else control.explain(text);
    if (control?.spec.group === "more") this.more.open = true;
    this.typed = null;
  }

  takeFrame(message, buffers) {
    if (message.base !== null && message.base !== this.number) {
      // A frame was missed (the view is new, or the connection broke): ask for a whole one.
      if (this.number !== null) this.courier.ask({ kind: "hello" });
      return;
    }
    this.number = message.number;
    const overtaken = this.courier.overtaken(message.seq);
    if (!overtaken) this.unaccepted = {};
    // Another setting altogether: what was typed and refused goes with the old one.
    const afresh = ["preset", "reset"].includes(this.courier.asked);
    if (message.settings && !overtaken) Object.assign(this.values, message.settings);
    for (const [name, control] of Object.entries(this.controls)) {
      const taken = message.settings && !overtaken && (name === this.typed || !control.refused);
      if (!taken && !(afresh && control.refused)) continue;
      if (control.refused || control.value !== this.values[name] || name === this.typed) control.show(this.values[name]);
      else control.explain("");
    }
    this.typed = null;
    this.alert.textContent = "";
    if ("gate" in message) this.showGate(message.gate);
    if (message.gate) this.hideStill(); // it would give the answer away
    if ("panels" in message) this.takePanels(message.panels, buffers, message.rest);
    this.takeWords(message);
    if (!overtaken) this.node.dataset.state = message.rest ? "fine" : "coarse";
  }

  takePanels(changes, buffers, rest) {
    while (this.panels.length > changes.length) this.panels.pop().remove(this.Plotly);
    while (this.panels.length < changes.length) {
      const panel = new PanelPlot(this.spec.dark);
      // Who points at a plot wants its values now.
      panel.node.addEventListener("pointerenter", () => this.Plotly && panel.settle(this.Plotly).then(() => this.noteSettled()));
      this.panels.push(panel);
      this.grid.append(panel.node);
    }
    changes.forEach((change, i) => {
      if (this.panels[i].take(change, buffers) && this.Plotly) this.panels[i].show(this.Plotly);
    });
    this.noteSettled();
    if (rest) this.settleSoon();
    if (this.Plotly && changes.length) this.live();
  }

  takeWords(message) {
    if ("headline" in message) this.headline.textContent = message.headline;
    if (message.rest) {
      const said = this.headline.textContent + " " + (message.comparison ?? this.compared.textContent);
      if (this.spoken.textContent !== said) this.spoken.textContent = said;
    }
    if ("comparison" in message) this.compared.textContent = message.comparison;
    if ("verdict" in message) this.verdict.textContent = message.verdict;
    if ("kept" in message) this.kept.textContent = message.kept;
    if ("pinned" in message) {
      this.isPinned = message.pinned;
      this.pin.textContent = message.pinned ? "Unpin A" : "Pin as A";
    }
    if ("has" in message) {
      for (const what of ["evidence", "code", "csv"]) this[what].hidden = !message.has[what];
    }
    if ("evidence" in message) this.evidence.setAttribute("aria-pressed", String(message.evidence));
    if ("table" in message) this.showTable(message.table);
    if ("notes" in message) this.notes.replaceChildren(...message.notes.map((note) => element("li", {}, note)));
  }

  showTable(rows) {
    const names = rows[0]?.length === 4 ? ["", "now (B)", "pinned (A)", "change"] : ["", "now"];
    const cells = this.numbers.querySelectorAll("tbody td, tbody th");
    const texts = rows.flat();
    if (cells.length === texts.length && this.columns === names.length) {
      cells.forEach((cell, i) => cell.textContent !== texts[i] && (cell.textContent = texts[i]));
      return;
    }
    this.columns = names.length;
    const head = element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)));
    const body = rows.map(([label, ...cells]) => element("tr", {},
      element("th", { scope: "row" }, label), ...cells.map((cell) => element("td", {}, cell))));
    this.numbers.replaceChildren(element("caption", {}, "In numbers"), element("thead", {}, head), element("tbody", {}, ...body));
  }

  showGate(gate) {
    this.gate.hidden = !gate;
    this.node.classList.toggle("k8s-covered", Boolean(gate));
    for (const control of Object.values(this.controls)) control.disable(Boolean(gate));
    if (!gate) return;
    const id = uniqueId("guess");
    this.guess = element("input", { id, type: "text", inputmode: "decimal", autocomplete: "off", class: "k8s-number",
      "data-action": "guess", onkeydown: (event) => event.key === "Enter" && this.commit(event) });
    this.gateError = element("p", { class: "k8s-error", role: "alert" });
    this.gate.replaceChildren(
      element("p", { class: "k8s-gate-why" }, "Before the curve shows, commit a guess. It is drawn through the curve afterwards."),
      element("label", { for: id }, gate.question),
      element("div", { class: "k8s-gate-line" }, this.guess, element("span", { class: "k8s-unit" }, gate.unit),
        element("button", { type: "submit", class: "k8s-button k8s-primary" }, "Commit"),
        button("Show without a guess", "Uncover the plot", () => this.courier.ask({ kind: "skip" }))),
      this.gateError);
  }

  commit(event) {
    event.preventDefault();
    const value = Number(this.guess.value.replaceAll(",", ""));
    if (this.guess.value.trim() === "" || !Number.isFinite(value)) {
      this.gateError.textContent = `The guess is “${this.guess.value}”; allowed: a number.`;
      return;
    }
    this.courier.ask({ kind: "commit", value });
  }

  async showCode(text) {
    this.codeText.textContent = text;
    this.codeText.hidden = false;
    try {
      await navigator.clipboard.writeText(text);
      this.status.textContent = "Python copied";
    } catch {
      getSelection().selectAllChildren(this.codeText);
      this.status.textContent = "Python shown below, selected";
    }
  }

  // One panel at a time, when the hand has left the knobs and the browser has nothing better
  // to do: each takes some 30 ms, and a press must not wait for it.
  settleSoon() {
    this.settleLater();
    const next = async (left) => {
      if (!left.length || this.courier.busy) return;
      await left[0].settle(this.Plotly);
      this.noteSettled();
      this.settling = requestIdleCallback(() => next(left.slice(1)));
    };
    if (this.Plotly) this.leaving = setTimeout(() => next(this.panels), LEFT_MS);
  }

  settleLater() {
    clearTimeout(this.leaving);
    cancelIdleCallback(this.settling);
  }

  // Says on the page that Plotly drew all there is to see, and nothing will move by itself.
  noteSettled() {
    this.node.dataset.settled = String(this.panels.every((panel) => panel.settled));
  }

  redrawSoon() {
    cancelAnimationFrame(this.redraw);
    this.redraw = requestAnimationFrame(() => this.drawAll());
  }

  async drawAll() {
    if (!this.Plotly) return;
    const drawn = this.panels.map((panel) => panel.draw(this.Plotly));
    if (this.panels.length) this.live();
    await Promise.all(drawn);
    this.noteSettled();
  }

  // The plots are drawn: the still picture has served.
  live() {
    this.node.dataset.live = "true";
    this.hideStill();
  }

  hideStill() {
    this.still ??= stillBefore(this.el);
    if (this.still) this.still.style.display = "none";
  }

  stop() {
    this.courier.stop();
    this.settleLater();
    this.sizes.disconnect();
    this.theme.disconnect();
    this.model.off("msg:custom", this.onMessage);
    for (const panel of this.panels) panel.remove(this.Plotly);
    if (this.still) this.still.style.display = "";
  }
}

export default {
  render({ model, el }) {
    const view = new ExplorerView(model, el);
    return () => view.stop();
  },
};
