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
    if (change.whole) {
      const { data, layout, ...words } = unpack(change.whole, buffers);
      this.data = data;
      this.layout = layout;
      if (layout.height) this.host.style.setProperty("--k8s-height", `${layout.height}px`);
      this.stale = true;
      this.words(words);
    } else {
      const { patch = [], layout, ...words } = unpack(change, buffers);
      for (const [index, key, value] of patch) this.data[index][key] = value;
      if (layout) {
        this.layout = layout;
        this.stale = true;
      }
      this.touched = patch;
      this.words(words);
    }
    return true;
  }

  words({ title, summary, size }) {
    if (title !== undefined) this.heading.textContent = title;
    if (summary !== undefined) this.host.setAttribute("aria-label", summary);
    if (size !== undefined) this.node.dataset.size = size;
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
    this.stale = false;
    await Plotly.react(this.host, data, layout, { displayModeBar: false, responsive: false, doubleClick: false });
  }

  remove(Plotly) {
    if (Plotly) Plotly.purge(this.host);
    this.node.remove();
  }
}
