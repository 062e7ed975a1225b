"use strict";
// The begin of a phase is dragged by its left edge; the button saves phases.csv, from which the next score takes them.
Report.phases = (section, data, { seek, timeUnder }) => {
  const strip = section.querySelector(".phases"), buttons = strip ? Report.all("[data-seek]", strip) : [];
  const marks = data.phases.filter((phase) => phase.end > phase.start), GRIP = 10, LEAST_S = 0.02;
  let held = 0; // the phase whose begin is dragged; the first one has none
  strip?.addEventListener("pointerdown", (event) => {
    const i = buttons.indexOf(event.target.closest("[data-seek]"));
    held = i > 0 && event.clientX - buttons[i].getBoundingClientRect().left < GRIP ? i : 0;
    if (held) strip.setPointerCapture(event.pointerId);
  });
  strip?.addEventListener("pointermove", (event) => {
    if (!held) return;
    marks[held].start = marks[held - 1].end = Report.clamp(timeUnder(event), marks[held - 1].start + LEAST_S, marks[held].end - LEAST_S);
    buttons.forEach(({ style, dataset }, i) => {
      Object.assign(style, { left: `${(100 * marks[i].start) / data.duration}%`, width: `${(100 * (marks[i].end - marks[i].start)) / data.duration}%` });
      dataset.seek = marks[i].start;
    });
    seek(marks[held].start);
  });
  strip?.addEventListener("pointerup", () => { held = 0; });
  strip?.querySelector("[data-do]").addEventListener("click", () => Report.saving.save("phases.csv", Report.saving.csv([["video", "phase", "start_s", "end_s"], ...marks.map((p) => [data.scored.name, p.name, p.start, p.end])])));
};
