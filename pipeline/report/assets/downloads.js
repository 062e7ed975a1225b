"use strict";
// Files that the page offers: texts that it holds, and the joints of a video.
Report.downloads = (() => {
  const save = (name, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  // One line per frame and person; a joint that was not detected has empty cells.
  const joints = ({ skeleton }) => {
    const { t, names, joints: parts, points } = skeleton;
    const head = ["time_s", "person", ...parts.flatMap((part) => ["x", "y", "score"].map((end) => `${part}_${end}`))];
    const rows = points.flatMap((flat, i) => names.map((name, person) => [t[i], name, ...parts.flatMap((_, k) => {
      const [x, y, score] = flat.slice(51 * person + 3 * k, 51 * person + 3 * k + 3);
      return score < 0 ? ["", "", ""] : [x / 10, y / 10, score / 100];
    })]));
    return [head, ...rows].map((row) => row.join(",")).join("\n") + "\n";
  };

  const start = (files) => document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-file], [data-joints]");
    if (!button) return;
    if (button.dataset.file) return void save(button.dataset.file, files[button.dataset.file].join("\n"));
    const { data } = Report.player.held(button.closest("details.video"));
    save(button.dataset.joints, joints(data));
  });
  return { start };
})();
