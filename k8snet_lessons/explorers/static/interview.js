// The interview: one thing asked at a time, a clock that only counts, verdicts to overrule.

const STEPS = ["1 guessing", "2", "3", "4", "5 sure"];

class InterviewView {
  constructor(model, el) {
    this.model = model;
    this.body = element("div", { class: "k8s-interview-body" });
    this.error = element("p", { class: "k8s-error", role: "alert" });
    this.node = element("section", { class: "k8s-explorer k8s-interview", "aria-label": "Mock interview" }, this.body, this.error);
    el.append(this.node);
    this.onView = () => this.show(true);
    this.onMessage = (message) => this.take(message);
    model.on("change:view", this.onView);
    model.on("msg:custom", this.onMessage);
    this.show(false);
  }

  stop() {
    clearInterval(this.clock);
    clearTimeout(this.late);
    this.model.off("change:view", this.onView);
    this.model.off("msg:custom", this.onMessage);
  }

  show(focus) {
    const view = this.model.get("view");
    clearInterval(this.clock);
    clearTimeout(this.late);
    this.error.textContent = "";
    const build = { start: () => this.start(view), review: () => this.review(view), over: () => this.over(view) }[view.phase];
    this.body.replaceChildren(...(build ? build() : this.asking(view)));
    for (const link of this.body.querySelectorAll("[data-open]")) openInLab(link);
    if (!focus) return;
    this.body.querySelector("[data-focus]")?.focus({ preventScroll: true });
    this.node.scrollIntoView({ block: "nearest" });
  }

  send(message) {
    this.error.textContent = "";
    this.model.send(message);
    clearTimeout(this.late);
    this.late = setTimeout(() => (this.error.textContent = "No answer from the kernel: run this cell again."), 6000);
  }

  take({ kind, text, name }) {
    clearTimeout(this.late);
    if (kind === "error") this.error.textContent = text;
    if (kind === "file") save(name, text);
  }

  button(label, onclick, attributes = {}) {
    return element("button", { type: "button", class: "k8s-button", onclick, ...attributes }, label);
  }

  start(view) {
    const first = element("select", { "aria-label": "Begin with", "data-focus": true });
    for (const { id, title } of view.threads) first.append(element("option", { value: id, selected: id === view.first }, title));
    const count = element("select", { "aria-label": "Number of questions" });
    for (let n = 1; n <= view.most; n++) count.append(element("option", { value: n, selected: n === view.questions }, String(n)));
    const begin = () => this.send({ kind: "begin", first: first.value, questions: Number(count.value) });
    return [
      element("h3", { class: "k8s-title" }, "Mock interview"),
      element("p", {}, "Answer in your own words, as you would speak. The interviewer asks on where you were vague or wrong. Nothing leaves this machine."),
      element("div", { class: "k8s-interview-start" },
        element("label", {}, "Begin with ", first), element("label", {}, "Questions ", count),
        this.button("Begin", begin, { class: "k8s-button k8s-primary" })),
      ...(view.unfinished ? [element("div", { class: "k8s-interview-start" },
        element("span", {}, `An interview was broken off at “${view.unfinished}”. `),
        this.button("Go on with it", () => this.send({ kind: "resume" })))] : []),
    ];
  }

