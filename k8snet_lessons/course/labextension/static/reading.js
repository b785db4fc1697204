// Reading mode: a prebuilt JupyterLab extension, small enough to need no build. It folds the code
// and centers the text of the lessons by a style sheet: no notebook is changed by it. Exercises stay
// as they are, since their code is what one writes.
//
// JupyterLab loads this file as a module federation container: an object with `init` and `get`.

(() => {
  const NAME = "k8snet-reading";
  const COMMAND = "k8snet:reading";
  const NOT_READ = /(^|\/)(exercises|solutions)\//;
  const base = document.currentScript.src;

  const remembered = () => localStorage.getItem(NAME) === "on";

  function activate(app) {
    document.head.append(Object.assign(document.createElement("link"), {
      rel: "stylesheet", href: new URL("reading.css", base).href,
    }));
    const asked = new URLSearchParams(location.search).get(NAME);
    if (asked) localStorage.setItem(NAME, asked === "on" ? "on" : "off");

    const isLesson = (widget) => Boolean(widget?.context?.path?.endsWith(".ipynb")) && !NOT_READ.test(widget.context.path);
    const apply = () => {
      for (const widget of app.shell.widgets("main")) {
        if (widget.context) widget.node.classList.toggle(NAME, remembered() && isLesson(widget));
      }
    };
    app.commands.addCommand(COMMAND, {
      label: "Reading mode",
      caption: "Fold the code and center the text of the lessons (Alt+Shift+R)",
      isToggleable: true,
      isToggled: remembered,
      isEnabled: () => isLesson(app.shell.currentWidget),
      execute: () => {
        localStorage.setItem(NAME, remembered() ? "off" : "on");
        apply();
        app.commands.notifyCommandChanged(COMMAND);
        // Cells below the fold are laid out by measured heights, which have changed.
        window.dispatchEvent(new Event("resize"));
      },
    });
    app.shell.layoutModified?.connect(apply);
    app.shell.currentChanged?.connect(() => {
      apply();
      app.commands.notifyCommandChanged(COMMAND);
    });
    app.restored.then(apply);
  }

  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB[NAME] = {
    init: () => {},
    get: async () => () => ({ __esModule: true, default: { id: `${NAME}:plugin`, autoStart: true, activate } }),
  };
})();
