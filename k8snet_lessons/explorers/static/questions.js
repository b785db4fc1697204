// Questions: one question at a time; an answer is explained at once, by the kernel.

const LETTERS = "ABCDEFGH";
const LEVELS = { screen: "a first interview", senior: "a senior's interview", staff: "a staff engineer's interview" };
const LATE_MS = 4000; // then the learner is told that the kernel does not answer

class QuizView {
  constructor(model, el) {
    this.model = model;
    this.spec = model.get("spec");
    this.at = 0;
    this.title = element("h3", { class: "k8s-title" }, this.spec.title);
    this.steps = element("div", { class: "k8s-quiz-steps", role: "group", "aria-label": "Questions" });
    this.score = element("span", { class: "k8s-status" });
    this.again = element("button", { type: "button", class: "k8s-button", title: "Answer all questions anew",
      onclick: () => this.restart() }, "Answer again");
    this.form = element("form", { class: "k8s-quiz-form", onsubmit: (event) => this.submit(event) });
    this.told = element("p", { class: "k8s-verdict", role: "status", "aria-live": "polite", tabindex: -1 });
    this.error = element("p", { class: "k8s-error", role: "alert" });
    this.kept = element("p", { class: "k8s-kept" });
    this.submitButton = element("button", { type: "submit", class: "k8s-button k8s-primary" }, "Check");
    this.next = element("button", { type: "button", class: "k8s-button k8s-primary", onclick: () => this.go(this.following(), true) }, "Next question");
    this.foot = element("div", { class: "k8s-quiz-foot" }, this.submitButton, this.next);
    this.node = element("section", { class: "k8s-explorer k8s-quiz", "aria-label": this.spec.title },
      element("div", { class: "k8s-bar" }, this.title, this.score, this.steps, this.again),
      this.form, this.kept);
    el.append(this.node);
    this.onAnswers = () => this.answersChanged();
    this.onError = (message) => this.refused(message);
    model.on("change:answers", this.onAnswers);
    model.on("change:kept", this.onAnswers);
    model.on("msg:custom", this.onError);
    const open = this.spec.items.findIndex((item) => !this.answerTo(item));
    this.at = Math.max(0, open);
    this.ask();
    this.showBar();
  }

  get item() {
    return this.spec.items[this.at];
  }

  answerTo(item) {
    return this.model.get("answers")[item.id];
  }

  // The next question that is open, else the next one, else none.
  following() {
    const order = [...this.spec.items.keys()].map((n) => (this.at + 1 + n) % this.spec.items.length);
    return order.find((n) => !this.answerTo(this.spec.items[n])) ?? -1;
  }

  go(place, focus) {
    if (place < 0) return;
    this.at = place;
    this.ask();
    this.showBar();
    if (focus) this.form.querySelector("input, button:not([hidden])")?.focus();
  }

  restart() {
    this.model.send({ kind: "again" });
    this.restarting = true;
  }

  // Build the question at hand; answering it only adds words to what is built here.
  ask() {
    const { kind, prompt, output, options, unit, level } = this.item;
    const id = uniqueId("question");
    const head = `Question ${this.at + 1} of ${this.spec.items.length}${level ? ` · asked in ${LEVELS[level]}` : ""}`;
    const set = element("fieldset", { class: "k8s-quiz-set" }, element("legend", {}, head),
      worded("div", { class: "k8s-quiz-prompt", id: `${id}-prompt` }, prompt));
    set.setAttribute("aria-describedby", `${id}-prompt`);
    if (output) set.append(element("pre", { class: "k8s-code", tabindex: 0 }, output));
    this.because = [];
    this.inputs = [];
    if (kind === "choice") {
      options.forEach((html, n) => {
        const input = element("input", { type: "radio", name: id, id: `${id}-${n}`, value: n, "aria-describedby": `${id}-${n}-because`,
          onkeydown: (event) => this.letter(event) });
        const because = element("p", { class: "k8s-quiz-because", id: `${id}-${n}-because`, hidden: true });
        set.append(element("div", { class: "k8s-quiz-option" }, input,
          element("label", { for: `${id}-${n}` }, element("b", {}, `${LETTERS[n]}. `), worded("span", {}, html)), because));
        this.inputs.push(input);
        this.because.push(because);
      });
    } else if (kind === "number") {
      const input = element("input", { type: "text", inputmode: "decimal", autocomplete: "off", class: "k8s-number", id: `${id}-number`,
        "aria-label": "Your answer", onkeydown: (event) => event.key === "Enter" && this.submit(event) });
      set.append(element("div", { class: "k8s-gate-line" }, input, element("span", { class: "k8s-unit" }, unit)));
      this.inputs.push(input);
    }
    this.submitButton.textContent = kind === "card" ? "Show the answer" : "Check";
    this.back = element("div", { class: "k8s-quiz-back", hidden: true });
    set.append(this.back);
    this.told.textContent = "";
    this.error.textContent = "";
    this.form.replaceChildren(set, this.told, this.error, this.foot);
    this.showAnswer();
  }

