"use strict";
// Two videos of the page side by side. A phase of 3.5 is half of the fourth step, in both.
Report.compare = (() => {
  // Numbers as they are printed: differences are those of printed numbers, and no zero has a sign.
  const rounded = (v, digits = 2) => Number(v.toFixed(digits)) + 0;
  const points = (v, sign = "", digits = 2) => d3.format(`${sign}.${digits}f`)(rounded(v, digits));
  const signed = (v, digits = 2) => points(v, rounded(v, digits) === 0 ? "" : "+", digits);
  // The sum of the steps, the rest and the score, each with the digits of the score.
  const parts = ({ steps, scored }) => {
    const [sum, score] = [d3.sum(steps, (s) => rounded(s.score)), scored.score].map((v) => rounded(v, scored.decimals));
    return [sum, score - sum, score];
  };

  // Why two videos cannot be shown, or "".
  const refusal = (a, b) => {
    if (a.scored.model !== b.scored.model) return "A and B were scored by different models: their steps cannot be compared. Score both with one model.";
    if (a.steps.length !== b.steps.length) return `A has ${a.steps.length} steps and B has ${b.steps.length}: steps cannot be compared. Choose videos with equal numbers of steps.`;
    return "";
  };

  // From phase to seconds and back. Steps that overlap or leave a gap count from one start to the next.
  const clockOf = (steps) => d3.scaleLinear(d3.range(steps.length + 1), [...steps.map((s) => s.start), steps.at(-1).end]).clamp(true);

  const start = (root, sections) => {
    const part = (name) => root.querySelector(`[data-part=${name}]`);
    const slider = part("phase"), body = part("view"), problem = part("problem"), play = root.querySelector("[data-do=play]");
    const sides = Report.all(".side", root).map((head, i) => {
      const stage = Report.all(".stage", root)[i];
      return { head, stage, name: "AB"[i], pick: head.querySelector("select"), video: stage.querySelector("video"), canvas: stage.querySelector("canvas"), ahead: 0 };
    });
    let phase = 0, count = 0, playing = false, skeletons = true, speed = 1, last = 0, rows = [], joints = [], ghost = null;
    const pairs = Report.read(document.getElementById("pairs-data")) ?? {};

    const runs = (side) => !side.video.hidden && !side.video.error;
    const load = (side) => {
      const section = sections[Number(side.pick.value)], held = Report.player.held(section);
      side.data = held.data;
      side.clock = clockOf(held.data.steps);
      side.stage.style.cssText = held.shape;
      side.stage.hidden = !held.shape;
      side.video.hidden = !held.source;
      side.video.setAttribute("aria-label", `Video ${side.name}: ${held.data.scored.name}`);
      if (held.source && side.video.src !== held.source) side.video.src = held.source;
      const { interval80, interval95, decimals, why, held_out: heldOut, difficulty } = held.data.scored, score = heldOut ?? held.data.scored.score;
      const shown = (v) => points(v, "", decimals), big = side.head.querySelector(".big");
      const ends = (often, interval) => (interval ? `likely ${shown(interval[0])} to ${shown(interval[1])} (${often})` : "");
      big.textContent = why ? "no score" : shown(score);
      side.head.querySelector(".label").textContent = (why ? "" : heldOut === null ? held.data.scored.quantity : "predicted by networks that did not see it") + (difficulty ? ` · difficulty ${difficulty}` : "");
      big.classList.toggle("no-score", why !== "");
      side.head.querySelector("p.note").textContent = (why ? `No score: ${why}. ` : "") + [ends("80 %", interval80), ends("95 %", interval95), section.querySelector("summary .truth") ? "upright mark: judges" : ""].filter(Boolean).join(" · ");
      const copies = ["summary .glyph", "summary .chips"].map((name) => section.querySelector(name)?.cloneNode(true)).filter(Boolean);
      side.head.querySelector(".copies").replaceChildren(...copies);
    };

    const show = (to) => {
      phase = Report.clamp(to, 0, count);
      const step = Math.min(Math.floor(phase + 1e-6), count - 1);
      for (const side of sides) {
        side.time = side.clock(phase + (playing ? 0 : side.ahead));
        const at = runs(side) ? side.video.currentTime : side.time, under = side === sides[0] && ghost ? ghost.paint : null;
        Report.overlay.draw(side.canvas, skeletons || joints.length ? side.data.skeleton : null, at, { bodies: skeletons, joints, under });
        Report.drawing.paint(side.canvas, Report.drawing.kept(side.data.identity), side.time);
      }
      const times = sides.map((side) => `${side.name} ${Report.clock(side.time)}`).join(" · ");
      const pictured = phase > 0 ? step : Math.floor(count / 2);
      for (const side of sides) {
        const [image, caption] = side.head.querySelector(".pictured").children, { start, end } = side.data.steps[pictured];
        const still = Report.all(".frame img", sections[Number(side.pick.value)])[pictured]?.src ?? "";
        image.parentElement.classList.toggle("no-picture", !still);
        if (image.getAttribute("src") !== still) image.src = still;
        caption.textContent = `${side.name} · step ${pictured + 1}${named(pictured)} · ${Report.clock((start + end) / 2)}`;
      }
      slider.value = phase;
      slider.setAttribute("aria-valuetext", `Step ${step + 1} of ${count}${named(step)}, ${times}`);
      part("now").textContent = `Step ${step + 1}${named(step)} · ${times}${sides[1].ahead ? " (the moment of B that moves most like that of A; poses can differ)" : ""}`;
      rows.forEach((row, i) => (i === step ? row.setAttribute("aria-current", "step") : row.removeAttribute("aria-current")));
    };
    // Slightly inside the frame, so that rounding never shows the frame before.
    // `ahead`: how many steps later B has the same moment of the movement.
    const seek = (to, marks = [], ahead = 0) => {
      joints = marks;
      const aim = Report.clamp(to, 0, count);
      for (const side of sides) side.ahead = side === sides[1] ? ahead : 0;
      sides.filter(runs).forEach((side) => { side.video.currentTime = side.clock(aim + side.ahead) + 1e-3; });
      show(aim);
    };

    const leader = () => sides.find(runs) ?? sides[0];
    // The phase now: that of the video, or `passed` seconds after the last phase where no video runs.
    const reached = (lead, passed) => lead.clock.invert(runs(lead) ? lead.video.currentTime : lead.time + passed);
    // The first video that runs leads. The speed of the other makes its steps as long; drift beyond .15 s is corrected.
    const follow = (now) => {
      if (!playing) return;
      const lead = leader(), to = reached(lead, (speed * (now - last)) / 1000);
      last = now;
      for (const side of sides.filter((one) => one !== lead && runs(one))) {
        const k = Math.min(Math.floor(to), count - 1), aim = Report.clamp(side.clock(to), 0, side.data.duration);
        const pace = (side.clock(k + 1) - side.clock(k)) / (lead.clock(k + 1) - lead.clock(k));
        side.video.playbackRate = Report.clamp(speed * pace || speed, 0.0625, 16);
        if (Math.abs(side.video.currentTime - aim) > 0.15) side.video.currentTime = aim;
      }
      if (runs(lead) && lead.video.ended) return void (setPlaying(false), show(count));
      show(to);
      if (to >= count) return void setPlaying(false);
      requestAnimationFrame(follow);
    };
    const setPlaying = (on) => {
      if (on === playing) return;
      playing = on;
      play.textContent = on ? "Pause" : "Play";
      if (on && phase >= count - 1e-6) seek(0);
      for (const side of sides.filter(runs)) {
        side.video.playbackRate = speed;
        if (on) side.video.play().catch(() => setPlaying(false));
        else side.video.pause();
      }
      last = performance.now();
      if (on) requestAnimationFrame(follow);
      else seek(reached(leader(), 0));
    };

    const cell = (kind, text, name = "n") => {
      const made = document.createElement(kind);
      made.textContent = text;
      made.className = name;
      return made;
    };
    const line = (head, values, bar = null, digits = 2) => {
      const row = document.createElement("tr"), first = cell("th", "", "");
      first.scope = "row";
      first.append(head);
      const [a, b] = values.map((v) => rounded(v, digits)), place = cell("td", "", bar === null ? "" : "bar");
      if (bar !== null) { // the sums have no bar
        const drawn = cell("i", "", bar < 0 ? "below" : "");
        drawn.style.setProperty("--part", `${(100 * Math.abs(bar)).toFixed(1)}%`);
        place.append(drawn);
      }
      row.append(first, cell("td", points(a, "", digits)), cell("td", points(b, "", digits)), cell("td", signed(b - a, digits)), place);
      return row;
    };
    // The table of steps and the difference of the scores. A video without a score, or without steps, has neither.
    const fill = () => {
      const [a, b] = sides.map((side) => side.data);
      const invalid = sides.filter((side) => side.data.scored.why).map((side) => side.name).join(" and ");
      const trained = sides.filter((side) => side.data.scored.known).map((side) => side.name).join(" and ");
      const stepless = [...a.steps, ...b.steps].some((s) => s.score === null);
      for (const node of Report.all(".compared, .compared + .note", root)) node.hidden = trained !== "" || stepless;
      const said = trained && !invalid ? `The scores are not compared: the model was trained on ${trained}.` : invalid ? `The scores are not compared: ${invalid} ${invalid.length > 1 ? "have" : "has"} no score.` : apart(a, b);
      const unlike = Math.max(a.duration, b.duration) > 1.25 * Math.min(a.duration, b.duration);
      part("difference").textContent = unlike ? `${said} A lasts ${Report.clock(a.duration)}, B ${Report.clock(b.duration)}: a step is not equally long in both.` : said;
      if (stepless) rows = [];
      else fillTable(a, b);
    };
    // Within half a step of a phase.
    const isUnsure = ({ data, clock }, at, marks) => Report.overlay.isUnsure(data.skeleton, clock(at - 0.5), clock(at + 0.5), marks);
    // What moved differently, each with a button that shows both videos there.
    const fillMoved = () => {
      const found = pairs[sides.map((side) => side.pick.value).join("-")], root = part("moved");
      root.hidden = !found;
      if (!found) return;
      root.querySelector("h3").textContent = found.length ? "What moved differently" : "No movement is clearly different";
      root.querySelector("ul").replaceChildren(...found.map((one) => {
        const item = document.createElement("li"), go = cell("button", "Show", "quiet no-print"), said = cell("span", `${one.text} `, "");
        go.type = "button";
        go.setAttribute("aria-label", `Show: ${one.text}`);
        go.addEventListener("click", () => {
          setPlaying(false);
          setGhost(null); // which has a clock of its own for B
          seek(one.phase, one.joints, one.ahead);
          root.parentElement.querySelector(".stages").scrollIntoView({ block: "nearest" });
        });
        said.append(cell("span", `(${one.numbers})`, "note"));
        const unsure = sides.filter((side, i) => isUnsure(side, one.phase + i * one.ahead, one.joints)).map((side) => side.name).join(" and ");
        if (unsure) said.append(cell("span", ` The pose of ${unsure} is uncertain here.`, "unsure"));
        item.append(go, said);
        return item;
      }));
    };
    const apart = (a, b) => {
      if (a.scored.quantity !== b.scored.quantity) return `No difference: A has a ${a.scored.quantity}, B a ${b.scored.quantity}. Give both a difficulty, or neither.`;
      const [x, y] = [a, b].map((one) => one.scored.interval80), { decimals, within } = a.scored;
      const meet = x && y && Math.max(x[0], y[0]) <= Math.min(x[1], y[1]), overlap = x && y ? ` The 80 % intervals ${meet ? "overlap" : "do not overlap"}.` : "";
      const gap = rounded(b.scored.score, decimals) - rounded(a.scored.score, decimals);
      const small = Math.abs(gap) < within, error = within === null ? "" : `the model's usual error (±${d3.format(".3~r")(within)})`;
      const usual = error ? ` ${small ? "Smaller" : "Larger"} than ${error}.` : "";
      const higher = gap < 0 ? "A" : "B", clear = x && y && !meet;
      const verdict = !error ? "" : small ? "Not certainly different. " : clear ? `${higher} scores higher. ` : `${higher} probably scores higher. `;
      const [d, e] = [a, b].map((one) => one.scored.difficulty), equal = [a, b].map((one) => points(one.scored.score / one.scored.difficulty, "", 1));
      const harder = d && e && d !== e && a.scored.quantity === "score" ? ` Part of the difference is the difficulty: at equal difficulty (score ÷ difficulty) A ${equal[0]}, B ${equal[1]}.` : "";
      return `${verdict}B − A: ${signed(gap, decimals)} points.${usual}${overlap}${harder}`;
    };
    const named = (i) => (sides[0].data.steps[i].phase ? ` · ${sides[0].data.steps[i].phase}` : "");
    const fillTable = (a, b) => {
      const gaps = a.steps.map((s, i) => rounded(b.steps[i].score) - rounded(s.score));
      const widest = d3.max(gaps, Math.abs) || 1;
      const goTo = (i, text, name) => {
        const go = cell("button", text, "quiet");
        go.type = "button";
        go.setAttribute("aria-label", `Go to ${name}`);
        go.addEventListener("click", () => seek(i));
        return go;
      };
      rows = a.steps.map((step, i) => {
        const go = goTo(i, `${i + 1}${named(i)}`, `step ${i + 1}${named(i)}`);
        return line(go, [step.score, b.steps[i].score], gaps[i] / widest);
      });
      part("steps").replaceChildren(...rows);
      const phases = d3.groups(d3.range(count).filter((i) => a.steps[i].phase), (i) => a.steps[i].phase);
      part("sums").replaceChildren(
        ...phases.map(([name, places]) => line(goTo(places[0], name, name), [a, b].map((one) => d3.sum(places, (i) => rounded(one.steps[i].score))))),
        ...["Sum of the steps", "Outside the steps", a.scored.quantity === "score" ? "Score" : "Score ÷ difficulty"]
          .map((name, i) => line(name, [a, b].map((one) => parts(one)[i]), null, a.scored.decimals)),
      );
      part("scale").textContent = `±${points(widest)}`;
    };
    // `at` gives the phase to open at from the first side.
    const choose = (at = null) => {
      setPlaying(false);
      sides.forEach(load);
      problem.textContent = refusal(...sides.map((side) => side.data));
      body.hidden = problem.textContent !== "";
      if (body.hidden) return;
      count = sides[0].data.steps.length;
      slider.max = count;
      setGhost(null);
      root.querySelector("[data-do=ghost]").hidden = !sides.every(runs);
      fill();
      fillMoved();
      seek(at?.(sides[0]) ?? 0);
    };

    const goStep = (k) => seek(Report.clamp(k, 0, count - 1));
    const nudge = (sign) => {
      const [a] = sides, { frames } = a.data;
      if (frames.length) seek(a.clock.invert(frames[Report.clamp(Report.frameAt(frames, a.time) + sign, 0, frames.length - 1)]));
    };
    // B over A. `at` is the moment of A at which the hips are together, `ahead` the seconds by which B is ahead of A from
    // then on, in real time.
    const setGhost = (set) => {
      const [a, b] = sides;
      ghost = set && { ...set, ...Report.ghost.place(a, b, set.at, set.at + set.ahead) };
      b.clock = clockOf(set ? a.data.steps.map(({ start, end }) => ({ start: start + set.ahead, end: end + set.ahead })) : b.data.steps);
      press("ghost", ghost !== null);
      part("ghost").hidden = !ghost;
      part("aligned").value = ghost ? `${ghost.said} at A ${Report.clock(set.at)} · B ${Report.clock(set.at + set.ahead)}; both run in real time.` : "";
    };
    const shift = (frames) => {
      const [a, b] = sides, now = Report.frameAt(b.data.frames, a.time + ghost.ahead), length = b.data.frames.length;
      setGhost({ ...ghost, ahead: b.data.frames[Report.clamp(now + frames, 0, length - 1)] - a.time });
      seek(phase);
    };
    const press = (name, on) => root.querySelector(`[data-do=${name}]`).setAttribute("aria-pressed", String(on));
    const actions = {
      play: () => setPlaying(!playing),
      next: () => goStep(Math.floor(phase + 1e-6) + 1), back: () => goStep(Math.floor(phase + 1e-6) - 1),
      skeletons: () => { skeletons = !skeletons; press("skeletons", skeletons); show(phase); },
      ghost: () => { setGhost(ghost ? null : { at: sides[0].time, ahead: sides[1].time - sides[0].time }); seek(phase); },
      "ghost-back": () => shift(-1), "ghost-on": () => shift(1), align: () => { setGhost({ ...ghost, at: sides[0].time }); show(phase); },
      close: () => { setPlaying(false); root.hidden = true; opener?.focus(); },
    };
    const keys = { " ": actions.play, j: actions.next, k: actions.back, o: actions.skeletons, ".": () => nudge(1), ",": () => nudge(-1) };
    let opener = null;
    root.addEventListener("click", (event) => actions[event.target.closest("[data-do]")?.dataset.do]?.());
    part("speed").addEventListener("change", () => {
      speed = Number(part("speed").value);
      sides.forEach((side) => { side.video.playbackRate = speed; });
    });
    slider.addEventListener("input", () => { setPlaying(false); seek(Number(slider.value)); });
    for (const side of sides) {
      side.pick.addEventListener("change", () => choose());
      for (const name of ["seeked", "loadeddata"]) side.video.addEventListener(name, () => side.data && !body.hidden && show(phase));
      side.video.addEventListener("loadedmetadata", () => { side.video.currentTime = side.clock(phase) + 1e-3; });
      new ResizeObserver(() => side.data && !body.hidden && show(phase)).observe(side.stage);
    }
    // B is the `other` video, or the next one in the list; for the last one, the one before.
    const open = (section, button, other) => {
      const [a, b] = sides.map((side) => side.pick), options = [...a.options];
      a.value = String(sections.indexOf(section));
      b.value = other ? String(sections.indexOf(other)) : (options[a.selectedIndex + 1] ?? options[a.selectedIndex - 1]).value;
      opener = button;
      root.hidden = false;
      choose((side) => side.clock.invert(Report.player.held(section).time ?? 0)); // the moment just shown
      root.scrollIntoView();
      root.querySelector("h2").focus({ preventScroll: true });
    };
    if (!root.hidden) choose();
    return { open, key: (key) => (/^[0-9]$/.test(key) ? goStep((Number(key) || 10) - 1) : keys[key]?.()) };
  };

  return { start };
})();
