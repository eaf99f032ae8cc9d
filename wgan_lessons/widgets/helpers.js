/* The base of all live figures. It is called as (build, data, name): every figure of the
   page with that name which is still a picture comes alive.

   A figure's script is one function (live, data) => redraw. It builds controls, plots
   and tables once, in the order in which they appear, and returns the function that
   draws them anew from the controls' values. redraw runs at the start, after every
   change of a control and when the width changes. What `live` offers:

   slider({label, min, max, step, value, text})  .value can be read and set; `text`
       turns the value into what is shown and read out
   select({label, options: [[value, text]], value})  .value
   checkbox({label, value})  .value
   button(text, action)  the button; redraw runs after the action
   plot({alt, x: [low, high], y: [low, high], xlabel, ylabel, xticks, yticks,
         ratio, tallest, wide, equal})
       p.clear({x, y}) empties it and draws the axes; then p.line([[x, y], ...], style),
       p.area(points, style), p.dot(x, y, style), p.text(x, y, text, style);
       p.X(x), p.Y(y) in CSS pixels; p.inside holds what is cut off at the axes;
       style: {ink, width, dash, r, hollow, anchor, dx, dy, shade, more attributes};
       text has the colour of the page: inks are too faint for letters
       neighbouring plots stand side by side where there is room
   table({caption, header})  .rows = [[head, cell, ...], ...]; each is text, or
       {text, ink} with a swatch of that colour, which makes the table a legend
   html(name, attributes, parent, text), svg(...)  a new element; parent may be left out
   drag(handle, svg, {start, move, end})  mouse and touch, called with (x, y) in pixels
   root        where everything stands, a div in a shadow root
   redraw()    after a change that no control made
   sentence(text)  rewrites the sentence below the figure, which is read out
   say(x, digits)  a number as text, rounded as Python does; say in live.py is the same
   fill(template, values)  "{a} of {b}" with its names replaced, as str.format does
   inks        real, fake, green, purple, grey: they can be read on white and on black
   calm        true if the reader asked for no motion
   ticks(low, high, count)  round numbers between two bounds */
