// The controls: native inputs, each with its label, unit and a place for its error.

let uniqueCount = 0;
const uniqueId = (stem) => `k8snet-${stem}-${++uniqueCount}`;

function readable(value) {
  if (typeof value !== "number") return String(value);
  return value.toLocaleString("en-US", { maximumSignificantDigits: 12 });
}

class KnobControl {
  // onTurn(name, value) for a value that the control itself offers,
  // onType(name, text) for one that the kernel has to judge.
  constructor(spec, onTurn, onType) {
    this.spec = spec;
    const id = uniqueId(spec.name);
    this.error = element("p", { class: "k8s-error", role: "alert", id: `${id}-error` });
    const described = `${id}-error` + (spec.help ? ` ${id}-help` : "");
    const common = { id, "aria-describedby": described, "data-knob": spec.name };
    const line = element("div", { class: "k8s-knob-line" });
    const row = element("div", { class: "k8s-knob-row" });
    if (spec.stops.length) {
      this.slider = element("input", {
        ...common, type: "range", min: 0, max: spec.stops.length - 1, step: 1,
        oninput: () => {
          const value = spec.stops[Number(this.slider.value)];
          onTurn(spec.name, value); // first: the kernel works while the slider is drawn
          this.show(value);
        },
      });
    }
    if (spec.kind === "choice") {
      this.select = element("select", {
        ...common, onchange: () => onTurn(spec.name, spec.options[this.select.selectedIndex][0]),
      }, ...spec.options.map(([, label]) => element("option", {}, label)));
      row.append(this.select);
    } else if (spec.kind === "toggle") {
      this.check = element("input", {
        ...common, type: "checkbox", onchange: () => onTurn(spec.name, this.check.checked),
      });
      line.append(this.check);
    } else {
      const alone = this.slider ? { "aria-label": `${spec.label}, typed`, "data-typed": spec.name } : {};
      this.field = element("input", {
        ...common, id: this.slider ? `${id}-typed` : id, type: "text", autocomplete: "off",
        spellcheck: "false", inputmode: spec.kind === "text" ? "text" : "decimal",
        class: spec.kind === "text" ? "k8s-words" : "k8s-number", ...alone,
        onchange: () => onType(spec.name, this.field.value),
        onkeydown: (event) => {
          if (event.key === "Enter") onType(spec.name, this.field.value);
        },
      });
      if (this.slider) this.field.removeAttribute("data-knob");
      line.append(this.field);
    }
    if (this.slider) row.append(this.slider);
    // A name such as nf_conntrack_max may break after an underscore, PodDisruptionBudget before a capital.
    const name = element("label", { for: id }, ...spec.label.split(/(?<=_)|(?<=[a-z])(?=[A-Z])/).flatMap((part) => [part, element("wbr")]));
    const named = element("div", { class: "k8s-knob-name" }, name);
    if (spec.help) {
      named.append(" ",
        element("button", { type: "button", class: "k8s-hint", "aria-label": `About: ${spec.label}`, "aria-describedby": `${id}-help` }, "?"),
        element("span", { class: "k8s-help", role: "tooltip", id: `${id}-help` }, spec.help));
    }
    if (spec.unit) named.append(" ", element("span", { class: "k8s-unit" }, spec.unit));
    this.node = element("div", { class: `k8s-knob k8s-${spec.kind}` },
      element("div", { class: "k8s-knob-head" }, named, line), row, this.error);
    this.show(spec.default);
  }

  show(value) {
    this.refused = false;
    this.value = value;
    this.explain("");
    const { stops, unit } = this.spec;
    if (this.slider) {
      const nearest = stops.reduce((best, stop, i) =>
        Math.abs(stop - value) < Math.abs(stops[best] - value) ? i : best, 0);
      this.slider.value = String(nearest);
      this.slider.setAttribute("aria-valuetext", `${readable(value)} ${unit}`.trim());
      this.slider.style.setProperty("--filled", `${(100 * nearest) / Math.max(1, stops.length - 1)}%`);
    }
    if (this.field) this.field.value = this.spec.kind === "text" ? value : readable(value);
    if (this.check) this.check.checked = value;
    if (this.select) this.select.selectedIndex = this.spec.options.findIndex(([v]) => v === value);
  }

  // The kernel refused what was typed: say why, leave what was typed to be mended.
  refuse(text) {
    this.refused = true;
    this.explain(text);
  }

  explain(text) {
    if (this.error.textContent !== text) this.error.textContent = text;
    const input = this.field || this.select || this.check;
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  disable(on) {
    for (const input of [this.slider, this.field, this.select, this.check]) if (input) input.disabled = on;
  }
}