  // A, B, C ... choose as well as the arrow keys do.
  letter(event) {
    const n = LETTERS.indexOf(event.key.toUpperCase());
    if (event.ctrlKey || event.metaKey || event.altKey || event.key.length !== 1 || !this.inputs[n] || this.inputs[n].disabled) return;
    event.preventDefault();
    this.inputs[n].checked = true;
    this.inputs[n].focus();
  }

  submit(event) {
    event.preventDefault();
    if (this.answerTo(this.item)) return this.go(this.following(), true);
    if (this.item.kind === "card") return this.send({ kind: "turn", id: this.item.id });
    const [input] = this.item.kind === "number" ? this.inputs : this.inputs.filter((one) => one.checked);
    if (!input || input.value.trim() === "") {
      this.error.textContent = this.item.kind === "number" ? "Type a number first." : "Choose an answer first.";
      return;
    }
    const given = this.item.kind === "number" ? input.value : Number(input.value);
    this.send({ kind: "answer", id: this.item.id, given });
  }

  send(message) {
    this.error.textContent = "";
    this.model.send(message);
    clearTimeout(this.late);
    this.late = setTimeout(() => (this.error.textContent = "No answer from the kernel: run this cell again."), LATE_MS);
    this.answering = true;
  }

  refused({ kind, text, id, html }) {
    clearTimeout(this.late);
    if (kind === "error") this.error.textContent = text;
    if (kind === "back" && id === this.item.id) this.showBack(html);
  }

  showBack(html) {
    this.back.innerHTML = html;
    this.back.hidden = false;
    const rate = (given, label) => element("button", { type: "button", class: "k8s-button", "data-rate": given,
      onclick: () => this.send({ kind: "answer", id: this.item.id, given }) }, label);
    const known = rate("known", "I knew it");
    this.back.append(element("div", { class: "k8s-gate-line" }, known, rate("missed", "I missed it")));
    this.submitButton.hidden = true;
    known.focus();
  }

  answersChanged() {
    clearTimeout(this.late);
    this.error.textContent = "";
    this.kept.textContent = this.model.get("kept");
    if (this.restarting) {
      this.restarting = false;
      this.go(0, true);
      return;
    }
    this.showAnswer();
    this.showBar();
    if (this.answering && this.answerTo(this.item)) {
      this.answering = false;
      (this.next.hidden ? this.told : this.next).focus();
    }
  }

  showAnswer() {
    const answer = this.answerTo(this.item);
    const { kind } = this.item;
    this.submitButton.hidden = Boolean(answer);
    this.next.hidden = !answer || this.following() < 0;
    for (const input of this.inputs) input.disabled = Boolean(answer);
    if (!answer) return;
    if (kind === "choice") {
      this.inputs[answer.chosen].checked = true;
      answer.because.forEach((html, n) => {
        const right = n === answer.key;
        this.because[n].innerHTML = `<b>${right ? "✓ Yes." : "✗ No."}</b> ${html}`;
        this.because[n].hidden = false;
        const row = this.because[n].parentElement;
        row.dataset.right = right;
        row.dataset.chosen = n === answer.chosen;
      });
      this.told.textContent = answer.right ? `${LETTERS[answer.chosen]} is right.`
        : `${LETTERS[answer.chosen]} is not right; ${LETTERS[answer.key]} is. The reason stands below each answer.`;
    } else {
      if (kind === "number") this.inputs[0].value = answer.given;
      else this.back.hidden = true;
      const verdict = answer.right ? "<b>✓ Right.</b> " : "<b>✗ Not right.</b> ";
      this.told.innerHTML = (kind === "card" ? "" : verdict) + answer.because[0];
    }
  }

  showBar() {
    const answers = this.spec.items.map((item) => this.answerTo(item));
    const done = answers.filter(Boolean);
    const right = done.filter((one) => one.right).length;
    this.score.textContent = done.length === answers.length ? `${right} of ${answers.length} right`
      : `${done.length} of ${answers.length} answered`;
    this.again.hidden = done.length < answers.length || !this.spec.again;
    if (!this.steps.childElementCount) {
      this.steps.append(...answers.map((_, n) => element("button", { type: "button", class: "k8s-button", onclick: () => this.go(n, true) })));
    }
    [...this.steps.children].forEach((step, n) => {
      const how = !answers[n] ? "open" : answers[n].right ? "right" : "wrong";
      const sign = { open: "", right: " ✓", wrong: " ✗" }[how];
      step.textContent = `${n + 1}${sign}`;
      step.setAttribute("aria-label", `Question ${n + 1}: ${how}`);
      if (n === this.at) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    });
    this.kept.textContent = this.model.get("kept");
  }

  stop() {
    clearTimeout(this.late);
    this.model.off("change:answers", this.onAnswers);
    this.model.off("change:kept", this.onAnswers);
    this.model.off("msg:custom", this.onError);
  }
}
