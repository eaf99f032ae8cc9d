// Whatever scrolls sideways can be reached and scrolled with the keyboard.
(() => {
  const wide = "div.math, mjx-container[display], .bd-article table, .output pre, .output.text_html";
  const mark = () => {
    for (const box of document.querySelectorAll(wide)) {
      if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
    }
  };
  const start = () => {
    mark();
    window.MathJax?.startup?.promise?.then(mark);
    addEventListener("resize", mark);
  };
  if (document.readyState === "complete") start();
  else addEventListener("load", start);
})();

// Paper is white, whatever the screen was.
(() => {
  const page = document.documentElement.dataset;
  let theme;
  addEventListener("beforeprint", () => { theme = page.theme; page.theme = "light"; });
  addEventListener("afterprint", () => { page.theme = theme; });
})();
