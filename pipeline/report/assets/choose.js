"use strict";
// Chooses on the contact sheet which part of a video and which person to score; writes commands, or leads to `serve`.
Report.choose = (() => {
  const REACH = 0.12; // of the picture, about every click

  // `time` gives the moment in the player.
  const start = (section, { typed, duration, skeleton }, time) => {
    const root = section.querySelector(".choose");
    if (!root) return;
    const part = (which) => root.querySelector(`[data-part=${which}]`), help = part("chosen").textContent;
    const pictures = Report.all(".frame img", section);
    const tiles = Report.all(".tile", root).map((node) => ({ node, time: Number(node.dataset.time), shot: node.querySelector(".shot") }));
    const submission = Report.submission();
    let from = null, to = null, clicks = [];

    // A box around all clicks, so that it holds the middle of the trajectory of a person who moves.
    const region = () => {
      const ends = [0, 1].map((axis) => d3.extent(clicks, (click) => click[axis]));
      return [...ends.map(([low]) => low - REACH), ...ends.map(([, high]) => high + REACH)].map((v) => Report.clamp(v, 0, 1));
    };
    const show = () => {
      const trimmed = from !== null || to !== null, [a, b] = [from ?? 0, to ?? duration].map((t) => t.toFixed(2));
      const wrong = trimmed && Number(a) >= Number(b), box = clicks.length ? region() : null, corners = box?.map((v) => v.toFixed(2));
      const said = [trimmed ? `from ${a} to ${b} s` : "", box ? "the people in the box" : ""].filter(Boolean).join(", ");
      part("chosen").textContent = wrong ? "The end is before the start." : said ? `Chosen: ${said}.${submission ? "" : " Type:"}` : help;
      const video = trimmed ? "trimmed.mp4" : typed.video;
      const lines = [trimmed ? `ffmpeg -i ${typed.video} -ss ${a} -to ${b} trimmed.mp4` : "", `${typed.program} score ${video} --model MODEL${box ? ` --set 'pose.region=[${corners}]'` : ""}`];
      part("command").textContent = lines.filter(Boolean).join("\n");
      part("command").hidden = !said || wrong || submission !== null;
      for (const tile of tiles) {
        tile.node.classList.toggle("out", !wrong && (Number(tile.time.toFixed(2)) < Number(a) || Number(tile.time.toFixed(2)) > Number(b)));
        for (const [name, chosen] of [["start", from], ["end", to]]) tile.node.querySelector(`[data-choose=${name}]`).setAttribute("aria-pressed", String(tile.time === chosen));
        tile.shot.querySelector("i").style.cssText = box ? `left:${100 * box[0]}%;top:${100 * box[1]}%;width:${100 * (box[2] - box[0])}%;height:${100 * (box[3] - box[1])}%` : "display:none";
      }
      const query = [trimmed ? `start=${a}&end=${b}` : "", box ? `region=${corners}` : ""];
      part("apply").hidden = !said || wrong || !submission;
      if (submission) part("apply").querySelector("a").href = `/#again/${submission}?${query.filter(Boolean).join("&")}`;
    };
    const actions = { start: (t) => { from = t; }, end: (t) => { to = t; }, clear: () => { from = to = null; clicks = []; } };
    root.addEventListener("click", (event) => {
      const action = actions[event.target.closest("[data-choose]")?.dataset.choose], shot = event.target.closest(".shot");
      const tile = tiles.find(({ node }) => node.contains(event.target)), edges = shot?.getBoundingClientRect();
      if (action) action(tile?.time ?? time());
      else if (shot) clicks.push([(event.clientX - edges.left) / edges.width, (event.clientY - edges.top) / edges.height]);
      else return;
      show();
    });
    // The pictures are the key frames with the skeletons of the followed people.
    new ResizeObserver(() => tiles.forEach(({ shot, time: t }, i) => {
      shot.querySelector("img").src = pictures[i].src;
      Report.overlay.draw(shot.querySelector("canvas"), skeleton, t);
    })).observe(part("sheet"));
    show();
  };
  return { start };
})();
