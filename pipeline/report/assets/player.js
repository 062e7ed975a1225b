"use strict";
// One video section: the video, its overlay, the steps and the cursor show the same time.
Report.player = (() => {
  const bytesToUrl = (uri) => {
    const [head, body] = uri.split(",", 2);
    const bytes = Uint8Array.from(atob(body), (c) => c.charCodeAt(0));
    return URL.createObjectURL(new Blob([bytes], { type: head.slice(5).split(";")[0] }));
  };

  // The numbers and the address of a section's video, which the player and the comparison share.
  const all = new Map();
  const held = (section) => {
    if (!all.has(section)) {
      const bytes = section.querySelector(".video-bytes"), linked = section.querySelector("video")?.dataset.src ?? "";
      all.set(section, {
        data: Report.read(section.querySelector(".video-data")), source: bytes ? bytesToUrl(bytes.textContent.trim()) : linked,
        shape: section.querySelector(".stage")?.style.cssText ?? "", // of the whole picture
      });
      bytes?.remove();
    }
    return all.get(section);
  };

  const start = (section) => {
    const { data, source } = held(section);
    const video = section.querySelector("video"), canvas = section.querySelector("canvas"), watch = section.querySelector(".watch");
    const axis = section.querySelector(".time-axis"), place = section.querySelector("[data-part=seek]");
    const steps = Report.all(".step", section), now = section.querySelector(".now");
    const control = (name) => section.querySelector(`.tools [data-do=${name}]`);
    const speed = section.querySelector("[data-part=speed]"), choice = section.querySelector("[data-part=angle]");
    const values = Report.all("[data-chart]", section).map((figure) => ({
      figure, series: data.charts[Number(figure.dataset.chart)].series, unit: data.charts[Number(figure.dataset.chart)].unit,
      outputs: Report.all(".value", figure),
    }));
    const { frames } = data, ofFrame = (t) => Report.clock(frames[Report.frameAt(frames, t)] ?? t); // the shown frame's own time
    let time = 0, overlay = Boolean(data.skeleton), arcs = false, loop = null, joints = [], usualSpeed = null, marked = null; // `marked` paints what is drawn by hand

    if (video) video.src = source;
    for (const frame of Report.all(".frame", section)) {
      const at = ofFrame(Number(frame.dataset.seek));
      frame.lastElementChild.textContent = at;
      frame.setAttribute("aria-label", `Go to ${at}`);
    }

    const show = (t) => {
      time = t;
      held(section).time = t;
      const { left, right } = Report.charts.margins();
      const width = axis.clientWidth - left - right;
      axis.classList.toggle("begun", t > 2e-3);
      if (place) place.value = t;
      axis.style.setProperty("--at", `${(Report.clamp(t / data.duration, 0, 1) * width).toFixed(1)}px`);
      if (now) now.value = ofFrame(t);
      const current = stepAt(t);
      steps.forEach((button, i) => (i === current ? button.setAttribute("aria-current", "true") : button.removeAttribute("aria-current")));
      for (const { figure, series, outputs } of values) {
        if (!figure.hidden) outputs.forEach((output, k) => { output.value = shown(valueAt(series[k], t)); });
      }
      if (canvas) Report.overlay.draw(canvas, overlay || arcs || joints.length ? data.skeleton : null, t, { arcs: arcs ? anglesAt(t) : [], bodies: overlay, joints });
      marked?.(t);
    };
    const valueAt = (series, t) => series.v[d3.bisectCenter(series.t, t)] ?? null;
    const shown = (v) => (v === null ? "–" : d3.format(Math.abs(v) < 10 ? ".2f" : ".0f")(v));
    const anglesAt = (t) => data.charts[Number(choice.value)].series.filter((s) => s.arc).map((s) => ({ arc: s.arc, value: valueAt(s, t) }));
    const stepAt = (t) => data.steps.findLastIndex((s) => t >= s.start - 1e-6);
    // Slightly inside the frame, so that rounding never shows the frame before.
    const seek = (t) => {
      const to = Report.clamp(t, 0, data.duration);
      if (video) video.currentTime = to + 1e-3;
      show(to);
    };
    const goStep = (i) => {
      const k = Report.clamp(i, 0, steps.length - 1);
      if (!steps[k]) return;
      steps.forEach((button, n) => { button.tabIndex = n === k ? 0 : -1; });
      seek(data.steps[k].start);
      return steps[k];
    };
    const follow = () => {
      if (loop && (video.currentTime >= loop.end - 1e-3 || video.currentTime < loop.start - 1e-3)) seek(loop.start);
      show(video.currentTime);
      if (!video.paused && !video.ended) requestAnimationFrame(follow);
    };

    if (video) {
      video.addEventListener("play", follow);
      video.addEventListener("click", () => { if (!section.querySelector(".stage.drawing, .stage.drawn-on")) play(); });
      place?.addEventListener("input", () => { video.pause(); seek(Number(place.value)); });
      for (const name of ["play", "pause"]) video.addEventListener(name, () => { control("play").textContent = video.paused ? "Play" : "Pause"; });
      // Without this, a loop that ends with the video would stop there.
      video.addEventListener("ended", () => { if (loop) { seek(loop.start); video.play().catch(() => {}); } });
      for (const name of ["seeked", "timeupdate", "loadeddata"]) video.addEventListener(name, () => show(video.currentTime));
      video.addEventListener("error", () => section.classList.add("no-video"));
    }
    section.addEventListener("click", (event) => {
      const target = event.target.closest("[data-step], [data-seek], [data-moment], .plot");
      if (!target) return;
      if (target.dataset.moment !== undefined) return void showMoment(data.moments[Number(target.dataset.moment)]);
      if (loop?.joints) {
        setLoop(null);
        video?.pause(); // else the video would play on from there, to its end
      }
      if (target.dataset.step !== undefined) goStep(Number(target.dataset.step));
      else if (target.dataset.seek !== undefined) seek(Number(target.dataset.seek));
      else if (axis.contains(target)) seek(timeUnder(event));
    });
    const timeUnder = (event) => {
      const { left, right } = Report.charts.margins(), box = axis.getBoundingClientRect();
      return ((event.clientX - box.left - left) / (box.width - left - right)) * data.duration;
    };
    section.querySelector(".steps")?.addEventListener("keydown", (event) => {
      const i = steps.indexOf(document.activeElement);
      const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: steps.length - 1 }[event.key];
      if (to === undefined || i < 0) return;
      event.preventDefault();
      goStep(to)?.focus();
    });
    const press = (name, on) => control(name)?.setAttribute("aria-pressed", String(on));
    const setOverlay = (on) => {
      overlay = on;
      press("skeleton", on);
      Report.all(".skeleton-only", section).forEach((node) => { node.hidden = !on; });
      show(time);
    };
    const play = () => video && (video.paused ? video.play() : video.pause());
    const nudge = (sign) => {
      video?.pause();
      if (frames.length) seek(frames[Report.clamp(Report.frameAt(frames, time) + sign, 0, frames.length - 1)]);
    };
    // Loops over a span of seconds, or over none. The span of a moment has joints to mark, and is played slowly.
    const setLoop = (span) => {
      const slow = span?.joints ? "0.25" : usualSpeed;
      usualSpeed = span?.joints ? usualSpeed ?? speed?.value : null;
      if (speed && slow) {
        speed.value = slow;
        video.playbackRate = Number(slow);
      }
      [loop, joints] = [span, span?.joints ?? []];
      press("loop", loop !== null);
      if (loop) seek(loop.start);
      else show(time);
    };
    // Leaves the loop, for the whole video at its own speed; returns what restores both.
    held(section).wholeVideo = () => {
      const before = { loop, time, speed: speed.value, usual: usualSpeed ?? speed.value };
      const setSpeed = (to) => { video.playbackRate = speed.value = to; };
      setLoop(null);
      setSpeed(1);
      return () => {
        setSpeed(before.usual);
        setLoop(before.loop);
        setSpeed(before.speed);
        seek(before.time);
      };
    };
    const showMoment = (moment) => {
      setLoop(moment);
      section.querySelector(".stage")?.scrollIntoView({ block: "center" });
      video?.play().catch(() => {}); // a click may stop it before it runs
    };
    Report.all("[data-moment]", section).forEach((button) => {
      const { start, end, joints: marks } = data.moments[Number(button.dataset.moment)];
      if (!Report.overlay.isUnsure(data.skeleton, start, end, marks)) return;
      button.previousElementSibling.append(Object.assign(document.createElement("span"), { className: "unsure", textContent: " The pose is uncertain here." }));
    });
    const ratio = Number(section.querySelector(".stage")?.style.getPropertyValue("--ratio")); // of the whole picture
    const athletes = data.skeleton && Report.overlay.around(data.skeleton);
    const view = video ? Report.player.view(section.querySelector(".stage"), athletes, control, () => show(time)) : null;
    // With its controls and what is drawn over it; a phone that shows no element but a video shows that.
    const full = () => (document.fullscreenElement ? document.exitFullscreen() : watch.requestFullscreen ? watch.requestFullscreen() : video.webkitEnterFullscreen());
    const actions = {
      play, loop: () => setLoop(loop ? null : data.steps[Math.max(0, stepAt(time))]), "frame-back": () => nudge(-1), "frame-on": () => nudge(1),
      skeleton: () => setOverlay(!overlay),
      angles: () => { arcs = !arcs; press("angles", arcs); show(time); },
      "zoom-in": () => view.zoom(2), "zoom-out": () => view.zoom(0.5), whole: () => view.whole(control("whole").getAttribute("aria-pressed") === "false"), full,
    };
    section.querySelector(".tools")?.addEventListener("click", (event) => actions[event.target.closest("[data-do]")?.dataset.do]?.());
    speed?.addEventListener("change", () => { video.playbackRate = Number(speed.value); });
    choice?.addEventListener("change", () => {
      Report.all(".angles [data-chart]", section).forEach((figure) => { figure.hidden = figure.dataset.chart !== choice.value; });
      show(time);
    });
    new ResizeObserver(() => show(time)).observe(axis);

    Report.all("[data-chart]", section).forEach((figure) => {
      Report.charts.overTime(figure.querySelector(".plot"), data.charts[Number(figure.dataset.chart)], data.duration, data.phases);
    });
    held(section).strip = Report.phases(section, data, { seek, timeUnder });
    if (data.scored) {
      Report.choose.start(section, data, () => time);
      marked = Report.drawing.start(section, canvas, data, { source, ratio, time: () => time, seek, pause: () => video?.pause(), unmark: () => { joints = []; }, redraw: () => show(time) });
    }
    const strip = section.querySelector(".steps")?.closest("figure");
    if (strip) Report.saving.offer(strip, () => [["step", "start_s", "end_s", "score", "attention", "phase"], ...data.steps.map((s, i) => [i + 1, data.timed ? s.start : null, data.timed ? s.end : null, s.score, s.interaction, s.phase])]);
    if (data.skeleton) film(section, data.skeleton);
    show(0);

    const keys = {
      " ": play,
      j: () => goStep(stepAt(time) + 1), k: () => goStep(stepAt(time) - 1),
      ".": () => nudge(1), ",": () => nudge(-1),
      o: () => control("skeleton") && setOverlay(!overlay),
    };
    return (key) => {
      if (/^[0-9]$/.test(key)) return void goStep((Number(key) || 10) - 1);
      keys[key]?.();
    };
  };

  // The key frames, each cropped to the athletes of its moment. A browser without `object-view-box` shows the middle part.
  const film = (section, skeleton) => {
    const percent = (share) => `${(100 * share).toFixed(1)}%`;
    const crop = () => Report.all(".frame", section).forEach((frame) => {
      const image = frame.querySelector("img"), t = Number(frame.dataset.seek), narrow = image.clientWidth < image.clientHeight;
      const box = (narrow && Report.overlay.around(skeleton, t, 0)) || Report.overlay.around(skeleton, t); // narrow: one of them
      if (!box || !image.clientHeight) return;
      frame.classList.toggle("narrow", narrow);
      let [x, y, w, h] = box;
      const wide = (image.clientWidth / image.clientHeight) * (skeleton.size[1] / skeleton.size[0]); // shares, not pixels
      const [width, height] = [Math.min(1, Math.max(w, h * wide)), Math.min(1, Math.max(h, w / wide))];
      x = Report.clamp(x + (w - width) / 2, 0, 1 - width);
      y = Report.clamp(y + (h - height) / 2, 0, 1 - height);
      image.style.objectViewBox = `inset(${[y, 1 - x - width, 1 - y - height, x].map(percent).join(" ")})`;
    });
    const strip = section.querySelector(".frames");
    if (strip) new ResizeObserver(crop).observe(strip);
  };

  // What a stage shows of the picture: [left, top, width, height] in shares of it. It begins with the athletes, where they
  // are known, is enlarged up to eight times, and can then be dragged.
  const view = (stage, athletes, control, redraw) => {
    const parts = [stage.querySelector("video"), stage.querySelector("canvas")], most = 8;
    const ratio = Number(stage.style.getPropertyValue("--ratio"));
    let base = [0, 0, 1, 1], scale = 1, x = 0, y = 0, last = null;
    const place = () => {
      const [width, height] = [base[2] / scale, base[3] / scale];
      x = Report.clamp(x, 0, 1 - width);
      y = Report.clamp(y, 0, 1 - height);
      const shown = { width: 1 / width, height: 1 / height, left: -x / width, top: -y / height };
      for (const { style } of parts) for (const [name, share] of Object.entries(shown)) style[name] = `${100 * share}%`;
      stage.classList.toggle("zoomed", scale > 1);
      control("zoom-out").disabled = scale === 1;
      control("zoom-in").disabled = scale === most;
      redraw();
    };
    const whole = (on) => {
      base = on ? [0, 0, 1, 1] : athletes;
      [scale, x, y] = [1, base[0], base[1]];
      const shape = (ratio * base[2]) / base[3];
      stage.style.setProperty("--ratio", shape);
      stage.style.aspectRatio = shape;
      control("whole").setAttribute("aria-pressed", String(on));
      place();
    };
    const zoom = (factor) => {
      const next = Report.clamp(scale * factor, 1, most);
      for (const [axis, side] of [[0, base[2]], [1, base[3]]]) {
        const move = (side / scale - side / next) / 2; // the middle stays
        if (axis) y += move;
        else x += move;
      }
      scale = next;
      place();
    };
    stage.addEventListener("pointerdown", (event) => {
      if (scale === 1) return;
      event.preventDefault();
      last = event;
      stage.setPointerCapture(event.pointerId);
    });
    stage.addEventListener("pointermove", (event) => {
      if (!last || !stage.hasPointerCapture(event.pointerId)) return;
      x -= ((event.clientX - last.clientX) / stage.clientWidth) * (base[2] / scale);
      y -= ((event.clientY - last.clientY) / stage.clientHeight) * (base[3] / scale);
      last = event;
      place();
    });
    stage.addEventListener("pointerup", () => { last = null; });
    if (athletes && control("whole")) whole(false);
    else control("whole")?.remove();
    return { zoom, whole };
  };

  return { start, held, view };
})();
