"use strict";
// The part of a video and the person to score: chosen on the picture, written as commands, or sent to `serve`.
Report.choose = (() => {
  const REACH = 0.12; // of the picture, about a click
  const quoted = (name) => `'${name.replaceAll("'", "'\\''")}'`;

  // `time` gives the time of the picture now.
  const start = (section, name, duration, time) => {
    const root = section.querySelector(".choose"), stage = section.querySelector(".stage");
    if (!root) return;
    const part = (which) => root.querySelector(`[data-part=${which}]`), help = part("chosen").textContent;
    const toggle = root.querySelector("[data-choose=person]"), box = document.createElement("div");
    let from = null, to = null, region = null, picking = false, corner = null;
    box.className = "box";

    const show = () => {
      const trimmed = from !== null || to !== null, [a, b] = [from ?? 0, to ?? duration].map((t) => t.toFixed(2));
      const wrong = trimmed && Number(a) >= Number(b), corners = region?.map((v) => v.toFixed(2));
      const said = [trimmed ? `from ${a} to ${b} s` : "", region ? "the athlete in the box" : ""].filter(Boolean).join(", ");
      part("chosen").textContent = wrong ? "The end is before the start." : said ? `Chosen: ${said}. To type:` : help;
      const video = trimmed ? "trimmed.mp4" : quoted(name);
      const lines = [trimmed ? `ffmpeg -i ${quoted(name)} -ss ${a} -to ${b} trimmed.mp4` : "", `aqa score ${video} --model RUN${region ? ` --set pose.region=[${corners}]` : ""}`];
      part("command").textContent = lines.filter(Boolean).join("\n");
      part("command").hidden = !said || wrong;
      box.style.cssText = region ? `left:${100 * region[0]}%;top:${100 * region[1]}%;width:${100 * (region[2] - region[0])}%;height:${100 * (region[3] - region[1])}%` : "";
      if (region) stage.append(box);
      else box.remove();
      const job = /^\/jobs\/([0-9a-f]{32})\//.exec(location.pathname), query = [trimmed ? `start=${a}&end=${b}` : "", region ? `region=${corners}` : ""];
      part("apply").hidden = !said || wrong || !job || location.protocol === "file:";
      if (job) part("apply").querySelector("a").href = `/#again/${job[1]}?${query.filter(Boolean).join("&")}`;
    };
    const pick = (on) => {
      picking = on;
      toggle.setAttribute("aria-pressed", String(on));
      stage.classList.toggle("picking", on);
      const video = stage.querySelector("video");
      if (video) { video.controls = !on; video.pause(); }
    };
    const at = (event) => {
      const edges = stage.querySelector("video").getBoundingClientRect(); // the whole picture, also where it is enlarged
      return [Report.clamp((event.clientX - edges.left) / edges.width, 0, 1), Report.clamp((event.clientY - edges.top) / edges.height, 0, 1)];
    };
    stage.addEventListener("pointerdown", (event) => {
      if (!picking) return;
      event.preventDefault();
      corner = at(event);
      stage.setPointerCapture(event.pointerId);
    });
    stage.addEventListener("pointerup", (event) => {
      if (!picking || !corner) return;
      const [x, y] = at(event), [u, v] = corner, click = Math.hypot(x - u, y - v) < 0.03;
      region = click ? [x - REACH, y - REACH, x + REACH, y + REACH] : [Math.min(x, u), Math.min(y, v), Math.max(x, u), Math.max(y, v)];
      region = region.map((value) => Report.clamp(value, 0, 1));
      corner = null;
      pick(false);
      show();
    });
    const actions = {
      start: () => { from = time(); }, end: () => { to = time(); },
      person: () => pick(!picking), clear: () => { from = to = region = null; pick(false); },
    };
    root.addEventListener("click", (event) => {
      const action = actions[event.target.closest("[data-choose]")?.dataset.choose];
      if (!action) return;
      action();
      show();
    });
  };
  return { start };
})();
