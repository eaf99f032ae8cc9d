// Python has trained, sampled and measured; the page unpacks a frame and draws it.
(live, data) => {
  const { say, svg, inks, fill } = live;
  const INKS = [inks.purple, inks.green, inks.real];
  const last = data.work.length - 1, { view } = data;
  const number = (text, at, width) => {
    let value = 0;
    for (let k = 0; k < width; k++) value = 64 * value + data.digits.indexOf(text[at * width + k]);
    return value / (64 ** width - 1);
  };
  const ways = [-view, view];
  const plane = live.plot({
    alt: "The plane: the eight modes of the ring, the samples, and the critic's scores as shades",
    x: ways, y: ways, xticks: [-2, -1, 0, 1, 2], yticks: [-2, -1, 0, 1, 2], equal: true,
  });
  const most = Math.max(...data.runs.flatMap((run) => run.w1));
  const race = live.plot({
    alt: "W₁ to the data against gradient evaluations, a curve for each loss, and a line at the present frame",
    x: [0, data.work[last] * 1.06], y: [0, most * 1.05], xlabel: "gradient evaluations", ylabel: "W₁ to the data",
    xticks: data.work.filter((_, k) => (k + 1) % 5 === 0), ratio: 0.9,
  });
  const shown = live.select({
    label: "Show the samples of", options: data.runs.map(({ name }, k) => [k, name]), value: data.runs.length - 1,
  });
  const play = live.button("Play", () => (timer ? pause() : start()));
  const frame = live.slider({
    label: "Evaluations", min: 0, max: last, value: last, text: (k) => say(data.work[k]),
  });
  const table = live.table({ header: ["loss", "modes", "near a mode", "W₁", "value"] });

  let timer = 0;
  const quiet = (word) => live.root.getRootNode().host.parentElement.querySelector("figcaption").setAttribute("aria-live", word);
  const pause = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
    quiet("polite");
  };
  const start = () => {
    if (frame.value === last) frame.value = 0;
    play.textContent = "Pause";
    quiet("off"); // nobody wants to hear every frame
    timer = setInterval(() => {
      frame.value += 1;
      if (frame.value === last || !live.root.isConnected) pause();
      live.redraw();
    }, live.calm ? 1200 : 400);
  };
  frame.input.addEventListener("input", pause);

  // A cell a pixel, enlarged smoothly: the higher the score, the stronger the shade.
  const shades = (scores) => {
    const side = Math.sqrt(scores.length);
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = side;
    const pixels = new ImageData(side, side);
    for (let k = 0; k < scores.length; k++) {
      const row = side - 1 - Math.floor(k / side), at = 4 * (row * side + (k % side));
      pixels.data.set([128, 128, 128, Math.round(140 * number(scores, k, 1))], at);
    }
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return canvas.toDataURL();
  };

  return () => {
    const k = frame.value, run = data.runs[shown.value];
    plane.clear();
    const box = { x: plane.X(-view), y: plane.Y(view), width: plane.X(view) - plane.X(-view), height: plane.Y(-view) - plane.Y(view) };
    plane.inside.prepend(svg("image", { href: shades(run.scores[k]), ...box, preserveAspectRatio: "none" }));
    for (const [x, y] of data.modes) plane.dot(x, y, { ink: inks.real, r: 9, hollow: true });
    const points = run.points[k], place = (at) => view * (2 * number(points, at, 2) - 1);
    for (let i = 0; i < points.length / 4; i++) {
      svg("circle", { cx: plane.X(place(2 * i)), cy: plane.Y(place(2 * i + 1)), r: 2.8, fill: inks.fake, stroke: "currentColor", "stroke-width": 0.6 }, plane.node);
    }
    race.clear();
    race.line([[0, data.floor], [2 * data.work[last], data.floor]], { dash: "3 4", width: 1 });
    race.line([[data.work[k], -1], [data.work[k], most * 2]], { width: 1 });
    data.runs.forEach((one, i) => {
      race.line(one.w1.map((w1, j) => [data.work[j], w1]), { ink: INKS[i % 3], width: one === run ? 3.5 : 1.5 });
      race.dot(data.work[k], one.w1[k], { ink: INKS[i % 3], r: one === run ? 5 : 3 });
    });
    table.rows = data.runs.map((one, i) => [
      { text: one.name, ink: INKS[i % 3] }, say(one.modes[k]), say(one.high_quality[k], 2), say(one.w1[k], 3), say(one.value[k], 3),
    ]);
    const each = data.runs.map((one) => fill(data.says[1], { name: one.name, modes: say(one.modes[k]), w1: say(one.w1[k], 3) }));
    live.sentence(fill(data.says[0], { work: say(data.work[k]), each: each.join(", "), floor: say(data.floor, 3) }));
  };
}
