// What the pages share: how they are shown, and hiding the reading form that stands before them.

// A page may be made long before it is put into the notebook, so this waits until it has a size.
function hideReading(el) {
  let before = null;
  const laid = new ResizeObserver(() => {
    const sibling = el.closest(".jp-OutputArea-child")?.previousElementSibling;
    if (!sibling) return;
    laid.disconnect();
    if (!sibling.querySelector(".jp-RenderedMarkdown")) return;
    before = sibling;
    before.style.display = "none";
  });
  laid.observe(el);
  return () => {
    laid.disconnect();
    if (before) before.style.display = "";
  };
}

// What the widget's module exports for a view with a `stop`.
function pageOf(View) {
  return {
    render({ model, el }) {
      const view = new View(model, el);
      const show = hideReading(el);
      return () => {
        view.stop();
        show();
      };
    },
  };
}

// Words that the kernel wrote as HTML: the course's own, escaped where they are not.
function worded(tag, attributes, html) {
  const node = element(tag, attributes);
  node.innerHTML = html;
  return node;
}

// JupyterLab opens what a link names, in a tab of its own, where its command linker finds these
// attributes; elsewhere the link is an ordinary one.
function openInLab(link) {
  keepKeys(link);
  const here = decodeURIComponent(location.pathname.split("/tree/")[1] ?? "").split("/");
  const parts = link.dataset.open.split("/");
  const path = here.length > 1 ? [...here.slice(0, -2), ...parts] : parts.slice(-1);
  const [file, heading] = path.join("/").split("#");
  link.dataset.commandlinkerCommand = heading ? "rendermime:handle-local-link" : "docmanager:open";
  link.dataset.commandlinkerArgs = JSON.stringify(heading ? { path: file, id: `#${heading}` } : { path: file });
}
