// Python knows every distance at every place of the slider; the page looks them up.
(live, data) => {
  const { say, inks } = live;
  const far = data.thetas.at(-1);
  const DISTANCES = {
    w1: ["W₁", "currentColor", 2], js: ["JS", inks.green, 4], tv: ["TV", inks.purple, 0],
    kl: ["KL(P‖Q)", inks.grey, 0], reverse_kl: ["KL(Q‖P)", inks.grey, 0],
  };
  const lines = live.plot({
    alt: "The line of P at 0 and the line of Q at theta", x: [-far - 0.2, far + 0.2], y: [-0.1, 1.2],
    xlabel: "x₁", ylabel: "x₂", yticks: [0, 1], tallest: 260,
  });
  const top = 2.25; // where infinity is drawn
  const curves = live.plot({
    alt: "The distances against theta, with a dot on each at the present theta", x: [-far, far], y: [0, 2.4],
    xlabel: "θ", ylabel: "distance", yticks: [0, 0.5, 1, 1.5, 2], tallest: 260,
  });
  const theta = live.slider({
    label: "θ, place of Q", min: -far, max: far, step: data.step, value: data.start, text: (v) => say(v, 2),
  });
  const table = live.table({ header: ["distance", "value", "slope in θ"] });

  const height = (value) => (value === "∞" ? top : value);
  return () => {
    const k = data.thetas.reduce((best, t, i) => (Math.abs(t - theta.value) < Math.abs(data.thetas[best] - theta.value) ? i : best), 0);
    const zero = data.thetas.indexOf(0);
    const value = (name) => data.values[name][k];
    lines.clear();
    lines.line([[0, 0], [0, 1]], { ink: inks.real, width: 5 });
    lines.line([[data.thetas[k], 0], [data.thetas[k], 1]], { ink: inks.fake, width: 5, dash: "9 4" });
    lines.text(0, 1, "P", { anchor: "end", dx: -6, dy: -4 });
    lines.text(data.thetas[k], 1, "Q", { dx: 6, dy: -4 });
    curves.clear();
    for (const [name, [, ink]] of Object.entries(DISTANCES)) {
      // Only W1 is continuous at 0: the others leave a gap there, and a dot.
      const points = data.thetas.map((t, i) => [t, i === zero && name !== "w1" ? NaN : height(data.values[name][i])]);
      curves.line(points, { ink, dash: name.includes("kl") ? "2 4" : null, width: 2.5 });
      curves.dot(data.thetas[k], height(value(name)), { ink });
    }
    curves.text(-far, top, "∞", { anchor: "end", dx: -6, dy: 5 });
    table.rows = Object.entries(DISTANCES).map(([name, [label, ink, digits]]) => [
      { text: label, ink }, say(value(name), value(name) === 0 ? 0 : digits), data.slopes[name][k] === null ? "none" : say(data.slopes[name][k]),
    ]);
    live.sentence(live.fill(data.says[k === zero ? "together" : "apart"], {
      theta: say(data.thetas[k], 2), w1: say(value("w1"), 2), js: say(value("js"), 4), tv: say(value("tv")),
      slope: data.slopes.w1[k] === null ? "" : say(data.slopes.w1[k]),
    }));
  };
}
