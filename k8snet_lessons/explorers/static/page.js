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
