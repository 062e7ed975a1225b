"use strict";
// Charts of a batch and of an evaluation.
Report.results = (() => {
  const axis = { marginLeft: 46, marginBottom: 34, marginTop: 24 };

  const distribution = (node, data) => {
    const values = [...data.scores, ...data.training];
    const bins = d3.bin().thresholds(Math.min(24, Math.max(6, Math.ceil(Math.sqrt(values.length) * 1.5))))(values);
    const few = data.scores.length <= 7; // a dot each says more than bars
    node.closest("figure").querySelector(".swatch").classList.toggle("dot", few);
    const share = (part) => bins.map((b) => ({ x0: b.x0, x1: b.x1, n: part.filter((v) => v >= b.x0 && (v < b.x1 || (b === bins.at(-1) && v <= b.x1))).length / Math.max(1, part.length) }));
    Report.chart(node, (width) => Plot.plot({
      width, height: 230, ...axis, color: { legend: false },
      x: { label: "score" }, y: { label: "share of the videos", tickFormat: ".0%", grid: true, ticks: 4 },
      marks: [
        few ? null : Plot.rectY(share(data.scores), { x1: "x0", x2: "x1", y: "n", fill: "var(--accent)", fillOpacity: 0.75, inset: 0.5 }),
        Plot.lineY(steps(share(data.training)), { x: "x", y: "n", stroke: "var(--ink)", strokeWidth: 1.3, strokeDasharray: "4 3" }),
        few ? Plot.dot(data.scores, { x: (v) => v, y: 0, r: 5, fill: "var(--accent)", stroke: "var(--panel)" }) : null,
        few || data.scores.length > 400 ? null : Plot.ruleX(data.scores, { stroke: "var(--ink)", strokeOpacity: 0.5, y1: 0, y2: 0.006 }),
        Plot.ruleY([0], { stroke: "var(--muted)" }),
      ],
    }), () => [["videos", "score"], ...data.scores.map((v) => ["this page", v]), ...data.training.map((v) => ["training", v])]);
  };
  const steps = (bins) => bins.flatMap((b) => [{ x: b.x0, n: b.n }, { x: b.x1, n: b.n }]);

  // A square with equal axes: the line of agreement is the diagonal, and no prediction is cut off.
  const scatter = (node, { predictions: rows, axes, range: ends }) => {
    const margins = { marginLeft: 46, marginRight: 14, marginBottom: 40, marginTop: 20 };
    const tasks = [...new Set(rows.map((d) => d.task))];
    const range = tasks.map((_, k) => Report.color(k));
    Report.chart(node, (width) => {
      const side = Math.min(width, 640);
      return Plot.plot({
        width: side, height: side, ...margins, color: { domain: tasks, range, legend: false },
        x: { label: axes.true, domain: ends, grid: true, ticks: 6 },
        y: { label: axes.predicted, domain: ends, grid: true, ticks: 6 },
        marks: [
          Plot.link([0], { x1: ends[0], y1: ends[0], x2: ends[1], y2: ends[1], stroke: "var(--muted)" }),
          Plot.ruleX(rows.filter((d) => d.predicted.low !== null), { x: "true", y1: (d) => d.predicted.low, y2: (d) => d.predicted.high, stroke: "task", strokeOpacity: 0.3, strokeWidth: 2 }),
          Plot.dot(rows, { x: "true", y: (d) => d.predicted.value, fill: "task", r: 3.5, stroke: "var(--panel)", strokeWidth: 1 }),
          Plot.tip(rows, Plot.pointer({
            x: "true", y: (d) => d.predicted.value, fill: "var(--panel)", fontSize: 12,
            title: (d) => `${d.id}\ntrue ${d.true.toFixed(2)}, predicted ${d.predicted.value.toFixed(2)}${d.task ? `\n${d.task}` : ""}`,
          })),
        ],
      });
    }, () => [["video", "task", "fold", "judges", "predicted", "low80", "high80"], ...rows.map((d) => [d.id, d.task, d.fold, d.true, d.predicted.value, d.predicted.low, d.predicted.high])]);
  };

  const plain = (value) => `${+value.toPrecision(3)}`.replace("-", "\u2212");

  const bars = (node, chart) => {
    const longest = d3.max(chart.bars, (b) => b.name.length);
    const marginLeft = (width) => Math.min(width * 0.42, 16 + 6.3 * longest);
    Report.chart(node, (width) => Plot.plot({
      width, height: 46 + 30 * chart.bars.length, marginLeft: marginLeft(width), marginRight: 14, marginBottom: 28, marginTop: 6,
      x: { label: null, grid: true, nice: true, zero: true, ticks: 5, tickFormat: plain }, y: { label: null, axis: null, domain: chart.bars.map((b) => b.name) },
      marks: [
        Plot.axisY({ label: null, tickSize: 0, lineWidth: marginLeft(width) / 11 - 0.5 }),
        Plot.barX(chart.bars, { x: "value", y: "name", fill: (b) => (b.baseline ? "var(--s6)" : "var(--s4)"), fillOpacity: 0.75, insetTop: 5, insetBottom: 5 }),
        Plot.ruleY(chart.bars.filter((b) => b.low !== null), { y: "name", x1: "low", x2: "high", stroke: "var(--ink)", strokeWidth: 1.5 }),
        Plot.ruleX([0], { stroke: "var(--muted)" }),
      ],
    }), () => [["system", chart.unit, "low95", "high95"], ...chart.bars.map((b) => [b.name, b.value, b.low, b.high])]);
  };

  const curve = (node, rows, { epoch, loss }) => {
    const color = Report.color(0);
    Report.chart(node, (width) => Plot.plot({
      width, height: 230, ...axis,
      x: { label: epoch, tickFormat: plain }, y: { label: loss, grid: true, type: "log", ticks: 5, tickFormat: plain },
      marks: [
        Plot.areaY(rows, { x: "x", y1: "low", y2: "high", fill: color, fillOpacity: 0.15 }),
        Plot.lineY(rows, { x: "x", y: "y", stroke: color, strokeWidth: 1.6 }),
        Plot.tip(rows, Plot.pointerX({ x: "x", y: "y", stroke: color, fill: "var(--panel)", fontSize: 12, title: (d) => `${loss}\n${d.y} at epoch ${d.x}` })),
      ],
    }), () => [[epoch, loss, "least", "greatest"], ...rows.map((d) => [d.x, d.y, d.low, d.high])]);
  };

  // Scores by day, a colour for each performer.
  const progress = (node, given) => {
    const rows = given.map((d) => ({ ...d, time: new Date(d.day) }));
    const domain = [...new Set(rows.map((d) => d.subject))];
    Report.chart(node, (width) => Plot.plot({
      width, height: 230, ...axis, color: { domain, range: domain.map((_, k) => Report.color(k)) },
      x: { type: "utc", label: null }, y: { label: "score", grid: true, nice: true, ticks: 5 },
      marks: [
        Plot.ruleX(rows.filter((d) => d.low !== null), { x: "time", y1: "low", y2: "high", stroke: "subject", strokeOpacity: 0.3, strokeWidth: 2 }),
        Plot.lineY(rows, { x: "time", y: "score", stroke: "subject", strokeWidth: 1.6 }),
        Plot.dot(rows, { x: "time", y: "score", fill: "subject", r: 4 }),
        Plot.tip(rows, Plot.pointer({ x: "time", y: "score", fill: "var(--panel)", fontSize: 12, title: (d) => `${d.name}\n${d.score.toFixed(2)} on ${d.day}` })),
      ],
    }), () => [["who", "day", "score", "low80", "high80", "video"], ...given.map((d) => [d.subject, d.day, d.score, d.low, d.high, d.name])]);
  };

  return { progress, distribution, scatter, bars, curve };
})();
