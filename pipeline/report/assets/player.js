"use strict";
// One video section: the video, its overlay, the steps and the cursor tell the same time.
Report.player = (() => {
  const bytesToUrl = (uri) => {
    const [head, body] = uri.split(",", 2);
    const bytes = Uint8Array.from(atob(body), (c) => c.charCodeAt(0));
    return URL.createObjectURL(new Blob([bytes], { type: head.slice(5).split(";")[0] }));
  };

  // The numbers and the address of a section's video, made once: the player and the comparison share them.
  const all = new Map();
  const held = (section) => {
    if (!all.has(section)) {
      const bytes = section.querySelector(".video-bytes"), linked = section.querySelector("video")?.dataset.src ?? "";
      all.set(section, { data: Report.read(section.querySelector(".video-data")), source: bytes ? bytesToUrl(bytes.textContent.trim()) : linked });
      bytes?.remove();
    }
    return all.get(section);
  };

  const start = (section) => {
    const { data, source } = held(section);
    const video = section.querySelector("video"), canvas = section.querySelector("canvas");
    const axis = section.querySelector(".time-axis"), cursor = section.querySelector(".cursor");
    const steps = Report.all(".step", section), now = section.querySelector(".now");
    const toggle = section.querySelector("[data-do=skeleton]"), slower = section.querySelector("[data-do=slower]");
    let time = 0, overlay = !video;

    if (video) video.src = source;

    const show = (t) => {
      time = t;
      const { left, right } = Report.charts.margins();
      const width = axis.clientWidth - left - right;
      cursor.style.transform = `translateX(${(Report.clamp(t / data.duration, 0, 1) * width).toFixed(1)}px)`;
      if (now) now.value = Report.clock(t);
      const current = stepAt(t);
      steps.forEach((button, i) => (i === current ? button.setAttribute("aria-current", "true") : button.removeAttribute("aria-current")));
      if (canvas) Report.overlay.draw(canvas, overlay ? data.skeleton : null, t);
    };
    const stepAt = (t) => data.steps.findLastIndex((s) => t >= s.start - 1e-6);
    // A hair inside the frame, so that rounding never shows the frame before.
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
      show(video.currentTime);
      if (!video.paused && !video.ended) requestAnimationFrame(follow);
    };

    if (video) {
      video.addEventListener("play", follow);
      for (const name of ["seeked", "timeupdate", "loadeddata"]) video.addEventListener(name, () => show(video.currentTime));
      video.addEventListener("error", () => section.classList.add("no-video"));
    }
    section.addEventListener("click", (event) => {
      const target = event.target.closest("[data-step], [data-seek], .plot");
      if (!target || !section.querySelector(".time-axis").contains(target)) return;
      if (target.dataset.step !== undefined) goStep(Number(target.dataset.step));
      else if (target.dataset.seek !== undefined) seek(Number(target.dataset.seek));
      else seek(timeUnder(event, axis));
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
    const setOverlay = (on) => {
      overlay = on;
      toggle.setAttribute("aria-pressed", String(on));
      Report.all(".skeleton-only", section).forEach((node) => { node.hidden = !on; });
      show(time);
    };
    toggle?.addEventListener("click", () => setOverlay(!overlay));
    slower?.addEventListener("click", () => {
      video.playbackRate = video.playbackRate === 1 ? 0.25 : 1;
      slower.setAttribute("aria-pressed", String(video.playbackRate !== 1));
    });
    new ResizeObserver(() => show(time)).observe(axis);

    Report.all("[data-chart]", section).forEach((figure) => {
      Report.charts.overTime(figure.querySelector(".plot"), data.charts[Number(figure.dataset.chart)], data.duration);
    });
    const path = section.querySelector(".camera-path");
    if (path && data.camera) Report.charts.path(path, data.camera, data.duration);
    show(0);

    const frame = data.skeleton && data.skeleton.t.length > 1 ? d3.median(d3.pairs(data.skeleton.t), ([a, b]) => b - a) : data.frame ?? 1 / 25;
    const keys = {
      " ": () => video && (video.paused ? video.play() : video.pause()),
      j: () => goStep(stepAt(time) + 1), k: () => goStep(stepAt(time) - 1),
      ".": () => seek(time + frame), ",": () => seek(time - frame),
      o: () => toggle && setOverlay(!overlay),
    };
    return (key) => {
      if (/^[0-9]$/.test(key)) return void goStep((Number(key) || 10) - 1);
      keys[key]?.();
    };
  };

  return { start, held };
})();
