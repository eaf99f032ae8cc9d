// Boxes are dragged, or moved with the arrow keys; Python has solved the puzzles.
(live, data) => {
  const { html, svg, say, inks } = live;
  const LINES = 64; // room for the lines between a box's home and its place
  html("style", {}, live.root, `
    .box { cursor: grab; transition: transform 0.2s; outline: none; }
    .box.held { cursor: grabbing; }
    .box.held, .jump .box { transition: none; }
    .box rect { stroke: none; fill: ${inks.real}; }
    .box:focus rect { stroke: currentColor; stroke-width: 3px; }
    .box text { fill: white; text-anchor: middle; font-weight: 600; pointer-events: none; }
    .help { margin: 0.3rem 0; font-size: 0.9em; }
    .prices input { display: block; width: 3.6em; margin-inline: auto; text-align: end; }
    .prices td, .prices th { padding: 0.15rem 0.25rem; text-align: center; font-weight: 400; }
    .prices small { display: block; min-height: 1.3em; }
  `);
  const picture = svg("svg", { role: "group" }, live.root);
  const scenery = svg("g", {}, picture);
  const pieces = svg("g", {}, picture);
  html("p", { class: "help" }, live.root,
    "Drag a box to a place below, or choose one with Tab and move it with the arrow keys. On a full place it changes places with another box.");

  const options = (list) => list.map(({ name }, k) => [k, name]);
  const puzzleOf = live.select({ label: "Puzzle", options: options(data.puzzles), value: data.start });
  const costOf = live.select({ label: "Cost", options: options(data.puzzles[0].costs) });
  live.button("Cheapest plan", () => {
    const left = solved.plan.map((row) => [...row]);
    for (const box of boxes) {
      box.place = left[box.home].findIndex((count) => count > 0);
      left[box.home][box.place] -= 1;
    }
  });
  live.button("Take all back", () => { for (const box of boxes) box.place = -1; });
  if (data.prices) {
    live.button("Best prices", () => setPrices(solved.u, solved.v));
    live.button("All prices 0", () => setPrices([], []));
  }
  const list = data.prices && html("table", { class: "prices" }, live.root);
  const score = live.table({ header: ["", "cost"] });

  let puzzle, solved, boxes = [], picked = null, inputs = [[], []], cells = [];
  let size = 30, left = 0, floor = 0, shelf = 0;
  const X = (position) => left + (position - low()) * size;
  const low = () => Math.min(...puzzle.xs, ...puzzle.ys);
  const high = () => Math.max(...puzzle.xs, ...puzzle.ys);
  const at = (place) => boxes.filter((box) => box.place === place);
  const plan = () => puzzle.xs.map((_, i) => puzzle.ys.map((_, j) => at(j).filter((box) => box.home === i).length));
  const price = (side, k) => Number(inputs[side][k].value) || 0;
  const setPrices = (...prices) => inputs.forEach((row, side) => row.forEach((input, k) => {
    input.value = prices[side][k] ?? 0;
  }));

  // A full place gives a box from another home in exchange, if it has one.
  const put = (box, place) => {
    if (place >= 0 && place !== box.place && at(place).length === puzzle.demand[place]) {
      const others = at(place).sort((a, b) => (a.home === box.home) - (b.home === box.home));
      others[0].place = box.place;
    }
    box.place = place;
    live.redraw();
  };

  const nearest = (x) => puzzle.ys.reduce((best, y, j) =>
    (Math.abs(X(y) - x) < Math.abs(X(puzzle.ys[best]) - x) ? j : best), 0);

  const newBox = (home, number) => {
    const name = `box ${number + 1} of ${puzzle.supply[home]} from position ${puzzle.xs[home]}`;
    const node = svg("g", {
      class: "box", role: "slider", tabindex: 0, "aria-label": name, "aria-valuemin": 0, "aria-valuemax": puzzle.ys.length,
    }, pieces);
    const box = { home, place: -1, node, body: svg("rect", { rx: 3 }, node), word: svg("text", {}, node, puzzle.xs[home]) };
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };
    node.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const last = puzzle.ys.length - 1;
      let place = { Home: -1, End: last }[event.key];
      if (event.key in steps) place = Math.min(Math.max(box.place + steps[event.key], -1), last);
      if (place === undefined) return;
      event.preventDefault();
      put(box, place);
    });
    let from = [0, 0], start = [0, 0];
    live.drag(node, picture, {
      start: (x, y) => { start = [x, y]; from = box.corner; picked = box; node.classList.add("held"); },
      move: (x, y) => { node.style.transform = `translate(${from[0] + x - start[0]}px, ${from[1] + y - start[1]}px)`; },
      end: (x, y) => {
        node.classList.remove("held");
        const still = Math.hypot(x - start[0], y - start[1]) < 4;
        put(box, still ? box.place : y < floor + LINES / 2 ? -1 : nearest(x));
      },
    });
    return box;
  };

  const begin = () => {
    pieces.replaceChildren();
    boxes = puzzle.supply.flatMap((count, i) => Array.from({ length: count }, (_, k) => newBox(i, k)));
    picked = null;
    picture.setAttribute("aria-label", `Boxes at ${puzzle.xs.join(", ")}, wanted at ${puzzle.ys.join(", ")}`);
    if (list) newList();
  };

  const newList = () => {
    const field = (side, k, parent, label) => {
      const input = html("input", { type: "number", step: 1, value: 0, "aria-label": label }, parent);
      input.addEventListener("input", live.redraw);
      inputs[side][k] = input;
    };
    inputs = [[], []];
    list.replaceChildren();
    html("caption", {}, list, "Prices u and v at the edges; inside, the slack M − u − v of each move");
    const head = html("tr", {}, html("thead", {}, list));
    html("td", {}, head);
    puzzle.ys.forEach((y, j) => field(1, j, html("th", { scope: "col" }, head, `v: to ${y}`), `price v of putting a box down at ${y}`));
    const body = html("tbody", {}, list);
    cells = puzzle.xs.map((x, i) => {
      const row = html("tr", {}, body);
      field(0, i, html("th", { scope: "row" }, row, `u: from ${x} `), `price u of picking a box up at ${x}`);
      return puzzle.ys.map(() => html("td", {}, row));
    });
  };

  const scene = () => {
    const width = Math.max(live.root.clientWidth || 320, 200);
    // Boxes glide when they are moved, not when the page becomes wider.
    pieces.classList.toggle("jump", String(width) !== picture.getAttribute("width"));
    const columns = high() - low() + 1;
    size = Math.min(Math.floor((width - 8) / columns), 38);
    left = (width - (columns - 1) * size) / 2;
    floor = Math.max(...puzzle.supply) * size + 8;
    shelf = floor + 22 + LINES;
    const height = shelf + Math.max(...puzzle.demand) * size + 8;
    for (const [key, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) picture.setAttribute(key, value);
    scenery.replaceChildren();
    const line = (x1, y1, x2, y2, more) => svg("line", { x1, y1, x2, y2, stroke: "currentColor", ...more }, scenery);
    const spot = (x, y, ink) => svg("rect", {
      x: x - size / 2 + 2, y: y + 2, width: size - 4, height: size - 4, rx: 3, fill: "none", stroke: ink, "stroke-dasharray": "4 3", "stroke-width": 1.5,
    }, scenery);
    puzzle.xs.forEach((x, i) => { for (let k = 1; k <= puzzle.supply[i]; k++) spot(X(x), floor - k * size, inks.grey); });
    puzzle.ys.forEach((y, j) => { for (let k = 0; k < puzzle.demand[j]; k++) spot(X(y), shelf + k * size, inks.fake); });
    plan().forEach((row, i) => row.forEach((count, j) => {
      if (count) line(X(puzzle.xs[i]), floor + 22, X(puzzle.ys[j]), shelf, { "stroke-width": 1.5 * count, "stroke-opacity": 0.55 });
    }));
    line(X(low()) - size / 2, floor, X(high()) + size / 2, floor);
    line(X(low()) - size / 2, shelf, X(high()) + size / 2, shelf, { "stroke-opacity": 0.4 });
    for (let p = low(); p <= high(); p++) {
      const busy = puzzle.xs.includes(p) || puzzle.ys.includes(p);
      if (busy) svg("text", { x: X(p), y: floor + 16, "text-anchor": "middle" }, scenery, p);
    }
    puzzle.ys.forEach((y, j) => {
      const hit = svg("rect", { x: X(y) - size / 2, y: shelf, width: size, height: puzzle.demand[j] * size, fill: "transparent" }, scenery);
      hit.addEventListener("click", () => { if (picked) put(picked, j); });
    });
  };

  const stand = (box) => {
    const rank = at(box.place).filter((b) => box.place >= 0 || b.home === box.home).indexOf(box);
    const x = X(box.place < 0 ? puzzle.xs[box.home] : puzzle.ys[box.place]) - size / 2;
    const y = box.place < 0 ? floor - (rank + 1) * size : shelf + rank * size;
    box.corner = [x, y];
    box.node.style.transform = `translate(${x}px, ${y}px)`;
    for (const [key, value] of Object.entries({ x: 2, y: 2, width: size - 4, height: size - 4 })) box.body.setAttribute(key, value);
    box.word.setAttribute("x", size / 2);
    box.word.setAttribute("y", size / 2 + 5);
    const cost = box.place < 0 ? 0 : solved.M[box.home][box.place];
    box.node.setAttribute("aria-valuenow", box.place + 1);
    box.node.setAttribute("aria-valuetext", box.place < 0 ? "not moved" : `moved to ${puzzle.ys[box.place]} at a cost of ${say(cost)}`);
  };

  const total = (weights, values) => weights.reduce((sum, weight, k) => sum + weight * values(k), 0);

  return () => {
    if (puzzle !== data.puzzles[puzzleOf.value]) {
      puzzle = data.puzzles[puzzleOf.value];
      begin();
    }
    solved = puzzle.costs[costOf.value];
    scene();
    boxes.forEach(stand);
    const moves = plan();
    const cost = total(moves.flat(), (k) => solved.M.flat()[k]);
    const moved = boxes.filter((box) => box.place >= 0).length;
    const done = moved === boxes.length;
    const rows = [
      [`your moves, ${moved} of ${boxes.length} boxes`, say(cost)],
      ["the cheapest plan", say(solved.best)],
    ];
    let kind = !done ? "open" : cost === solved.best ? "best" : "dear";
    const facts = { moved, boxes: boxes.length, cost: say(cost), best: say(solved.best) };
    if (list) {
      const dual = total(puzzle.supply, (i) => price(0, i)) + total(puzzle.demand, (j) => price(1, j));
      let worst = 0;
      cells.forEach((row, i) => row.forEach((cell, j) => {
        const rest = solved.M[i][j] - price(0, i) - price(1, j);
        cell.replaceChildren(say(rest));
        html("small", {}, cell, moves[i][j] ? `${moves[i][j]} moved` : "");
        const mark = rest < 0 ? inks.fake : rest === 0 ? inks.green : "transparent";
        cell.style.background = `linear-gradient(${mark}, ${mark}) bottom / 60% 3px no-repeat`;
        if (rest < worst) {
          worst = rest;
          Object.assign(facts, { x: puzzle.xs[i], y: puzzle.ys[j], sum: say(solved.M[i][j] - rest), M: say(solved.M[i][j]) });
        }
      }));
      const gap = done && worst === 0 ? cost - dual : undefined;
      Object.assign(facts, { dual: say(dual), gap: gap === undefined ? "" : say(gap) });
      rows.push(["the price list, all boxes", worst < 0 ? "not allowed" : say(dual)]);
      rows.push(["gap: your cost − prices", gap === undefined ? "–" : say(gap)]);
      kind = worst < 0 ? "broken" : !done ? "open" : gap === 0 ? "best" : "dear";
    }
    score.rows = rows;
    live.sentence(live.fill(data.says[kind], facts));
  };
}
