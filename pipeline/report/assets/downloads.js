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
    const skeletons = section.querySelector("[data-do=skeleton]");
    if (skeletons.getAttribute("aria-pressed") === "false") skeletons.click();
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onstop = () => {
      button.disabled = false;
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

  const start = (files) => document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-file], [data-joints], [data-overlay]");
    if (!button) return;
    if (button.dataset.file) return void Report.saving.save(button.dataset.file, new Blob([files[button.dataset.file].join("\n")], { type: "text/plain" }));
    const section = button.closest("details.video");
    if ("overlay" in button.dataset) return void record(section, button);
    Report.saving.save(`${Report.saving.named(button, "joints")}.csv`, Report.saving.csv(joints(Report.player.held(section).data)));
  });
  return { start };
})();
