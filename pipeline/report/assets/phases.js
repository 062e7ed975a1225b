"use strict";
// Phases on the time axis, each a button. The edges between them are dragged, from frame to frame where frames are known.
// On a page of `serve`, a link scores the video again with the dragged edges.
Report.phases = (section, data, { seek, timeUnder }) => {
  const strip = section.querySelector(".phases"), GRIP = 14;
  if (!strip) return null;
  const marks = () => data.phases.filter((phase) => phase.end > phase.start);
  const edges = () => [...marks().map((phase) => phase.start), marks().at(-1)?.end];
  let held = -1; // the edge that is dragged
  const draw = () => Report.all("[data-phase]", strip).forEach((button) => {
    const phase = marks().find((one) => one.name === button.dataset.phase);
    button.hidden = !phase;
    if (!phase) return;
    Object.assign(button.style, { left: `${(100 * phase.start) / data.duration}%`, width: `${(100 * (phase.end - phase.start)) / data.duration}%` });
    button.dataset.seek = phase.start;
  });
  strip.addEventListener("pointerdown", (event) => {
    const apart = edges().map((edge) => Math.abs(edge - timeUnder(event))), nearest = Math.min(...apart);
    held = nearest * strip.clientWidth < GRIP * data.duration ? apart.indexOf(nearest) : -1;
    if (held < 0) return;
    strip.setPointerCapture(event.pointerId);
    data.grabbed?.();
  });
  strip.addEventListener("pointermove", (event) => {
    const shown = marks(), all = edges(), t = Report.clamp(timeUnder(event), 0, data.duration);
    const time = t < data.duration ? data.frames[Report.frameAt(data.frames, t)] ?? t : t;
    if (held < 0 || time <= (all[held - 1] ?? -1) || time >= (all[held + 1] ?? Infinity)) return;
    if (shown[held]) shown[held].start = time;
    if (shown[held - 1]) shown[held - 1].end = time;
    draw();
    seek(time);
    data.mended?.();
  });
  const again = section.querySelector("[data-part=rescore]"), submission = Report.submission();
  strip.addEventListener("pointerup", () => {
    if (held >= 0 && again && submission) {
      again.hidden = false;
      again.querySelector("a").href = `/#again/${submission}?phases=${encodeURIComponent(JSON.stringify(marks()))}`;
    }
    held = -1;
  });
  strip.querySelector("[data-do]")?.addEventListener("click", () => Report.saving.save("phases.csv", Report.saving.csv([["video", "phase", "start_s", "end_s"], ...marks().map((p) => [data.scored.name, p.name, p.start, p.end])])));
  return draw;
};
