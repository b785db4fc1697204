// The plots: Plotly draws them; while a knob moves only what moved is touched.

const PLOTLY = Symbol.for("k8snet_lessons.plotly");

// Plotly.js comes from the kernel, once a page. `request` asks for it; `receivePlotly` gets it.
function plotlyOnPage(request) {
  const shelf = (globalThis[PLOTLY] ??= {});
  if (!shelf.loaded) {
    shelf.loaded = new Promise((resolve) => (shelf.resolve = resolve));
  }
  if (!shelf.ready) request();
  return shelf.loaded;
}

async function receivePlotly(bytes) {
  const shelf = globalThis[PLOTLY];
  if (!shelf || shelf.ready) return;
  shelf.ready = true;
  const unzipped = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const source = await new Response(unzipped).text();
  const before = globalThis.Plotly;
  const module = { exports: {} };
  new Function("module", "exports", source)(module, module.exports);
  // The page may have a Plotly of its own, of another version: leave it in place.
  if (before) globalThis.Plotly = before;
  shelf.resolve(module.exports);
}

// Arrays arrive as {"$": index}; the bytes may start anywhere, so they are copied.
function unpack(value, buffers) {
  if (Array.isArray(value)) return value.map((item) => unpack(item, buffers));
  if (value && typeof value === "object") {
    if ("$" in value) {
      const view = buffers[value.$];
      const bytes = view.buffer ? view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) : view;
      return new Float64Array(bytes);
    }
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unpack(item, buffers)]));
  }
  return value;
}

function isDark() {
  return document.body.dataset.jpThemeLight === "false";
}

// A copy with the colors of a light page replaced by those of a dark one.
function recolored(value, colors) {
  if (typeof value === "string") return colors[value] ?? value;
  if (Array.isArray(value)) return value.length && typeof value[0] === "number" ? value : value.map((v) => recolored(v, colors));
  if (value && typeof value === "object" && !ArrayBuffer.isView(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, recolored(item, colors)]));
  }
  return value;
}

function axisDefaults(axis, ink) {
  return {
    gridcolor: ink.grid, linecolor: ink.grid, zeroline: false, fixedrange: true, ticks: "",
    automargin: false, ...axis,
    title: { standoff: 8, font: { size: 12 }, ...(typeof axis?.title === "string" ? { text: axis.title } : axis?.title) },
  };
}

// Moves the marks of a drawn trace to new data, without a redraw: axes, ticks and layout
// stand still, so setting the paths is all there is to do (under 1 ms against some 30 for
// Plotly.react). Returns false where that cannot be done; the caller then redraws.
function nudge(host, index, trace) {
  const full = host._fullData?.[index];
  const group = full && host.querySelector(`.scatterlayer .trace${full.uid}`);
  if (!group || full.type !== "scatter") return false;
  const place = (letter) => {
    const axis = host._fullLayout[(full[`${letter}axis`] ?? letter).replace(/^([xy])(\d*)$/, "$1axis$2")];
    const [from, to] = axis.range;
    const scale = axis._length / (to - from);
    const value = axis.type === "log" ? Math.log10 : Number;
    const along = (v) => (value(v) - from) * scale;
    return letter === "x" ? along : (v) => axis._length - along(v);
  };
  const [toX, toY] = [place("x"), place("y")];
  const points = Array.from(trace.x, (x, i) => {
    const gap = x === null || trace.y[i] === null;
    return { x: gap ? NaN : toX(x), y: gap ? NaN : toY(trace.y[i]), text: trace.text?.[i] ?? "" };
  });
  const drawn = points.filter((p) => Number.isFinite(p.x) && Number.isFinite(p.y));

  const marks = group.querySelectorAll(".points > path.point");
  const texts = group.querySelectorAll("g.textpoint");
  const worded = drawn.filter((p) => p.text);
  if (full.mode.includes("markers") && marks.length !== drawn.length) return false;
  if (full.mode.includes("text") && texts.length !== worded.length) return false;
  if (full.mode.includes("lines")) {
    const lines = group.querySelectorAll("path.js-line");
    if (!lines.length || !drawn.length) return false;
    let path = "";
    let pen = "M";
    for (const p of points) {
      const here = Number.isFinite(p.x) && Number.isFinite(p.y);
      if (here) path += `${pen}${p.x.toFixed(2)},${p.y.toFixed(2)}`;
      pen = here ? "L" : "M";
    }
    lines.forEach((line, i) => line.setAttribute("d", i ? "" : path));
    const fill = group.querySelector("path.js-fill");
    if (fill) {
      const floor = host._fullLayout[(full.yaxis ?? "y").replace("y", "yaxis")]._length;
      fill.setAttribute("d", `${path}L${drawn.at(-1).x},${floor}L${drawn[0].x},${floor}Z`);
    }
  }
  marks.forEach((mark, i) => mark.setAttribute("transform", `translate(${drawn[i].x},${drawn[i].y})`));
  texts.forEach((node, i) => {
    node.setAttribute("transform", `translate(${worded[i].x},${worded[i].y})`);
    const text = node.querySelector("text");
    if (text.textContent !== worded[i].text) text.textContent = worded[i].text;
  });
  return true;
}

