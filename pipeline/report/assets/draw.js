"use strict";
// Lines, angles and circles that a coach draws on a frame, and a stopwatch. The browser keeps them for each video; the
// page in print has the frames that were drawn on.
Report.drawing = (() => {
  const POINTS = { line: 2, circle: 2, angle: 3 }; // a circle has its middle first, an angle its vertex second
  const FADE = 0.5; // seconds from its frame at which a mark is faint (line, circle) or gone (angle)
  const TAP = 0.02; // widths of the picture: a shorter movement is a tap
  const COLOUR = "#ffe14d"; // no athlete's, and neither A's nor B's

  // The marks { kind, t, points: [[x, y], ...] in shares of the picture, degrees } of a video, and the stopwatch's ends.
  const all = new Map(), key = (identity) => `aim-marks-${identity}`;
  const kept = (identity) => {
    if (!all.has(identity)) {
      let stored = null;
      try { stored = JSON.parse(localStorage.getItem(key(identity))); } catch { /* a page from disk may have no storage */ }
      all.set(identity, Array.isArray(stored?.marks) ? stored : { marks: [], watch: [null, null] });
    }
    return all.get(identity);
  };
  const keep = (identity) => {
    try { localStorage.setItem(key(identity), JSON.stringify(kept(identity))); } catch { /* as above */ }
  };

  const degrees = ([a, vertex, b], ratio) => {
    const [from, to] = [a, b].map(([x, y]) => Math.atan2(y - vertex[1], (x - vertex[0]) * ratio));
    const turn = Math.abs(from - to) * (180 / Math.PI);
    return Math.round(Math.min(turn, 360 - turn));
  };

  const paint = (canvas, marks, t) => {
    const context = canvas.getContext("2d"), stroke = Math.max(2, canvas.width / 220);
    for (const mark of marks) {
      const strength = Math.max(mark.kind === "angle" ? 0 : 0.3, 1 - Math.abs(t - mark.t) / FADE);
      if (strength > 0) draw(context, mark, mark.points.map(([x, y]) => ({ x: x * canvas.width, y: y * canvas.height })), stroke, strength);
    }
    context.globalAlpha = 1;
  };
  const draw = (context, { kind, degrees: turn }, points, stroke, strength) => {
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
    if (turn === undefined) return;
    const [from, to] = [a, c].map((p) => Math.atan2(p.y - b.y, p.x - b.x));
    Report.overlay.wedge(context, b, from, to, { text: `${turn}°`, side: Math.cos(from) + Math.cos(to) > 0 ? -1 : 1, colour: COLOUR, stroke, strength });
  };

  // `player` has the video's address `source`, time() in seconds, seek(t), pause() and redraw(). Returns what paints the section's marks.
  const start = (section, canvas, { identity, frames }, player) => {
    const root = section.querySelector(".measure"), stage = section.querySelector(".stage"), { marks, watch } = kept(identity);
    if (!root) return () => {};
    const part = (name) => root.querySelector(`[data-part=${name}]`), ratio = Number(stage.style.getPropertyValue("--ratio"));
    const help = part("help").textContent;
    let tool = null, open = null; // the open mark's last point follows the pointer

    const frameTime = () => frames[Report.frameAt(frames, player.time())] ?? 0;
    const choose = (kind) => {
      [tool, open] = [tool === kind ? null : kind, null];
      if (tool) {
        player.pause();
        stage.scrollIntoView({ block: "nearest" }); // its top may be above the screen, and tools are below it
      }
      stage.classList.toggle("drawing", tool !== null);
      Report.all("[data-draw]", root).forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.draw === tool)));
      part("help").textContent = tool === "angle" ? "Drag along one side to the vertex, then tap the end of the other side; or tap three times." : tool ? `Drag over the picture${tool === "circle" ? " from the middle" : ""}, or tap twice.` : help;
      player.redraw();
    };
    const named = (mark) => `${mark.kind[0].toUpperCase()}${mark.kind.slice(1)}${mark.degrees === undefined ? "" : ` ${mark.degrees}°`} at ${Report.clock(mark.t)}`;
    const button = (text, data, label = "") => {
      const made = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: text });
      Object.assign(made.dataset, data);
      if (label) made.setAttribute("aria-label", label);
      return made;
    };
    const list = () => {
      part("marks").replaceChildren(...marks.map((mark, i) => {
        const item = document.createElement("li");
        item.append(button(named(mark), { mark: i }), button("×", { delete: i }, `Delete ${named(mark)}`));
        return item;
      }));
      const [from, to] = watch, apart = Math.abs(Report.frameAt(frames, to ?? 0) - Report.frameAt(frames, from ?? 0));
      part("watch").value = watch.every((t) => t !== null)
        ? `${Math.abs(to - from).toFixed(3)} s, ${apart} ${apart === 1 ? "frame" : "frames"} (${from.toFixed(3)} to ${to.toFixed(3)} s)`
        : from !== null ? `from ${from.toFixed(3)} s` : to !== null ? `to ${to.toFixed(3)} s` : "";
      picture().catch(() => {}); // a video that cannot be played has no pictures
    };
    // Pictures of the frames with their marks, which the page shows in print alone. A later change replaces an earlier one.
    let pictures = 0;
    const picture = async () => {
      const mine = ++pictures, video = Object.assign(document.createElement("video"), { muted: true, preload: "auto" }), drawn = [];
      const happens = (name) => new Promise((resolve, reject) => { Object.assign(video, { [`on${name}`]: resolve, onerror: reject }); });
      const began = happens("loadeddata");
      if (marks.length) video.src = player.source;
      for (const [t, ofFrame] of d3.groups(marks, (mark) => mark.t)) {
        await began;
        const arrived = happens("seeked");
        video.currentTime = t + 1e-3;
        await arrived;
        const { videoWidth: width, videoHeight: height } = video, figure = document.createElement("figure"), caption = document.createElement("figcaption");
        const copy = Object.assign(document.createElement("canvas"), { width, height });
        copy.getContext("2d").drawImage(video, 0, 0);
        paint(copy, ofFrame, t);
        caption.textContent = ofFrame.map(named).join(", ");
        figure.append(copy, caption);
        drawn.push(figure);
      }
      if (mine === pictures) section.querySelector("[data-part=drawn]").replaceChildren(...drawn);
    };
    const save = () => {
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
      const [[x, y], [u, v]] = open.points.slice(-2);
      if (Math.hypot(x - u, (y - v) / ratio) < TAP) return;
      if (open.points.length < POINTS[tool]) return void open.points.push(under(event));
      if (tool === "angle") open.degrees = degrees(open.points, ratio);
      marks.push(open);
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
    root.addEventListener("click", (event) => {
      const { draw: kind, mark, delete: gone, watch: end } = event.target.closest("button")?.dataset ?? {};
      if (kind) choose(kind);
      else if (mark) {
        player.seek(marks[mark].t);
        stage.scrollIntoView({ block: "nearest" });
      }
      else if (gone) { marks.splice(gone, 1); save(); }
      else if (end) { watch[end] = frameTime(); save(); }
    });
    list();
    return (t) => paint(canvas, open ? [...marks, open] : marks, t);
  };

  return { start, kept, paint };
})();
