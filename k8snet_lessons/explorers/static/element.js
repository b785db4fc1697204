// What every widget's page is built of; it stands first in the code of each.

const TAKES_KEYS = ["a", "button", "input", "select", "summary", "textarea"];

// A node: `on...` are listeners, true and false set and leave out, all else is an attribute.
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  if (TAKES_KEYS.includes(tag) || "tabindex" in attributes) keepKeys(node);
  node.append(...children);
  return node;
}

// JupyterLab's shortcuts are single letters, arrows and Enter: it takes them for the notebook
// unless the very node that has the focus tells it to leave them alone.
function keepKeys(node) {
  node.setAttribute("data-lm-suppress-shortcuts", "true");
}

const FILE_TYPES = { csv: "text/csv", html: "text/html", json: "application/json", md: "text/markdown" };

// Hand the reader a file.
function save(name, text) {
  const type = FILE_TYPES[name.split(".").pop()] ?? "text/plain";
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