(build, data, name) => {
  const INKS = {
    real: "#0a7abf", fake: "#c45300", green: "#0a8262", purple: "#a952b4", grey: "#757575",
  };
  const STYLE = `
    :host { display: block; color: inherit; font-family: inherit; line-height: 1.4; text-align: start; }
    * { box-sizing: border-box; }
    .row { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: center; margin: 0.6rem 0; }
    .row label { display: flex; gap: 0.5rem; align-items: center; max-width: 100%; }
    .row label.slider { flex: 1 1 17rem; }
    .slider input { flex: 1 1 8rem; min-width: 6rem; }
    .slider .value { min-width: 3.5em; font-variant-numeric: tabular-nums; }
    input, select, button { font: inherit; accent-color: ${INKS.real}; min-height: 1.75rem; margin: 0; }
    input[type="checkbox"] { min-width: 1.25rem; min-height: 1.25rem; }
    select, input[type="number"] { color: FieldText; background: Field; border: 1px solid ${INKS.grey}; border-radius: 0.3rem; padding: 0.1rem 0.3rem; min-width: 0; }
    button { color: inherit; background: transparent; border: 1px solid currentColor; border-radius: 0.3rem; padding: 0.2rem 0.7rem; cursor: pointer; }
    button:hover { text-decoration: underline; }
    :focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
    .plots { display: flex; flex-wrap: wrap; gap: 0.5rem; }
    .plots > div { flex: 1 1 17rem; min-width: 0; }
    .plots > .wide { flex-basis: 100%; }
    svg { display: block; max-width: 100%; font-size: 13px; user-select: none; -webkit-user-select: none; }
    svg text { fill: currentColor; }
    .tick { font-size: 12px; }
    table { border-collapse: collapse; margin: 0.6rem auto; font-variant-numeric: tabular-nums; font-size: 0.95em; }
    caption { text-align: start; padding-bottom: 0.2rem; }
    th { font-weight: 600; text-align: start; }
    td { text-align: end; }
    thead th { text-align: end; vertical-align: bottom; border-bottom: 1px solid currentColor; }
    thead th:first-child { text-align: start; }
    th, td { padding: 0.15rem 0.5rem; }
    .swatch { display: inline-block; width: 1.1em; height: 0.35em; margin-inline-end: 0.4em; vertical-align: middle; border-radius: 0.1em; print-color-adjust: exact; }
    @media (prefers-reduced-motion: reduce) { * { transition: none !important; animation: none !important; } }
    @media print { :host { color: black; } .row { display: none; } }
  `;

  const maker = (space) => (tag, attributes = {}, parent, text) => {
    const node = document.createElementNS(space, tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== null && value !== false) node.setAttribute(key, value);
    }
    if (text !== undefined) node.textContent = text;
    parent?.append(node);
    return node;
  };
  const html = maker("http://www.w3.org/1999/xhtml");
  const svg = maker("http://www.w3.org/2000/svg");

  const say = (x, digits) => {
    if (typeof x === "string") return x;
    if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
    x = Number(x.toPrecision(9));
    let text = digits === undefined ? String(Number(x.toPrecision(6))) : x.toFixed(digits);
    // toFixed rounds a tie up, Python to the even digit. Exact digits tell a tie.
    if (digits !== undefined && /^50*$/.test(Math.abs(x).toFixed(60).split(".")[1].slice(digits))) {
      const low = Math.floor(Math.abs(x) * 10 ** digits);
      text = (Math.sign(x) * (low + (low % 2)) / 10 ** digits).toFixed(digits);
    }
    if (Number(text) === 0) text = text.replace("-", "");
    return text.replace("-", "−");
  };

  const fill = (template, values) => template.replace(/\{(\w+)\}/g, (_, key) => values[key]);

  const ticks = (low, high, count = 5) => {
    const rough = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= rough * 0.999);
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) {
      found.push(Number((k * step).toPrecision(12)));
    }
    return found;
  };

  const drag = (handle, picture, { start, move, end }) => {
    const at = (event) => {
      const box = picture.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    // Without this a finger scrolls the page: touch-action does nothing inside an svg.
    handle.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    handle.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      handle.setPointerCapture(event.pointerId);
      handle.focus?.({ preventScroll: true });
      start?.(...at(event));
      const moved = (e) => move?.(...at(e));
      const done = (e) => {
        handle.removeEventListener("pointermove", moved);
        handle.removeEventListener("pointerup", done);
        handle.removeEventListener("pointercancel", done);
        end?.(...at(e));
      };
      handle.addEventListener("pointermove", moved);
      handle.addEventListener("pointerup", done);
      handle.addEventListener("pointercancel", done);
    });
  };

  const mount = (figure) => {
    const still = figure.querySelector("img");
    const caption = figure.querySelector("figcaption");
    const host = html("div");
    const shadow = host.attachShadow({ mode: "open" });
    html("style", {}, shadow, STYLE);
    const root = html("div", {}, shadow);
    let draw = () => {};
    const redraw = () => draw();

    // What stands side by side shares one flex box, opened where the last one ended.
    const group = (kind) => (root.lastElementChild?.className === kind
      ? root.lastElementChild : html("div", { class: kind }, root));

    const control = (input, read, write) => {
      input.addEventListener("input", redraw);
      return {
        input,
        get value() { return read(); },
        set value(value) { write(value); },
      };
    };

    const slider = ({ label, min, max, step = 1, value = min, text = (v) => say(v) }) => {
      const box = html("label", { class: "slider" }, group("row"));
      html("span", {}, box, label);
      const input = html("input", { type: "range", min, max, step, "aria-label": label }, box);
      const shown = html("span", { class: "value", "aria-hidden": "true" }, box);
      const tell = () => {
        shown.textContent = text(Number(input.value));
        input.setAttribute("aria-valuetext", shown.textContent);
      };
      input.addEventListener("input", tell);
      const result = control(input, () => Number(input.value), (v) => { input.value = v; tell(); });
      result.value = value;
      return result;
    };

    const select = ({ label, options, value }) => {
      const box = html("label", {}, group("row"), label);
      const input = html("select", { "aria-label": label }, box);
      for (const [key, text] of options) html("option", { value: key }, input, text);
      if (value !== undefined) input.value = value;
      return control(input, () => input.value, (v) => { input.value = v; });
    };

    const checkbox = ({ label, value = false }) => {
      const box = html("label", {}, group("row"));
      const input = html("input", { type: "checkbox" }, box);
      input.checked = value;
      html("span", {}, box, label);
      return control(input, () => input.checked, (v) => { input.checked = v; });
    };

    const button = (text, action) => {
      const node = html("button", { type: "button" }, group("row"), text);
      node.addEventListener("click", () => { action(); redraw(); });
      return node;
    };

    const table = ({ caption: title, header }) => {
      const node = html("table", {}, root);
      if (title) html("caption", {}, node, title);
      const head = html("tr", {}, html("thead", {}, node));
      // An empty header would be announced as one.
      for (const text of header) html(text ? "th" : "td", text ? { scope: "col" } : {}, head, text);
      const body = html("tbody", {}, node);
      return {
        node,
        set rows(rows) {
          body.replaceChildren(...rows.map(([first, ...cells]) => {
            const row = html("tr");
            const put = (cell, box) => {
              if (cell.ink) html("span", { class: "swatch", style: `background: ${cell.ink}` }, box);
              box.append(cell.text ?? cell);
            };
            put(first, html("th", { scope: "row" }, row));
            for (const cell of cells) put(cell, html("td", {}, row));
            return row;
          }));
        },
      };
    };

    const plot = ({ alt, x, y, xlabel = "", ylabel = "", xticks, yticks, ratio = 0.62,
      tallest = 340, wide = false, equal = false }) => {
      const box = html("div", wide ? { class: "wide" } : {}, group("plots"));
      const node = svg("svg", { role: "img", "aria-label": alt }, box);
      const left = (ylabel ? 18 : 0) + 40, right = 12, top = 12, bottom = 24 + (xlabel ? 18 : 0);
      let wideness = 0, height = 0;
      const p = { node };
      p.X = (v) => left + ((v - x[0]) / (x[1] - x[0])) * (wideness - left - right);
      p.Y = (v) => height - bottom - ((v - y[0]) / (y[1] - y[0])) * (height - top - bottom);
      p.clear = (range = {}) => {
        ({ x = x, y = y } = range);
        wideness = Math.max(box.clientWidth || 320, 160);
        const inner = wideness - left - right;
        height = equal ? inner * (y[1] - y[0]) / (x[1] - x[0]) + top + bottom
          : Math.min(wideness * ratio, tallest);
        for (const [key, value] of Object.entries({ width: wideness, height, viewBox: `0 0 ${wideness} ${height}` })) {
          node.setAttribute(key, value);
        }
        node.replaceChildren();
        const line = (a, b, c, d, opacity) => svg("line", { x1: a, y1: b, x2: c, y2: d, stroke: "currentColor", "stroke-opacity": opacity }, node);
        for (const v of xticks ?? ticks(...x, inner / 70)) {
          line(p.X(v), top, p.X(v), height - bottom, 0.12);
          svg("text", { class: "tick", x: p.X(v), y: height - bottom + 16, "text-anchor": "middle" }, node, say(v));
        }
        for (const v of yticks ?? ticks(...y, (height - top - bottom) / 45)) {
          line(left, p.Y(v), wideness - right, p.Y(v), 0.12);
          svg("text", { class: "tick", x: left - 6, y: p.Y(v) + 4, "text-anchor": "end" }, node, say(v));
        }
        line(left, height - bottom, wideness - right, height - bottom, 1);
        line(left, top, left, height - bottom, 1);
        if (xlabel) svg("text", { x: left + inner / 2, y: height - 6, "text-anchor": "middle" }, node, xlabel);
        if (ylabel) {
          const middle = (top + height - bottom) / 2;
          svg("text", { x: 13, y: middle, "text-anchor": "middle", transform: `rotate(-90 13 ${middle})` }, node, ylabel);
        }
        const cut = { x: left, y: top - 2, width: inner, height: height - top - bottom + 4 };
        p.inside = svg("svg", { ...cut, viewBox: Object.values(cut).join(" ") }, node);
      };
      const path = (points) => {
        let pen = "M";
        return points.map(([a, b]) => {
          if (!Number.isFinite(b)) { pen = "M"; return ""; }
          const step = `${pen}${p.X(a).toFixed(2)} ${p.Y(b).toFixed(2)}`;
          pen = "L";
          return step;
        }).join("");
      };
      p.line = (points, { ink = "currentColor", width = 2, dash, ...more } = {}) => svg("path", {
        d: path(points), fill: "none", stroke: ink, "stroke-width": width, "stroke-dasharray": dash, "stroke-linejoin": "round", ...more,
      }, p.inside);
      p.area = (points, { ink = "currentColor", shade = 0.2, ...more } = {}) => svg("path", {
        d: `${path(points)}Z`, fill: ink, "fill-opacity": shade, ...more,
      }, p.inside);
      p.dot = (a, b, { ink = "currentColor", r = 5, hollow = false, ...more } = {}) => svg("circle", {
        cx: p.X(a), cy: p.Y(b), r, fill: hollow ? "none" : ink, stroke: ink, "stroke-width": 2, ...more,
      }, node);
      p.text = (a, b, text, { anchor = "start", dx = 0, dy = 0, ...more } = {}) => svg("text", {
        x: p.X(a) + dx, y: p.Y(b) + dy, "text-anchor": anchor, ...more,
      }, node, text);
      return p;
    };

    const live = {
      slider, select, checkbox, button, plot, table, html, svg, drag, root, redraw, say, fill, ticks,
      inks: INKS,
      sentence: (text) => { if (caption.textContent !== text) caption.textContent = text; },
      get calm() { return matchMedia("(prefers-reduced-motion: reduce)").matches; },
    };

    // Jupyter takes the arrow keys for itself; the browser's own shortcuts stay.
    host.setAttribute("data-lm-suppress-shortcuts", "true");
    root.addEventListener("keydown", (event) => {
      if (!(event.ctrlKey || event.metaKey || event.altKey)) event.stopPropagation();
    });

    figure.setAttribute("data-mounted", "");
    still.after(host);
    try {
      draw = build(live, data);
      redraw();
    } catch (error) {
      // The still stays: better a picture than half a figure.
      host.remove();
      throw error;
    }
    still.remove();
    figure.style.breakInside = "avoid";
    caption.setAttribute("aria-live", "polite");
    let width = root.clientWidth;
    new ResizeObserver(() => {
      if (root.clientWidth !== width) {
        width = root.clientWidth;
        redraw();
      }
    }).observe(root);
  };

  for (const figure of document.querySelectorAll(`figure[data-live="${name}"]:not([data-mounted])`)) mount(figure);
}
