// The map of the course: what is done, what is due, and the record to take along.

class MapView {
  constructor(model, el) {
    this.model = model;
    const ask = (message) => () => model.send(message);
    const button = (label, title, onclick) => element("button", { type: "button", class: "k8s-button", title, onclick }, label);
    this.summary = element("p", { class: "k8s-map-summary", role: "status", "aria-live": "polite" });
    this.warning = element("p", { class: "k8s-map-warning", role: "note" });
    this.notice = element("p", { class: "k8s-error", role: "alert" });
    this.due = element("span", {});
    this.start = button("Review now", "Ask the cards that are due", ask({ kind: "review" }));
    this.start.classList.add("k8s-primary");
    this.quiz = element("div", {});
    this.body = element("div", { class: "k8s-map-body" });
    this.privacy = element("p", { class: "k8s-kept" });
    this.told = element("p", { class: "k8s-kept", role: "status", "aria-live": "polite" });
    this.file = element("input", { type: "file", accept: ".json,application/json", hidden: true, onchange: () => this.load() });
    this.name = element("input", { type: "text", class: "k8s-words", placeholder: "name on it", "aria-label": "Name on the certificate", autocomplete: "name" });
    this.sure = element("span", { hidden: true }, "Delete everything recorded? ",
      button("Delete", "Delete the record", () => this.reset(true)), " ", button("Keep", "Change nothing", () => this.reset(false)));
    this.tools = element("div", { class: "k8s-map-tools" },
      button("Save to a file", "Download your progress as one small file", ask({ kind: "save" })),
      button("Load a file", "Put a saved file into this record; what is there already stays", () => this.file.click()),
      element("span", { class: "k8s-map-pair" }, button("Certificate", "Download a page that lists what you have shown",
        () => model.send({ kind: "certificate", name: this.name.value })), this.name),
      button("Reset", "Delete the record", () => (this.sure.hidden = false)), this.sure, this.file);
    this.node = element("section", { class: "k8s-explorer k8s-map", "aria-label": "Where you are" },
      element("div", { class: "k8s-bar" }, element("h3", { class: "k8s-title" }, "Where you are"),
        button("Refresh", "Read the record again", ask({ kind: "look" }))),
      this.warning, this.notice, this.summary, element("p", { class: "k8s-map-due" }, this.due, " ", this.start),
      this.quiz, this.body, this.tools, this.told, this.privacy);
    el.append(this.node);
    this.onPage = () => this.show();
    this.onSpec = () => this.ask();
    this.onMessage = (message) => this.take(message);
    model.on("change:page", this.onPage);
    model.on("change:spec", this.onSpec);
    model.on("msg:custom", this.onMessage);
    this.show();
    this.ask();
    // Whoever comes back from a lesson sees what the lesson added.
    this.seen = new IntersectionObserver(([entry]) => {
      if (entry.isIntersecting && this.away) model.send({ kind: "look" });
      this.away = !entry.isIntersecting;
    });
    this.seen.observe(this.node);
  }

  show() {
    const page = this.model.get("page");
    this.summary.textContent = page.summary;
    this.due.textContent = page.reviews;
    this.start.hidden = !page.due || Boolean(this.asking);
    this.warning.textContent = page.warning;
    this.notice.textContent = page.notice;
    this.privacy.textContent = page.privacy;
    this.tools.hidden = !page.recorded;
    if (this.html === page.html) return;
    this.html = page.html;
    this.body.innerHTML = page.html;
    for (const link of this.body.querySelectorAll("[data-open]")) openInLab(link);
  }

  // The cards, as a quiz inside the map.
  ask() {
    this.asking?.stop();
    this.asking = null;
    this.quiz.replaceChildren();
    if (!this.model.get("spec").items.length) return;
    this.asking = new QuizView(this.model, this.quiz);
    this.start.hidden = true;
    this.quiz.querySelector("input, .k8s-primary")?.focus();
  }

  take({ kind, name, text }) {
    if (kind === "file") save(name, text);
    if (kind === "told" || kind === "error") this.told.textContent = text;
  }

  async load() {
    const [file] = this.file.files;
    if (file) this.model.send({ kind: "load", text: await file.text() });
    this.file.value = "";
  }

  reset(sure) {
    this.sure.hidden = true;
    if (sure) this.model.send({ kind: "reset" });
  }

  stop() {
    this.asking?.stop();
    this.seen.disconnect();
    this.model.off("change:page", this.onPage);
    this.model.off("change:spec", this.onSpec);
    this.model.off("msg:custom", this.onMessage);
  }
}

export default pageOf(MapView);