class PanelPlot {
  constructor(dark) {
    this.dark = dark;
    this.heading = element("figcaption", { class: "k8s-panel-title" });
    this.host = element("div", { class: "k8s-plot", role: "img" });
    this.node = element("figure", { class: "k8s-panel" }, this.heading, this.host);
  }

  // Take a change of the panel: {whole} or {patch, layout, title, summary}.
  take(change, buffers) {
    if (!change) return false;
    this.touched = new Set();
    if (change.whole) {
      const { data, layout, ...words } = unpack(change.whole, buffers);
      this.data = data;
      this.layout = layout;
      if (layout.height) this.host.style.setProperty("--k8s-height", `${layout.height}px`);
      this.stale = true;
      this.words(words);
    } else {
      const { patch = [], layout, ...words } = unpack(change, buffers);
      for (const [index, key, value] of patch) {
        this.data[index][key] = value;
        this.touched.add(index);
        if (!["x", "y", "text"].includes(key)) this.stale = true;
      }
      if (layout) {
        this.layout = layout;
        this.stale = true;
      }
      this.words(words);
    }
    return true;
  }

  words({ title, summary, size }) {
    if (title !== undefined) this.heading.textContent = title;
    if (summary !== undefined) this.host.setAttribute("aria-label", summary);
    if (size !== undefined) this.node.dataset.size = size;
  }

  // Show what was taken, by the shortest way.
  show(Plotly) {
    let moved = !this.stale && this.drawn;
    for (const index of this.touched) moved = moved && nudge(this.host, index, this.data[index]);
    if (moved) this.behind = true;
    else this.draw(Plotly);
  }

  // Let Plotly know what `show` moved, so that hovering finds the new values.
  async settle(Plotly) {
    if (!this.settled) await this.draw(Plotly);
  }

  get settled() {
    return Boolean(this.drawn && !this.behind);
  }

  // Draw everything anew, in the size and the colors of the page.
  async draw(Plotly) {
    const width = this.host.clientWidth;
    const height = this.host.clientHeight;
    if (!this.data || !width || !height) return;
    const ink = isDark() ? { text: "#e4e7eb", grid: "#323a44" } : { text: "#1f2933", grid: "#e4e7eb" };
    const colors = isDark() ? this.dark : {};
    const rest = { xaxis: {}, yaxis: {}, ...recolored(this.layout, colors) };
    const layout = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
      hovermode: "closest", dragmode: false, autosize: false,
      hoverlabel: { font: { family: "system-ui, sans-serif" } },
      ...rest, width, height,
      font: { family: "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif", size: 12, color: ink.text, ...rest.font },
      margin: { l: 58, r: 14, t: 8, b: 42, ...rest.margin },
    };
    for (const name of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(name)) layout[name] = axisDefaults(layout[name], ink);
    }
    const data = this.data.map((trace) => recolored(trace, colors));
    this.stale = this.behind = this.drawn = false;
    await Plotly.react(this.host, data, layout, { displayModeBar: false, responsive: false, doubleClick: false });
    this.drawn = true;
  }

  remove(Plotly) {
    if (Plotly) Plotly.purge(this.host);
    this.node.remove();
  }
}
