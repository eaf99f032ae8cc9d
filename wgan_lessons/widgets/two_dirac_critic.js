// The numbers are Python's; only the curve is drawn from its formula.
(live, data) => {
  const { say, inks } = live;
  const hill = live.plot({
    alt: "The critic's objective against its slope, with its maxima", x: [-3, 4], y: [-3, 3],
    xlabel: "slope s", ylabel: "value − penalty", tallest: 280,
  });
  const critic = live.plot({
    alt: "The best critic between the fake point at 0 and the real point at d", x: [-0.5, 4.5], y: [-0.5, 8],
    xlabel: "x", ylabel: "f(x)", tallest: 280,
  });
  const weight = live.slider({
    label: "weight λ", min: 0, max: data.weights.length - 1, value: data.start[1], text: (k) => say(data.weights[k]),
  });
  const distance = live.slider({
    label: "distance d", min: 0, max: data.distances.length - 1, value: data.start[0], text: (k) => say(data.distances[k], 2),
  });
  const oneSided = live.checkbox({ label: "one-sided penalty (slopes below 1 go free)" });
  const table = live.table({ header: ["the best critic", "formula", "here"] });

  return () => {
    const d = data.distances[distance.value], w = data.weights[weight.value];
    const [slope, value, , objective, second] = data.laws[distance.value][weight.value][oneSided.value ? 1 : 0];
    const price = (s) => (oneSided.value ? Math.max(Math.abs(s) - 1, 0) : Math.abs(s) - 1) ** 2;
    const gain = (s) => d * s - w * price(s);
    const right = Math.max(3, slope + 1.5), free = oneSided.value && d === 0;
    const best = free ? [-1, 1] : [slope];
    const slopes = Array.from({ length: 301 }, (_, k) => -3 + (k / 300) * (right + 3));
    hill.clear({ x: [-3, right], y: [-Math.max(d, Math.min(w, 4)) - 1, objective + 1] });
    hill.line([[1, -99], [1, 99]], { dash: "3 4", width: 1 });
    hill.line(slopes.map((s) => [s, gain(s)]), { ink: inks.purple, width: 2.5 });
    if (free) hill.line([[-1, 0], [1, 0]], { ink: inks.green, width: 5 });
    else hill.dot(slope, objective, { ink: inks.green });
    best.forEach((s) => hill.text(s, objective, say(s, 3), { anchor: "middle", dy: -10 }));
    if (second !== null) {
      hill.dot(second, gain(second), { ink: inks.purple, hollow: true });
      hill.text(second, gain(second), say(second, 3), { anchor: "middle", dy: -10 });
    }
    critic.clear({ x: [-0.5, 4.5], y: [-1, Math.max(4, Math.ceil(value) + 1)] });
    const ends = [-1, 5];
    critic.line(ends.map((x) => [x, x]), { dash: "3 4", width: 1.5 });
    best.forEach((s) => critic.line(ends.map((x) => [x, s * x]), { ink: inks.green, width: 2.5 }));
    critic.dot(0, 0, { ink: inks.fake });
    critic.dot(d, value, { ink: inks.real });
    critic.text(0, 0, "fake", { dx: 9, dy: 14 });
    critic.text(d, value, "real", { anchor: "end", dx: -9, dy: -4 });
    table.rows = [
      [{ text: "slope", ink: inks.green }, "1 + d/(2λ)", free ? "any, −1 to 1" : say(slope, 3)],
      ["value", "d + d²/(2λ)", say(value, 3)],
      ["objective", "d + d²/(4λ)", say(objective, 3)],
      ["W₁", "d", say(d, 3)],
      ["second maximum at slope", "−1 + d/(2λ)", second === null ? "none" : say(second, 3)],
    ];
    const kind = (oneSided.value || second === null ? "one" : "two") + (d === 0 ? " at 0" : "");
    live.sentence(live.fill(data.says[kind], {
      weight: say(w), d: say(d, 2), slope: say(slope, 3), value: say(value, 3), second: second === null ? "" : say(second, 3),
    }));
  };
}