  asking(view) {
    const text = element("textarea", { rows: view.phase === "answer" ? 9 : 4, spellcheck: "true", "data-focus": true, class: "k8s-interview-text",
      "aria-label": view.phase === "answer" ? "Your answer" : `Your answer: ${view.step}` });
    const sure = view.phase === "answer" ? this.confidence() : null;
    const began = performance.now();
    const send = () => this.send({ kind: "say", text: text.value, seconds: (performance.now() - began) / 1000,
      confidence: Number(sure?.querySelector("input:checked")?.value ?? 0) });
    text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      event.stopPropagation();
      send();
    });
    return [
      this.head(view, view.phase === "answer" ? began : 0),
      worded("p", { class: "k8s-interview-prompt" }, view.prompt),
      ...view.said.flatMap((one) => this.told(one)),
      ...(view.ask ? [element("p", { class: "k8s-interview-ask" }, element("b", {}, `${view.step}. `), worded("span", {}, view.ask))] : []),
      text,
      element("div", { class: "k8s-interview-foot" }, ...(sure ? [sure] : []),
        this.button("Say it", send, { class: "k8s-button k8s-primary", title: "Ctrl+Enter" }),
        element("span", { class: "k8s-status" }, "Ctrl+Enter sends. An empty answer is an answer.")),
    ];
  }

  head(view, began) {
    const clock = element("span", { class: "k8s-status k8s-interview-clock", role: "timer" });
    const tick = () => {
      const spent = Math.floor((performance.now() - began) / 1000);
      const clocked = (s) => `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
      clock.textContent = `${clocked(spent)} of ${clocked(view.budget_s)}${spent > view.budget_s ? ": over, and it counts on" : ""}`;
    };
    if (began) {
      tick();
      this.clock = setInterval(tick, 1000);
    }
    return element("div", { class: "k8s-bar" }, element("h3", { class: "k8s-title" }, view.title), clock,
      element("span", { class: "k8s-status" }, `Question ${view.number} of ${view.planned}`));
  }

  told({ ask, text }) {
    const said = element("blockquote", {}, text.trim() || "(nothing)");
    return ask ? [element("p", { class: "k8s-interview-ask" }, ask), said] : [said];
  }

  confidence() {
    const name = uniqueId("sure");
    const options = STEPS.map((label, n) => element("label", {}, element("input", { type: "radio", name, value: n + 1 }), ` ${label}`));
    return element("fieldset", { class: "k8s-interview-sure" }, element("legend", {}, "How sure are you?"), ...options);
  }

  review(view) {
    const rows = this.verdicts(view.points, view.judgments);
    const confirm = () => this.send({ kind: "review", overruled: this.chosen(this.body) });
    const last = view.number === view.planned;
    return [
      this.head(view, 0),
      worded("p", { class: "k8s-interview-prompt" }, view.prompt),
      element("div", { class: "k8s-interview-pair" },
        element("div", {}, element("h4", {}, "Your answer"), worded("blockquote", {}, view.answer),
          ...(view.proved ? [element("h4", {}, "Prove it"), worded("p", {}, view.proved)] : [])),
        element("div", {}, element("h4", {}, "A model answer"), worded("div", { class: "k8s-interview-model" }, view.model))),
      element("h4", {}, "Proposed verdicts: you have the last word"),
      element("table", { class: "k8s-interview-points" }, ...rows),
      element("div", { class: "k8s-interview-foot" },
        this.button(last ? "Confirm, and see the report" : "Confirm, and go on", confirm, { class: "k8s-button k8s-primary", "data-focus": true })),
    ];
  }

  verdicts(points, judgments) {
    return points.map((point) => {
      const own = element("select", { "aria-label": "Your verdict", "data-point": point.id });
      for (const one of judgments) own.append(element("option", { value: one, selected: one === point.verdict }, one));
      own.addEventListener("change", () => (row.dataset.own = own.value));
      const words = point.evidence ? element("div", { class: "k8s-status" }, `“${point.evidence}”${point.prompted ? " (when asked)" : ""}`) : "";
      const row = element("tr", { "data-own": point.verdict }, element("td", {}, worded("span", {}, point.claim), words),
        element("td", {}, own));
      return row;
    });
  }

  chosen(part) {
    const overruled = {};
    for (const own of part.querySelectorAll("[data-point]")) overruled[own.dataset.point] = own.value;
    return overruled;
  }

  overruling(one, judgments) {
    const table = element("table", { class: "k8s-interview-points" }, ...this.verdicts(one.points, judgments));
    const change = () => this.send({ kind: "overrule", question: one.id, overruled: this.chosen(table) });
    return element("details", { class: "k8s-more" }, element("summary", {}, `Change your verdicts: ${one.title}`), table,
      element("div", { class: "k8s-interview-foot" }, this.button("Change them", change),
        element("span", { class: "k8s-status" }, "Both scores and their gap are recorded anew.")));
  }

  over(view) {
    const save = (what) => () => this.send({ kind: "save", what });
    return [
      element("h3", { class: "k8s-title", tabindex: -1, "data-focus": true }, "Debrief"),
      worded("div", { class: "k8s-interview-debrief" }, view.summary),
      element("p", { class: "k8s-error" }, view.notice),
      element("div", { class: "k8s-interview-foot" },
        this.button("Transcript (Markdown)", save("markdown")), this.button("Transcript (HTML)", save("page")),
        this.button("Log (JSON)", save("log")), this.button("Another interview", () => this.send({ kind: "again" }), { class: "k8s-button k8s-primary" })),
      element("details", { class: "k8s-more" }, element("summary", {}, "The answers, point by point"),
        ...view.questions.map((one) => worded("div", { class: "k8s-interview-debrief" }, one.html))),
      ...view.questions.map((one) => this.overruling(one, view.judgments)),
    ];
  }
}

export default pageOf(InterviewView);
