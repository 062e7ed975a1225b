"use strict";
// Phases on the time axis, each a button. The edges between them are dragged, from frame to frame where frames are known.
// On a page of `serve`, a link scores the video again with the dragged edges.
Report.phases = (section, data, { seek, timeUnder }) => {
  const strip = section.querySelector(".phases"), GRIP = 14;
  if (!strip) return null;
  data.phases = data.phases.filter(({ start, end }) => end > start); // others are left out by the performance
  const own = {
    edges: () => [...data.phases.map(({ start }) => start), data.phases.at(-1)?.end],
    // New phases, unless an edge is not after the one before it: then the number of that edge, else -1.
    change: (names, edges) => {
      const wrong = edges.findIndex((edge, i) => edge <= edges[i - 1]);
      if (wrong < 0) data.phases = names.map((name, i) => ({ name, start: edges[i], end: edges[i + 1] }));
      own.draw();
      return wrong;
    },
    draw: () => Report.all("[data-phase]", strip).forEach((button) => {
      const phase = data.phases.find(({ name }) => name === button.dataset.phase);
      button.hidden = !phase;
      if (!phase) return;
      Object.assign(button.style, { left: `${(100 * phase.start) / data.duration}%`, width: `${(100 * (phase.end - phase.start)) / data.duration}%` });
      button.dataset.seek = phase.start;
    }),
  };
  const again = section.querySelector("[data-part=rescore]"), submission = Report.submission();
  let held = -1; // the edge that is dragged
  strip.addEventListener("pointerdown", (event) => {
    const apart = own.edges().map((edge) => Math.abs(edge - timeUnder(event))), nearest = Math.min(...apart);
    held = nearest * strip.clientWidth < GRIP * data.duration ? apart.indexOf(nearest) : -1;
    if (held < 0) return;
    strip.setPointerCapture(event.pointerId);
    own.grabbed?.();
  });
  strip.addEventListener("pointermove", (event) => {
    if (held < 0) return;
    const t = Report.clamp(timeUnder(event), 0, data.duration), time = t < data.duration ? data.frames[Report.frameAt(data.frames, t)] ?? t : t;
    if (own.change(data.phases.map(({ name }) => name), Object.assign(own.edges(), { [held]: time })) < 0) seek(time);
    own.dragged?.();
  });
  strip.addEventListener("pointerup", () => {
    if (held >= 0 && again && submission) {
      again.hidden = false;
      again.querySelector("a").href = `/#again/${submission}?phases=${encodeURIComponent(JSON.stringify(data.phases))}`;
    }
    held = -1;
  });
  strip.querySelector("[data-do]")?.addEventListener("click", () => Report.saving.save("phases.csv", Report.saving.csv([["video", "phase", "start_s", "end_s"], ...data.phases.map((p) => [data.scored.name, p.name, p.start, p.end])])));
  return own;
};
