"use strict";
// Lines, angles, circles and notes that a coach puts on a frame, and a stopwatch. The browser keeps them for each video.
// A saved copy of the page, the picture of a frame and the page in print have them too.
Report.drawing = (() => {
  const POINTS = { line: 2, circle: 2, angle: 3 }; // a circle has its middle first, an angle its vertex second
  const FADE = 0.3; // seconds from its frame at which a mark is gone
  const TAP = 14; // px: a shorter movement is a tap, since fingers tremble
  const REST_MS = 800; // a click so soon after the last point is of the same touch, and plays nothing
  const FRAME_NEAR = 0.02, FRAME_MS = 500; // seconds within which a picture is of its frame; the longest wait for it after a seek
  const PRINT_MS = 5000; // the longest that the PDF button waits for pictures
  const QUALITY = 0.6; // of the pictures kept for print
  const COLOUR = "#ffe14d"; // no athlete's, and neither A's nor B's

  // Of a video: its marks { kind, t, points: [[x, y], ...] in shares of the picture, degrees, text }, the stopwatch's ends,
  // the metres that the picture is wide where a line has a known length, its pictures for print by time, and when it was kept.
  // A page that was saved with drawings has those of its time, which are used unless this browser has later ones.
  const all = new Map(), key = (identity) => `aim-marks-${identity}`;
  let copies = null;
  const waits = []; // of each section: when its pictures for print are ready
  const kept = (identity) => {
    if (!all.has(identity)) {
      copies ??= Report.read(document.getElementById("drawn-data")) ?? {};
      let stored = null;
      try { stored = JSON.parse(localStorage.getItem(key(identity))); } catch { /* a page from disk may have no storage */ }
      const copy = copies[identity], latest = copy && copy.saved > (stored?.saved ?? 0) ? copy : stored;
      all.set(identity, Array.isArray(latest?.marks) ? latest : { marks: [], watch: [null, null] });
    }
    return all.get(identity);
  };
  const keep = (identity) => {
    const state = Object.assign(kept(identity), { saved: Date.now() });
    for (const of of [state, { ...state, pictures: {} }]) { // without the pictures where they do not fit
      try { return localStorage.setItem(key(identity), JSON.stringify(of)); } catch { /* as above */ }
    }
  };
  // What is kept of the page's videos, by identity.
  const ofPage = () => Object.fromEntries(Report.all(".video-data").map((node) => Report.read(node).identity).map((identity) => [identity, kept(identity)]).filter(([, state]) => state.saved));

  const degrees = ([a, vertex, b], ratio) => {
    const [from, to] = [a, b].map(([x, y]) => Math.atan2(y - vertex[1], (x - vertex[0]) * ratio));
    const turn = Math.abs(from - to) * (180 / Math.PI);
    return Math.round(Math.min(turn, 360 - turn));
  };
  // In widths of the picture.
  const length = ([[x, y], [u, v]], ratio) => Math.hypot(x - u, (y - v) / ratio);
  const metres = (mark, state, ratio) => (mark.kind === "line" && state.metres ? `${(length(mark.points, ratio) * state.metres).toFixed(2)} m` : "");

  const paint = (canvas, state, t) => {
    const context = canvas.getContext("2d"), stroke = Report.overlay.strokeOf(canvas);
    for (const mark of state.marks.filter(({ kind }) => kind !== "note")) {
      const strength = 1 - Math.abs(t - mark.t) / FADE;
      const said = metres(mark, state, canvas.width / canvas.height);
      if (strength > 0) draw(context, mark, mark.points.map(([x, y]) => ({ x: x * canvas.width, y: y * canvas.height })), { stroke, strength, said });
    }
    context.globalAlpha = 1;
  };
  const draw = (context, { kind, degrees: turn }, points, { stroke, strength, said }) => {
    const [a, b, c] = points;
    context.beginPath();
    if (kind === "circle") context.arc(a.x, a.y, Math.hypot(b.x - a.x, b.y - a.y), 0, 2 * Math.PI);
    else points.forEach((p) => context.lineTo(p.x, p.y));
    context.lineCap = context.lineJoin = "round";
    context.globalAlpha = strength;
    for (const [style, width] of [["rgba(0,0,0,.6)", 2], [COLOUR, 1]]) {
      context.strokeStyle = style;
      context.lineWidth = stroke * width;
      context.stroke();
    }
    if (said) Report.overlay.label(context, said, (a.x + b.x) / 2 + 3 * stroke, (a.y + b.y) / 2, { side: 1, stroke });
    if (turn === undefined) return;
    const [from, to] = [a, c].map((p) => Math.atan2(p.y - b.y, p.x - b.x));
    Report.overlay.wedge(context, b, from, to, { text: `${turn}°`, side: Math.cos(from) + Math.cos(to) > 0 ? -1 : 1, colour: COLOUR, stroke, strength });
  };

  // `player` has the video's address `source`, the whole picture's `ratio`, time() in seconds, seek(t), pause() and
  // redraw(). Returns what paints the section's marks.
  const start = (section, canvas, { identity, frames }, player) => {
    const part = (name) => section.querySelector(`[data-part=${name}]`), stage = section.querySelector(".stage"), state = kept(identity);
    if (!part("marks")) return () => {};
    const { marks, watch } = state, { ratio } = player;
    let tool = null, open = null, rest = 0; // `open` is the mark that is being drawn

    const frameTime = () => frames[Report.frameAt(frames, player.time())] ?? 0;
    const help = () => {
      const stays = " Drawings and notes stay in this browser; Save writes a page with them for others.";
      if (tool === "angle") return `Drag along one side to the vertex, then tap the end of the other side; or tap three times.${stays}`;
      if (tool) return `Drag over the picture${tool === "circle" ? " from the middle" : ""}, or tap twice.${stays}`;
      const lengths = marks.some(({ kind }) => kind === "line") ? " Type the length of a line that you know: the others follow. Lengths hold at the same distance from a camera that neither moves nor zooms." : "";
      return marks.length ? `${stays}${lengths}` : "";
    };
    const choose = (kind) => {
      [tool, open] = [tool === kind ? null : kind, null];
      if (tool) {
        player.pause();
        player.unmark(); // rings of a difference would hide what is drawn
      }
      if (tool === "note") {
        marks.push({ kind: tool, t: frameTime(), points: [], text: "" });
        tool = null;
        save();
        part("marks").querySelector("li:last-child input").focus();
      } else if (tool) stage.scrollIntoView({ block: "nearest" }); // its top may be above the screen, and tools are below it
      stage.classList.toggle("drawing", tool !== null);
      Report.all("[data-draw]", section).forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.draw === tool)));
      part("help").textContent = help();
      player.redraw();
    };
    const named = (mark) => [`${mark.kind[0].toUpperCase()}${mark.kind.slice(1)}`, mark.degrees === undefined ? metres(mark, state, ratio) : `${mark.degrees}°`, `at ${Report.clock(mark.t)}`].filter(Boolean).join(" ");
    const element = (name, properties, data, label = "") => {
      const made = Object.assign(document.createElement(name), properties);
      Object.assign(made.dataset, data);
      if (label) made.setAttribute("aria-label", label);
      return made;
    };
    const button = (textContent, data, label) => element("button", { type: "button", className: "quiet", textContent }, data, label);
    const field = (mark, i) => {
      if (mark.kind === "note") return [element("input", { value: mark.text, maxLength: 300, placeholder: "what you see", autocomplete: "off" }, { note: i }, named(mark))];
      if (mark.kind !== "line") return [];
      return [element("input", { type: "number", min: 0, step: "any", placeholder: "metres", value: parseFloat(metres(mark, state, ratio)) || "", autocomplete: "off" }, { length: i }, `Metres: ${named(mark)}`)];
    };
    const list = () => {
      part("marks").replaceChildren(...marks.map((mark, i) => {
        const item = document.createElement("li");
        item.append(button(named(mark), { mark: i }), ...field(mark, i), button("×", { delete: i }, `Delete ${named(mark)}`));
        return item;
      }));
      part("help").textContent = help();
      const [from, to] = watch, apart = Math.abs(Report.frameAt(frames, to ?? 0) - Report.frameAt(frames, from ?? 0));
      part("watch").value = watch.every((t) => t !== null)
        ? `${Math.abs(to - from).toFixed(3)} s, ${apart} ${apart === 1 ? "frame" : "frames"} (${from.toFixed(3)} to ${to.toFixed(3)} s)`
        : from !== null ? `from ${from.toFixed(3)} s` : to !== null ? `to ${to.toFixed(3)} s` : "";
      for (const { t } of marks) if (!stills.has(t) && shows(t)) still(t, screen);
      picture();
      fetching = fetching.then(fetchStills).catch(() => {}); // a video that cannot be played has no pictures
    };
    // Pictures of the frames with their marks, which the page shows in print alone. Print cannot wait for them. So a frame that
    // the player shows is copied when a mark is put on it, and kept as a small JPEG for a reloaded page; others come from a hidden
    // video.
    const stills = new Map(), screen = section.querySelector("video"), hidden = Object.assign(document.createElement("video"), { muted: true, preload: "auto" });
    const shows = (t) => screen.readyState >= 2 && !screen.seeking && Report.frameAt(frames, screen.currentTime) === Report.frameAt(frames, t);
    const still = (t, video) => {
      const copy = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
      copy.getContext("2d").drawImage(video, 0, 0);
      stills.set(t, copy);
    };
    // "seeked" may come before the frame itself, which a browser without frame callbacks is given time for.
    const arrival = (t) => new Promise((resolve, reject) => {
      const look = (_, { mediaTime }) => (Math.abs(mediaTime - t) < FRAME_NEAR ? resolve() : hidden.requestVideoFrameCallback(look));
      hidden.requestVideoFrameCallback?.(look);
      Object.assign(hidden, { onseeked: () => setTimeout(resolve, FRAME_MS), onerror: reject });
      hidden.currentTime = t + 1e-3;
    });
    const fetchStills = async () => {
      for (const { t } of marks) {
        if (stills.has(t) || hidden.error) continue;
        if (!hidden.src) await new Promise((resolve, reject) => { Object.assign(hidden, { onloadeddata: resolve, onerror: reject, src: player.source }); });
        await arrival(t);
        still(t, hidden);
        picture();
      }
    };
    const picture = () => {
      const pictures = state.pictures ?? {};
      state.pictures = {};
      part("drawn").replaceChildren(...d3.groups(marks, (mark) => mark.t).filter(([t]) => stills.has(t) || pictures[t]).map(([t, ofFrame]) => {
        const figure = document.createElement("figure"), caption = document.createElement("figcaption");
        caption.textContent = ofFrame.map((mark) => `${named(mark)}${mark.text ? `: ${mark.text}` : ""}`).join(", ");
        figure.append(stills.has(t) ? drawnOn(stills.get(t), ofFrame, t) : Object.assign(new Image(), { src: pictures[t], alt: "" }), caption);
        try { state.pictures[t] = stills.has(t) ? figure.firstChild.toDataURL("image/jpeg", QUALITY) : pictures[t]; } catch { /* of a linked video */ }
        return figure;
      }));
    };
    const drawnOn = ({ width, height }, ofFrame, t) => {
      const copy = Object.assign(document.createElement("canvas"), { width: 2 * width, height: 2 * height });
      copy.getContext("2d").drawImage(stills.get(t), 0, 0, copy.width, copy.height);
      paint(copy, { ...state, marks: ofFrame }, t);
      return copy;
    };
    let fetching = Promise.resolve();
    waits.push(() => fetching);
    const save = () => {
      state.pictures = {}; // they show what was drawn before
      list();
      keep(identity);
      player.redraw();
    };

    // A press adds a point, which follows the pointer until it is released. A tap leaves it for the next press.
    const under = ({ clientX, clientY }) => {
      const box = canvas.getBoundingClientRect();
      return [(clientX - box.left) / box.width, (clientY - box.top) / box.height].map((v) => Report.clamp(v, 0, 1));
    };
    const move = (event) => {
      if (!open) return;
      open.points.splice(-1, 1, under(event));
      player.redraw();
    };
    const release = (event) => {
      if (!open) return;
      move(event);
      if (length(open.points.slice(-2), ratio) * canvas.clientWidth < TAP) return;
      if (open.points.length < POINTS[tool]) return void open.points.push(under(event));
      if (tool === "angle") open.degrees = degrees(open.points, ratio);
      marks.push(open);
      stage.classList.add("drawn-on");
      clearTimeout(rest);
      rest = setTimeout(() => stage.classList.remove("drawn-on"), REST_MS);
      choose(null);
      save();
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (!tool) return;
      event.preventDefault();
      event.stopPropagation(); // an enlarged picture is not dragged
      canvas.setPointerCapture(event.pointerId);
      open ??= { kind: tool, t: frameTime(), points: [under(event), under(event)] };
      move(event);
    });
    canvas.addEventListener("pointermove", move);
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("touchend", (event) => event.preventDefault()); // else the last tap also plays the video below
    canvas.addEventListener("pointercancel", () => { open = null; player.redraw(); });
    section.addEventListener("keydown", (event) => { if (event.key === "Escape" && tool) choose(null); });
    section.addEventListener("click", (event) => {
      const { draw: kind, mark, delete: gone, watch: end } = event.target.closest("button")?.dataset ?? {};
      if (kind) choose(kind);
      else if (mark) {
        player.pause();
        player.seek(marks[mark].t);
        stage.scrollIntoView({ block: "nearest" });
      }
      else if (gone) { marks.splice(gone, 1); save(); }
      else if (end) { watch[end] = frameTime(); save(); }
    });
    section.addEventListener("change", ({ target }) => {
      const { note, length: line } = target.dataset;
      if (note) marks[note].text = target.value.trim();
      else if (line) state.metres = target.value > 0 ? target.value / length(marks[line].points, ratio) : null;
      else return;
      // The list stays: the press that ended the typing may be on one of its buttons.
      Report.all("[data-mark]", part("marks")).forEach((one, i) => { one.textContent = named(marks[i]); });
      Report.all("[data-length]", part("marks")).forEach((one) => { one.value = parseFloat(metres(marks[one.dataset.length], state, ratio)) || ""; });
      state.pictures = {};
      picture();
      keep(identity);
      player.redraw();
    });
    list();
    return (t) => {
      paint(canvas, { ...state, marks: open ? [...marks, open] : marks }, t);
      const notes = marks.filter((mark) => mark.text && Math.abs(t - mark.t) < FADE).map(({ text }) => text);
      part("frame-note").hidden = !notes.length;
      part("frame-note").textContent = notes.join("\n");
    };
  };

  const pictured = () => Promise.race([Promise.all(waits.map((wait) => wait())), new Promise((resolve) => { setTimeout(resolve, PRINT_MS); })]);

  return { start, kept, ofPage, paint, pictured };
})();
