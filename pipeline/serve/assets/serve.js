"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const list = byId("submissions"), template = byId("submission"), most = Number(list.dataset.most);
  const headers = { "x-aim-serve": "1" };
  const uploads = new Map(); // by id: uploads that are under way, and files that wait for the other file of their trial
  const reads = list.dataset.reads.split(" "), pairs = reads.length > 1;
  const texts = new Map(); // kinematics files by trial: a second view of the trial may follow
  let submissions = [], serial = 0, soon = null, awaited = null; // awaited: the comparison that opens when it is done

  const say = (text, label = "Dismiss", act = () => {}) => {
    const line = document.createElement("li");
    line.textContent = text;
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "quiet", textContent: label });
    button.addEventListener("click", () => { line.remove(); act(); });
    line.append(button);
    byId("messages").append(line);
    return line;
  };
  const detail = (text) => { try { return JSON.parse(text).detail || text; } catch { return text || "no answer"; } };

  const isText = (file) => /\.txt$/i.test(file.name);
  const trialOf = (file) => file.name.replace(/\.[^.]*$/, "").replace(/_capture[12]$/, "");
  const encoded = (name) => encodeURIComponent(name.toWellFormed ? name.toWellFormed() : name);

  // The files of a trial are in two folders and may come one after the other: each waits for the other one.
  const difficulty = byId("difficulty");
  const level = () => (difficulty ? difficulty.value.trim().replace(",", ".") : "");
  const announced = () => { const text = encodeURIComponent(level()); if (difficulty) difficulty.value = ""; return text; };
  const isWrong = () => level() && !(Number(level()) > 0) && say("The difficulty is not a number above 0, such as 3.2.");

  const add = (files) => {
    if (isWrong()) return;
    const given = level(); // of all files that are added together; `upload` clears the field
    if (!pairs) return files.forEach((file) => {
      if (difficulty) difficulty.value = given;
      return isText(file) && reads[0] === "kinematics" ? upload(null, file) : upload(file, null);
    });
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
    const entry = { id: key, name, state: "uploading", share: 0, activity: "sending", difficulty: Number(level()) || null, request };
    uploads.set(key, entry);
    request.upload.onprogress = (event) => { entry.share = event.loaded / event.total; draw(); };
    request.onloadend = () => {
      uploads.delete(key);
      if (request.status !== 201 && !entry.aborted) say(`${name}: ${detail(request.responseText)}`);
      refresh();
    };
    request.open("POST", "/api/videos");
    request.setRequestHeader("x-aim-serve", "1");
    const given = announced();
    if (given) request.setRequestHeader("x-difficulty", given);
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
    await refresh();
    return answer;
  };

  // A video is deleted when "Undo" has been on the page for a while, or when the page is left.
  const deleted = new Map(), UNDO_MS = 30000;
  const remove = (id, name) => {
    const line = say(`${name} is deleted.`, "Undo", () => { clearTimeout(deleted.get(id)); deleted.delete(id); draw(); });
    line.className = "plain";
    deleted.set(id, setTimeout(async () => {
      line.remove();
      await act(`/api/submissions/${id}`, "DELETE");
      deleted.delete(id);
    }, UNDO_MS));
    draw();
  };
  addEventListener("pagehide", () => {
    for (const [id, timer] of deleted) {
      clearTimeout(timer);
      fetch(`/api/submissions/${id}`, { method: "DELETE", headers, keepalive: true });
    }
  });

  const seen = new IntersectionObserver((entries) => entries.filter((one) => one.isIntersecting).forEach(({ target }) => {
    seen.unobserve(target);
    target.src = target.dataset.src;
  }));
  const fill = (node, submission) => {
    const part = (name) => node.querySelector(`.${name}`), { id, state } = submission;
    const open = ["queued", "running", "uploading", "waiting"].includes(state), done = state === "done", wrong = state === "failed" || done && submission.level === "bad";
    const notes = done ? submission.activity.split("; ") : [], worst = submission.flags || wrong ? notes.shift() : "";
    node.className = `submission panel ${state} ${wrong ? "wrong" : ""}`;
    part("name").textContent = submission.name;
    part("state").textContent = worst || state;
    part("state").className = `state chip ${state} ${submission.level || ""}`;
    const shown = (value) => value.toFixed(submission.decimals), known = done && !wrong && isKnown(submission.score);
    part("score").textContent = known ? `${shown(submission.score)}${submission.quantity === "score" ? "" : ` ${submission.quantity}`}` : "";
    const times = isKnown(submission.difficulty) ? `difficulty ${submission.difficulty}` : "", joined = (...parts) => parts.filter(Boolean).join(" · ");
    part("interval").textContent = !known ? "" : joined(times, isKnown(submission.low) ? `likely ${shown(submission.low)} to ${shown(submission.high)} (80 %)` : "no interval");
    part("activity").textContent = state === "failed" ? submission.error : open ? joined(times, submission.activity) : notes.join("; ");
    node.querySelector("time").textContent = submission.created ? new Date(1000 * submission.created).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "";
    const pick = part("pick"), thumb = part("thumb"), page = `/submissions/${id}/`;
    pick.hidden = !done || submission.pair;
    pick.title = comparable(submission) ? "" : "This video has no score to compare";
    pick.setAttribute("aria-label", `Compare ${submission.name}`);
    if (submission.suffix && !submission.pair && !thumb.dataset.src) {
      thumb.dataset.src = `${page}video${submission.suffix}#t=0.5`;
      seen.observe(thumb);
    }
    if (done) part("open").href = `${page}report.html`;
    else part("open").removeAttribute("href");
    part("download").hidden = !done;
    part("download").href = `${page}report.html`;
    part("download").setAttribute("download", `${submission.name}.html`);
    part("cancel").hidden = !open || submission.activity === "stopping";
    part("menu").hidden = open;
    node.querySelector("summary").setAttribute("aria-label", `More for ${submission.name}`);
    const bar = node.querySelector("progress");
    bar.hidden = !["running", "uploading"].includes(state);
    if (!isKnown(submission.share)) bar.removeAttribute("value");
    else bar.value = submission.share;
    bar.setAttribute("aria-label", `${submission.name}: ${submission.activity}`);
  };
  // The pages of a model that only guesses have no scores and compare movement.
  const comparable = (one) => one.state === "done" && !one.pair && ("guesses" in list.dataset || (one.level !== "bad" && isKnown(one.score)));
  const isKnown = (value) => value !== null && value !== undefined;

  const draw = () => {
    const shown = [...uploads.values()].reverse().concat(submissions).filter((submission) => !deleted.has(submission.id));
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
    byId("compare-help").hidden = submissions.filter(comparable).length < 2;
    choose();
    const waiting = shown.filter((j) => ["queued", "running"].includes(j.state)).length;
    byId("counts").textContent = waiting ? `${waiting} in progress` : "";
  };

  // Two ticked videos offer the comparison; until one is cleared, no third one can be ticked.
  const picked = () => [...list.querySelectorAll(".pick:checked")].map((box) => box.closest(".submission").dataset.id);
  const choose = () => {
    const two = picked().length === 2;
    byId("compare").hidden = !two;
    list.querySelectorAll(".pick").forEach((box) => { box.disabled = Boolean(box.title) || (two && !box.checked); });
  };
  byId("compare").addEventListener("click", async () => {
    const pair = picked().reverse().join("/"); // the older one is A
    list.querySelectorAll(".pick").forEach((box) => { box.checked = false; });
    choose();
    const answer = await act(`/api/comparisons/${pair}`, "POST");
    if (answer.ok) awaited = (await answer.json()).id;
  });
  list.addEventListener("change", choose);

  let stopped = null;
  const refresh = async () => {
    clearTimeout(soon);
    try {
      const answer = await fetch("/api/submissions");
      if (answer.status === 403) return say(detail(await answer.text())); // a new server, with a new token
      const given = await answer.json();
      submissions = given.submissions;
      byId("progress").hidden = !given.progress;
      draw();
      if (submissions.some((one) => one.id === awaited && one.state === "done") && !uploads.size) {
        location.assign(`/submissions/${awaited}/report.html`);
        awaited = null;
      }
      stopped?.remove();
      stopped = null;
    } catch { stopped ??= say("The program that scores was stopped, or cannot be reached. Ask for a new link; what is finished is kept."); }
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
      if (isWrong()) return;
      const given = announced();
      act(`/api/submissions/${id}/again${given ? `?difficulty=${given}` : ""}`, "POST");
    }
    else if (event.target.matches(".delete")) remove(id, node.querySelector(".name").textContent);
  });
  list.addEventListener("keydown", (event) => { if (event.key === "Escape") event.target.closest(".menu")?.removeAttribute("open"); });
  document.addEventListener("click", (event) => {
    list.querySelectorAll(".menu[open]").forEach((menu) => { if (!menu.contains(event.target) || event.target.matches("div *")) menu.open = false; });
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
    refresh().then(() => {
      const name = submissions.find((one) => one.id === asked[1])?.name ?? "this video";
      bar.querySelector("span").textContent = `Score ${name} again ${words.filter(Boolean).join(", ")}?`;
      bar.hidden = false;
    });
    bar.querySelector(".yes").addEventListener("click", () => { act(`/api/submissions/${asked[1]}/again${asked[2]}`, "POST"); bar.hidden = true; });
    bar.querySelector(".no").addEventListener("click", () => { bar.hidden = true; });
  } else refresh();
})();
