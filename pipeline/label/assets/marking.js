"use strict";
// The phases of one video: a key or button sets the start of each at the shown frame. The strip on the time axis corrects them.
Report.marking = (section, form, say) => {
  const own = Report.player.held(section), { data, strip } = own, part = (name) => form.querySelector(`[data-do=${name}]`);
  const buttons = Report.all("[data-phase]", form), names = buttons.map((button) => button.dataset.phase), earlier = [];
  const begins = () => Object.fromEntries(data.phases.map(({ name, start }) => [name, start])), end = () => data.phases.at(-1)?.end ?? data.duration;
  const marked = data.phases.filter(({ name }) => names.includes(name)); // others are of a session with other names
  let next = marked.length ? names.length : 0; // the phase that Enter begins; those before it without a begin are left out

  const draw = () => {
    buttons.forEach((button, i) => {
      const begin = begins()[names[i]];
      button.querySelector("small").textContent = begin !== undefined ? Report.clock(begin) : i < next ? "left out" : "";
      button.setAttribute("aria-pressed", String(begin !== undefined));
      button.setAttribute("aria-current", String(i === next));
    });
    part("end").querySelector("small").textContent = end() < data.duration ? Report.clock(end()) : "";
    part("end").disabled = !data.phases.length;
    part("leaveOut").disabled = next === names.length;
    part("undo").disabled = !earlier.length;
    form.querySelector("[type=submit] span").textContent = next < names.length ? `${names[next]} begins` : "Next video";
  };
  // New times, `begun` by name, unless they contradict the order of the phases.
  const change = (begun, ending, following = next) => {
    const before = { phases: data.phases, next }, order = names.filter((name) => name in begun), wrong = strip.change(order, [...order.map((name) => begun[name]), ending]);
    if (wrong > 0) return say(`${order[wrong - 1]} would begin after ${order[wrong] ?? "the end"}. Go to another frame.`);
    earlier.push(before);
    next = following;
    say("");
    draw();
  };
  const now = () => data.frames[Report.frameAt(data.frames, own.time)];
  const mark = (i) => change({ ...begins(), [names[i]]: now() }, end(), Math.max(next, i + 1));
  Object.assign(strip, { grabbed: () => earlier.push({ phases: data.phases, next }), dragged: draw });
  strip.change(marked.map(({ name }) => name), [...marked.map(({ start }) => start), marked.at(-1)?.end]);
  draw();
  return {
    mark,
    leaveOut: () => next < names.length && change(begins(), end(), next + 1),
    end: () => data.phases.length && change(begins(), now()),
    undo: () => { if (earlier.length) { ({ phases: data.phases, next } = earlier.pop()); say(""); strip.draw(); draw(); } },
    // Marks the next phase; where none is left, gives the phases to save.
    enter: () => {
      if (next < names.length) return void mark(next);
      return data.phases.length ? data.phases : say("Mark the start of a phase, or skip this video.");
    },
  };
};
