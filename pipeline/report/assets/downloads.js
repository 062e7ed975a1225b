"use strict";
// Files that the page offers: texts that it holds, the joints of a video, and the video with skeletons and angles.
Report.downloads = (() => {
  // One line per frame and person; a joint that was not detected has empty cells.
  const joints = ({ skeleton }) => {
    const { t, names, joints: parts, points } = skeleton;
    const head = ["time_s", "person", ...parts.flatMap((part) => ["x", "y", "score"].map((end) => `${part}_${end}`))];
    const rows = points.flatMap((flat, i) => names.map((name, person) => [t[i], name, ...parts.flatMap((_, k) => {
      const [x, y, score] = flat.slice(51 * person + 3 * k, 51 * person + 3 * k + 3);
      return score < 0 ? ["", "", ""] : [x / 10, y / 10, score / 100];
    })]));
    return [head, ...rows];
  };

  // Plays the video once and records it with the skeletons, and the angles where they are switched on.
  const record = (section, button) => {
    const video = section.querySelector("video"), drawn = section.querySelector(".stage canvas");
    const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
    const context = canvas.getContext("2d"), recorder = new MediaRecorder(canvas.captureStream()), parts = [];
    for (const name of ["skeleton", "whole"]) section.querySelector(`[data-do=${name}][aria-pressed=false]`)?.click(); // lines are thin on a crop
    const restore = Report.player.held(section).wholeVideo(); // at its own speed
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onstop = () => {
      button.disabled = false;
      restore();
      Report.saving.save(`${Report.saving.named(button, "overlay")}.${/mp4/.test(recorder.mimeType) ? "mp4" : "webm"}`, new Blob(parts, { type: recorder.mimeType }));
    };
    const copy = () => {
      for (const picture of [video, drawn]) context.drawImage(picture, 0, 0, canvas.width, canvas.height);
      if (!video.ended && !video.paused) return void requestAnimationFrame(copy);
      recorder.stop();
    };
    button.disabled = true;
    video.pause();
    video.currentTime = 0;
    video.addEventListener("playing", () => { recorder.start(); copy(); }, { once: true });
    video.play();
  };

  // The frame that is shown, with what is drawn over it and its notes below.
  const WIDTH = 1280, LINE = 34; // pixels
  const picture = (section, button) => {
    const video = section.querySelector("video"), drawn = section.querySelector(".stage canvas");
    const notes = section.querySelector("[data-part=frame-note]").textContent.split("\n").filter(Boolean);
    const width = Math.max(WIDTH, video.videoWidth), height = Math.round((width * video.videoHeight) / video.videoWidth);
    const canvas = Object.assign(document.createElement("canvas"), { width, height: height + LINE * notes.length }), context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, canvas.height);
    for (const one of [video, drawn]) context.drawImage(one, 0, 0, width, height);
    context.fillStyle = "#000";
    context.font = "20px system-ui, sans-serif";
    notes.forEach((text, i) => context.fillText(text, 12, height + LINE * (i + 0.7), width - 24));
    canvas.toBlob((made) => Report.saving.save(`${Report.saving.named(button, `frame ${Report.clock(video.currentTime)}`)}.png`, made));
  };

  // The page as it was opened, with all drawings and notes in it.
  const page = (pristine) => {
    const copy = pristine.cloneNode(true);
    copy.querySelector("#drawn-data").textContent = JSON.stringify(Report.drawing.ofPage()).replaceAll("<", "\\u003c");
    Report.saving.save(`${Report.saving.named(document.body, document.title) || "report"}.html`, new Blob(["<!doctype html>\n", copy.outerHTML], { type: "text/html" }));
  };

  const start = (files, pristine) => document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-file], [data-joints], [data-overlay], [data-picture], [data-page]");
    if (!button) return;
    if (button.dataset.file) return void Report.saving.save(button.dataset.file, new Blob([files[button.dataset.file].join("\n")], { type: "text/plain" }));
    if ("page" in button.dataset) return void page(pristine);
    const section = button.closest("details.video");
    if ("picture" in button.dataset) return void picture(section, button);
    if ("overlay" in button.dataset) return void record(section, button);
    Report.saving.save(`${Report.saving.named(button, "joints")}.csv`, Report.saving.csv(joints(Report.player.held(section).data)));
  });
  return { start };
})();
