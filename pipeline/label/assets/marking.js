"use strict";
// The phases of one video: a key or button sets the begin of each at the frame that is shown. The strip on the time axis mends them.
Report.marking = (section, form, say) => {
  const own = Report.player.held(section), { data } = own, part = (name) => form.querySelector(`[data-do=${name}]`);
  const buttons = Report.all("[data-phase]", form), names = buttons.map((button) => button.dataset.phase), earlier = [];
  data.phases = data.phases.filter(({ name }) => names.includes(name)); // others are of a session with other names
  let next = data.phases.length ? names.length : 0; // the phase that Enter begins; those before it without a begin are left out

  const end = () => data.phases.at(-1)?.end ?? data.duration;
  const now = () => data.frames[Report.frameAt(data.frames, own.time)];
  const draw = () => {
    buttons.forEach((button, i) => {
      const phase = data.phases.find(({ name }) => name === names[i]);
      button.querySelector("small").textContent = phase ? Report.clock(phase.start) : i < next ? "left out" : "";
      button.setAttribute("aria-pressed", String(Boolean(phase)));
      button.setAttribute("aria-current", String(i === next));
    });
    part("end").querySelector("small").textContent = end() < data.duration ? Report.clock(end()) : "";
    part("end").disabled = !data.phases.length;
    part("leaveOut").disabled = next === names.length;
    part("undo").disabled = !earlier.length;
    form.querySelector("[type=submit] span").textContent = next < names.length ? `${names[next]} begins` : "Next video";
    own.drawPhases();
  };
  const keep = () => earlier.push({ phases: data.phases.map((phase) => ({ ...phase })), next });
  // New times, `begins` by name, unless they contradict the order of the phases.
  const change = (begins, ending, following = next) => {
    const order = names.filter((name) => name in begins), times = [...order.map((name) => begins[name]), ending];
    const wrong = order.findIndex((_, i) => times[i + 1] <= times[i]);
    if (wrong >= 0) return say(`${order[wrong]} would begin after ${order[wrong + 1] ?? "the end"}. Go to another frame.`);
    keep();
    [data.phases, next] = [order.map((name, i) => ({ name, start: times[i], end: times[i + 1] })), following];
    say("");
    draw();
  };
  const begins = () => Object.fromEntries(data.phases.map(({ name, start }) => [name, start]));
  const mark = (i) => change({ ...begins(), [names[i]]: now() }, end(), Math.max(next, i + 1));
  Object.assign(data, { grabbed: keep, mended: draw });
  draw();
  return {
    mark,
    leaveOut: () => next < names.length && change(begins(), end(), next + 1),
    end: () => data.phases.length && change(begins(), now()),
    undo: () => { if (earlier.length) { ({ phases: data.phases, next } = earlier.pop()); say(""); draw(); } },
    // Marks the next phase; where none is left, gives the phases to save.
    enter: () => {
      if (next < names.length) return void mark(next);
      return data.phases.length ? data.phases : say("Mark the begin of a phase, or skip this video.");
    },
  };
};
