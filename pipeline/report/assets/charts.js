"use strict";
// Charts over time. They share one x axis with the steps: the same margins, the same seconds.
Report.charts = (() => {
  const margins = () => ({ left: parseFloat(Report.css("--left")), right: parseFloat(Report.css("--right")) });

  const overTime = (node, chart, duration, phases = []) => {
    const rows = chart.series.flatMap((s, k) => s.t.map((t, i) => ({ t, v: s.v[i], name: s.name, k })));
    const domain = chart.series.map((s) => s.name);
    const { range, dashed } = colours(chart.series);
    Report.all(".legend .swatch", node.closest("figure")).forEach((swatch, k) => {
      swatch.style.background = range[k];
      swatch.classList.toggle("dashed", dashed(chart.series[k]));
    });
    const line = { x: "t", y: "v", z: "name", stroke: "name", strokeWidth: 1.6, strokeLinejoin: "round" };
    Report.chart(node, (width) => {
      const { left, right } = margins();
      return Plot.plot({
        width, height: width < 480 ? 120 : 140, marginLeft: left, marginRight: right, marginTop: 8, marginBottom: 20,
        x: { domain: [0, duration], label: null, tickFormat: (t) => `${+t.toFixed(2)} s`, ticks: Math.max(4, width / 90) },
        y: { label: null, nice: true, ticks: 4, grid: true, domain: heights(rows, chart.least) },
        color: { domain, range },
        marks: [
          Plot.rectX(phases.filter((_, i) => i % 2), { x1: "start", x2: "end", fill: "var(--muted)", fillOpacity: 0.12 }),
          Plot.ruleY(crossesZero(rows) ? [0] : [], { stroke: "var(--muted)", strokeOpacity: 0.6 }),
          Plot.lineY(rows.filter((d) => !dashed(chart.series[d.k])), line),
          Plot.lineY(rows.filter((d) => dashed(chart.series[d.k])), { ...line, strokeDasharray: "4 3" }),
          Plot.tip(rows, Plot.pointerX({
            x: "t", y: "v", stroke: "name", fill: "var(--panel)", fontSize: 12,
            title: (d) => `${d.name}\n${d.v === null ? "unknown" : (+d.v.toPrecision(3))} ${chart.unit}\nat ${Report.clock(d.t)}`,
          })),
        ],
      });
    }, () => table(chart));
  };

  // Angles have the colours of their people, with dashes for the right side, and their difference is grey; others have one each.
  const colours = (series) => {
    const people = series.map((s) => s.arc?.[0] ?? -1), some = Math.max(...people) >= 0;
    return {
      range: people.map((person, k) => (!some ? Report.color(k) : person < 0 ? "var(--s6)" : `var(--p${person % 4})`)),
      dashed: (one) => some && series.find((s) => s.arc?.[0] === one.arc?.[0]) !== one,
    };
  };

  // A line per time, a column per curve; curves that were thinned have empty cells.
  const table = ({ series, unit }) => {
    const times = [...new Set(series.flatMap((s) => s.t))].sort((a, b) => a - b);
    const columns = series.map((s) => new Map(s.t.map((t, i) => [t, s.v[i]])));
    return [["time_s", ...series.map((s) => `${s.name} (${unit})`)], ...times.map((t) => [t, ...columns.map((column) => column.get(t))])];
  };

  // Ends of the axis: at least `least` apart, and with zero unless the curve stays near a value far from it.
  const heights = (rows, least) => {
    let [low, high] = d3.extent(rows, (d) => d.v);
    if (low === undefined) return [0, least || 1];
    if (Math.min(Math.abs(low), Math.abs(high)) < high - low) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
    const missing = Math.max(0, (least || (high === low ? Math.abs(high) || 1 : 0)) - (high - low));
    return [low - missing / 2, high + missing / 2];
  };
  const crossesZero = (rows) => {
    const [low, high] = d3.extent(rows, (d) => d.v);
    return low <= 0 && high >= 0;
  };

  return { overTime, margins };
})();
