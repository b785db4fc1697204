// What the pages share: hiding the reading form that stands before a live page.

function hideReading(el) {
  const own = el.closest(".jp-OutputArea-child");
  const before = own?.previousElementSibling;
  if (!before?.querySelector(".jp-RenderedMarkdown")) return () => {};
  before.style.display = "none";
  return () => (before.style.display = "");
}

// Words that the kernel wrote as HTML: the course's own, escaped where they are not.
function worded(tag, attributes, html) {
  const node = element(tag, attributes);
  node.innerHTML = html;
  return node;
}
