"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const list = byId("submissions"), template = byId("submission"), most = Number(list.dataset.most);
  const headers = { "x-aim-serve": "1" };
  const uploads = new Map(); // by id: uploads that are under way, and files that wait for the other file of their trial
  const reads = list.dataset.reads.split(" "), pairs = reads.length > 1;
  const texts = new Map(); // kinematics files by trial: a second view of the trial may follow
  let submissions = [], serial = 0, soon = null;

  const say = (text) => {
    const line = document.createElement("li");
    line.textContent = text;
    const dismiss = document.createElement("button");
    Object.assign(dismiss, { type: "button", className: "quiet", textContent: "Dismiss" });
    dismiss.addEventListener("click", () => line.remove());
    line.append(dismiss);
    byId("messages").append(line);
  };
  const detail = (text) => { try { return JSON.parse(text).detail || text; } catch { return text || "no answer"; } };

  const isText = (file) => /\.txt$/i.test(file.name);
  const trialOf = (file) => file.name.replace(/\.[^.]*$/, "").replace(/_capture[12]$/, "");
  const encoded = (name) => encodeURIComponent(name.toWellFormed ? name.toWellFormed() : name);

  // The files of a trial are in two folders and may come one after the other: each waits for the other one.
  const difficulty = byId("difficulty");
  const announced = () => { const text = difficulty ? difficulty.value : ""; if (difficulty) difficulty.value = ""; return text; };

  const add = (files) => {
    if (difficulty && difficulty.value && files.length > 1) return say("A difficulty is of one video: add one at a time, or clear the difficulty.");
    if (!pairs) return files.forEach((file) => (isText(file) && reads[0] === "kinematics" ? upload(null, file) : upload(file, null)));
    for (const file of files) {
      const id = `waiting-${(serial += 1)}`, other = isText(file) ? "video" : "kinematics file (.txt)";
      if (isText(file)) texts.set(trialOf(file), file);
      uploads.set(id, { id, name: file.name, state: "waiting", activity: `add the ${other} of this trial`, file });
    }
    const waiting = [...uploads.values()].filter((entry) => entry.file), used = new Set();
    const videos = waiting.filter((entry) => !isText(entry.file)), kinematics = waiting.filter((entry) => isText(entry.file));
    const only = videos.length === 1 && kinematics.length === 1 ? kinematics[0].file : null; // one of each belong together, whatever their names
    for (const video of videos) {
      const text = texts.get(trialOf(video.file)) || only;
      if (!text) continue;
      uploads.delete(video.id);
      upload(video.file, text);
      used.add(text);
    }
    kinematics.filter((entry) => used.has(entry.file)).forEach((entry) => uploads.delete(entry.id));
    draw();
  };

  // XMLHttpRequest, since fetch gives no progress of sending.
  const upload = (video, text) => {
    const body = new Blob([text, video].filter(Boolean)), name = [video, text].filter(Boolean).map((part) => part.name).join(" + ");
    if (body.size > most) return say(`${name}: larger than ${Math.round(most / 1e6)} MB`);
    const key = `upload-${(serial += 1)}`, request = new XMLHttpRequest();
    const entry = { id: key, name, state: "uploading", share: 0, activity: "sending", request };
    uploads.set(key, entry);
    request.upload.onprogress = (event) => { entry.share = event.loaded / event.total; draw(); };
    request.onloadend = () => {
      uploads.delete(key);
      if (request.status !== 201 && !entry.aborted) say(`${name}: ${detail(request.responseText)}`);
      refresh();
    };
    request.open("POST", "/api/videos");
    request.setRequestHeader("x-aim-serve", "1");
    const level = announced();
    if (level) request.setRequestHeader("x-difficulty", level);
    if (video) request.setRequestHeader("x-file-name", encoded(video.name));
    if (text) request.setRequestHeader("x-kinematics-name", encoded(text.name));
    if (text) request.setRequestHeader("x-kinematics-bytes", text.size);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.send(body);
    draw();
  };

  const act = async (path, method) => {
    const answer = await fetch(path, { method, headers });
    if (!answer.ok) say(detail(await answer.text()));
    refresh();
  };

  const fill = (node, submission) => {
    const part = (name) => node.querySelector(`.${name}`);
    const open = ["queued", "running", "uploading", "waiting"].includes(submission.state);
    node.className = `submission panel ${submission.state}`;
    part("name").textContent = submission.name;
    part("state").textContent = submission.flags ? `${submission.state}, ${submission.flags} flag${submission.flags > 1 ? "s" : ""}${submission.level === "bad" ? ", no score" : ""}` : submission.state;
    part("state").className = `state chip ${submission.state} ${submission.level || ""}`;
    const valid = submission.level !== "bad", shown = (value) => value.toFixed(submission.decimals);
    part("score").textContent = isKnown(submission.score) ? `${shown(submission.score)}${submission.quantity === "score" ? "" : ` ${submission.quantity}`}` : "";
    part("interval").textContent = !isKnown(submission.score) || !valid ? "" : isKnown(submission.low) ? `80 %: ${shown(submission.low)} to ${shown(submission.high)}` : "no interval";
    part("activity").textContent = submission.state === "failed" ? submission.error : open ? submission.activity : took(submission);
    part("activity").classList.toggle("bad-text", submission.state === "done" && !valid);
    const time = node.querySelector("time");
    time.textContent = submission.created ? new Date(1000 * submission.created).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "";
    const pick = part("pick");
    pick.hidden = submission.state !== "done" || submission.pair;
    pick.setAttribute("aria-label", `Compare ${submission.name}`);
    for (const link of [part("open"), part("download")]) link.hidden = submission.state !== "done";
    part("download").href = `/submissions/${submission.id}/report.html`;
    part("download").setAttribute("download", `${submission.name}.html`);
    part("again").hidden = open;
    if (submission.state === "done") part("open").href = `/submissions/${submission.id}/report.html`;
    part("cancel").hidden = !open || submission.activity === "stopping";
    part("delete").hidden = open;
    const bar = node.querySelector("progress");
    bar.hidden = !["running", "uploading"].includes(submission.state);
    if (!isKnown(submission.share)) bar.removeAttribute("value");
    else bar.value = submission.share;
    bar.setAttribute("aria-label", `${submission.name}: ${submission.activity}`);
  };
  const isKnown = (value) => value !== null && value !== undefined;
  const took = (submission) => (submission.pair ? "side by side" : submission.state === "done" && submission.started ? `${submission.activity ? `${submission.activity} · ` : ""}scored in ${(submission.finished - submission.started).toFixed(1)} s` : "");

  const draw = () => {
    const shown = [...uploads.values()].reverse().concat(submissions);
    const old = new Map([...list.children].map((node) => [node.dataset.id, node]));
    shown.forEach((submission, i) => {
      const node = old.get(submission.id) || template.content.firstElementChild.cloneNode(true);
      node.dataset.id = submission.id;
      old.delete(submission.id);
      fill(node, submission);
      if (list.children[i] !== node) list.insertBefore(node, list.children[i] || null);
    });
    old.forEach((node) => node.remove());
    byId("empty").hidden = shown.length > 0;
    byId("scores").hidden = !submissions.some((submission) => isKnown(submission.score));
    byId("compare-help").hidden = submissions.filter((submission) => submission.state === "done" && !submission.pair).length < 2;
    choose();
    const waiting = shown.filter((j) => ["queued", "running"].includes(j.state)).length;
    byId("counts").textContent = waiting ? `${waiting} in progress` : "";
  };

  // Two ticked videos offer the comparison; until one is cleared, no third one can be ticked.
  const picked = () => [...list.querySelectorAll(".pick:checked")].map((box) => box.closest(".submission").dataset.id);
  const choose = () => {
    const two = picked().length === 2;
    byId("compare").hidden = !two;
    list.querySelectorAll(".pick").forEach((box) => { box.disabled = two && !box.checked; });
  };
  byId("compare").addEventListener("click", () => {
    act(`/api/comparisons/${picked().reverse().join("/")}`, "POST"); // the older one is A
    list.querySelectorAll(".pick").forEach((box) => { box.checked = false; });
    choose();
  });
  list.addEventListener("change", choose);

  const refresh = async () => {
    clearTimeout(soon);
    try {
      const answer = await fetch("/api/submissions");
      if (answer.status === 403) return say(detail(await answer.text())); // a new server, with a new token
      const given = await answer.json();
      submissions = given.submissions;
      byId("progress").hidden = !given.progress;
      draw();
    } catch { /* the server is gone for a moment */ }
    const busy = uploads.size || submissions.some((submission) => ["queued", "running"].includes(submission.state));
    soon = setTimeout(refresh, busy ? 400 : 4000);
  };

  list.addEventListener("click", (event) => {
    const node = event.target.closest(".submission");
    if (!node) return;
    const id = node.dataset.id, sending = uploads.get(id);
    if (event.target.matches(".cancel") && sending?.file) { uploads.delete(id); texts.delete(trialOf(sending.file)); draw(); }
    else if (event.target.matches(".cancel") && sending) { sending.aborted = true; sending.request.abort(); }
    else if (event.target.matches(".cancel")) act(`/api/submissions/${id}/cancel`, "POST");
    else if (event.target.matches(".again")) {
      const level = announced();
      act(`/api/submissions/${id}/again${level ? `?difficulty=${level}` : ""}`, "POST");
    }
    else if (event.target.matches(".delete")) act(`/api/submissions/${id}`, "DELETE");
  });
  const drop = byId("drop"), files = byId("files");
  files.addEventListener("change", () => { add([...files.files]); files.value = ""; });
  for (const name of ["dragover", "dragenter"]) document.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    add([...(event.dataTransfer?.files || [])]);
  });
  // The page of a video leads here with what was chosen: #again/SUBMISSION?start=1.2&end=3.4&region=... or ?phases=...
  const asked = /^#again\/([0-9a-f]{32})(\?[\w=&.,%!~*'()-]*)$/.exec(location.hash);
  if (asked) {
    const bar = byId("asked"), part = new URLSearchParams(asked[2]);
    history.replaceState(null, "", "/");
    const words = [part.has("start") ? `from ${part.get("start")} to ${part.get("end")} s` : "", part.has("region") ? "of the chosen person" : "", part.has("phases") ? "with the phases as you set them" : ""];
    bar.querySelector("span").textContent = `Score this video again ${words.filter(Boolean).join(", ")}?`;
    bar.hidden = false;
    bar.querySelector(".yes").addEventListener("click", () => { act(`/api/submissions/${asked[1]}/again${asked[2]}`, "POST"); bar.hidden = true; });
    bar.querySelector(".no").addEventListener("click", () => { bar.hidden = true; });
  }
  refresh();
})();
