"use strict";
// A rater's page: one question after the other. The server saves every answer before it gives the next question.
(() => {
  const byId = (id) => document.getElementById(id);
  const pairs = document.body.dataset.pairs === "true", phases = document.body.dataset.phases === "true", form = byId("answer"), place = byId("videos"), ends = byId("end");
  const headers = { "x-aim-serve": "1", "content-type": "application/json" };
  const fields = Report.all("input", form), back = form.querySelector("[data-do=back]"), speed = form.querySelector("[data-do=speed]");
  const SPEEDS = ["1×", "½×", "¼×", "⅛×"];
  const earlier = []; // questions answered since the page was loaded, with their answers
  let rater = localStorage.getItem("aim-rater") || "", question = null, players = [], counts = {}, slowness = 0, loop = true, busy = false, marking = null;
  let more = false; // whether the rater goes on after the end
  let shownAt = 0, waking = 0;
  const DEAF_MS = 500; // a key that was meant for the pair before must not answer this one

  const say = (text) => { byId("message").textContent = text; byId("message").hidden = !text; };
  const ask = async (address, options) => {
    busy = true;
    try {
      const answer = await fetch(address, options), content = await answer.json();
      if (!answer.ok) throw new Error(typeof content.detail === "string" ? content.detail : "the server refused this");
      return content;
    } catch (error) {
      say(error instanceof TypeError ? "The server does not answer. Start it again; no answer is lost." : `${error.message}.`);
      return null;
    } finally { busy = false; }
  };

  const next = async (after = "") => {
    const content = await ask(`/api/question?rater=${encodeURIComponent(rater)}&after=${after}`);
    if (content) show(content);
    else if (!question) nameAsked();
  };
  const show = (content, before = null) => {
    question = content.question;
    const ended = !question || content.done >= content.of && !more && !before;
    byId("counts").textContent = !content.of ? "" : more && pairs ? `${content.done} pairs judged` : `${content.done} of ${content.of} ${pairs ? "pairs" : "videos"}`;
    counts = { done: content.done, of: content.of };
    byId("rater").textContent = rater;
    localStorage.setItem("aim-rater", rater); // the server has accepted it
    byId("rater").hidden = false;
    byId("name-form").hidden = true;
    form.hidden = ended;
    ends.hidden = !ended;
    byId("end").querySelector("[data-end=more]").hidden = !question;
    byId("end").querySelector("[data-end=back]").hidden = !earlier.length;
    back.disabled = !earlier.length;
    byId("agreement").hidden = content.done < content.of; // earlier, the answers of others would bias the rater
    players.forEach((one) => one.video.pause());
    players = (ended ? [] : question).map((one, i) => shown(one, i, before));
    place.className = pairs ? "two" : "";
    place.replaceChildren(...players.map((one) => one.section));
    players.forEach((one) => { one.key = Report.player.start(one.section); });
    marking = phases && players.length ? Report.marking(players[0].section, form, say) : null;
    setSpeed();
    fields.forEach((field) => { field.value = before?.scores?.[field.name] ?? ""; });
    Report.all("[data-answer]", form).forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.answer === before?.answer)));
    (fields[0] || form.querySelector("[data-do=play]"))?.focus({ preventScroll: true });
    shownAt = performance.now();
    form.dataset.awake = String(!pairs);
    clearTimeout(waking);
    waking = setTimeout(() => { form.dataset.awake = "true"; }, DEAF_MS);
    play();
  };
  const shown = (one, i, before) => {
    const section = byId("video").content.firstElementChild.cloneNode(true), video = section.querySelector("video"), stage = section.querySelector(".stage");
    stage.style.aspectRatio = `${one.width}/${one.height}`;
    section.style.setProperty("--ratio", one.width / one.height);
    video.loop = loop;
    ["play", "pause"].forEach((name) => video.addEventListener(name, sayPlaying));
    const none = section.querySelector(".none");
    none?.addEventListener("click", () => send("no performance", {}, [one.content]));
    none?.setAttribute("aria-label", ["Left", "Right"][i] + " video: not a performance");
    none?.setAttribute("aria-pressed", String(before?.answer === "no performance" && before.contents[0] === one.content));
    const wait = section.querySelector(".copying");
    wait.hidden = !one.copying;
    video.addEventListener("loadeddata", () => { wait.hidden = true; });
    video.addEventListener("error", () => Object.assign(wait, { hidden: false, textContent: "This video cannot be played here. Skip it." }));
    video.dataset.src = `/videos/${one.content}`;
    video.setAttribute("aria-label", pairs ? ["Left video", "Right video"][i] : "The video");
    section.querySelector(".video-data").textContent = JSON.stringify({ duration: one.duration, frames: one.frames, steps: [], charts: [], phases: one.phases });
    return { section, video };
  };

  const send = async (answer, scores = {}, contents = question?.map((one) => one.content), marks = undefined) => {
    if (busy || !question) return;
    if (phases && answer === "skipped") return next(contents[0]);
    const seconds = (performance.now() - shownAt) / 1000;
    say("");
    const content = await ask("/api/answers", { method: "POST", headers, body: JSON.stringify({ rater, contents, answer, scores, phases: marks && JSON.stringify(marks), seconds }) });
    if (!content) return void (byId("message").textContent.includes("replaced") && next());
    if (phases) question[0].phases = marks;
    earlier.push({ question, answer, scores, contents });
    show(content);
  };
  const submit = () => {
    const scores = {}, marks = marking?.enter();
    if (marking) return void (marks && send("marked", {}, undefined, marks));
    for (const field of fields) {
      const text = field.value.trim().replace(",", "."), value = Number(text);
      if (!text || !Number.isFinite(value)) { say(`Type a number as ${field.name}.`); return field.focus(); }
      scores[field.name] = value;
    }
    send("scored", scores);
  };
  const goBack = () => {
    const before = earlier.pop();
    if (before && !busy) show({ question: before.question, ...counts }, before);
  };

  const play = () => players.forEach((one) => { one.video.play().catch(() => {}); });
  const running = () => players.some((one) => !one.video.paused && !one.video.ended);
  const sayPlaying = () => { form.querySelector("[data-do=play]").textContent = running() ? "Pause" : "Play"; };
  const toggle = () => {
    const pausing = running();
    for (const { video } of players) {
      if (pausing) video.pause();
      else video.play().catch(() => {});
    }
  };
  const slower = () => {
    slowness = (slowness + 1) % SPEEDS.length;
    speed.textContent = SPEEDS[slowness];
    setSpeed();
  };
  const setLoop = () => {
    loop = !loop;
    form.querySelector("[data-do=loop]").setAttribute("aria-pressed", String(loop));
    players.forEach(({ video }) => { video.loop = loop; });
  };
  const setSpeed = () => players.forEach(({ video }) => { video.playbackRate = 0.5 ** slowness; });
  const step = (key) => players.forEach((one) => { one.video.pause(); one.key(key); });

  const nameAsked = () => {
    byId("name-form").hidden = false;
    form.hidden = ends.hidden = true;
    byId("name").value = rater;
    byId("name").focus();
  };
  byId("name-form").addEventListener("submit", (event) => {
    event.preventDefault();
    rater = byId("name").value.trim();
    earlier.length = 0;
    more = false;
    question = null;
    place.replaceChildren();
    say("");
    next();
  });
  byId("rater").addEventListener("click", nameAsked);

  form.addEventListener("submit", (event) => { event.preventDefault(); if (!pairs) submit(); });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-answer], [data-do], [data-phase]");
    if (!button) return;
    if (button.dataset.answer) send(button.dataset.answer);
    else if (button.dataset.phase) marking.mark(marks.indexOf(button));
    else ({ play: toggle, speed: slower, loop: setLoop, frameBack: () => step(","), frameOn: () => step("."), back: goBack, end: () => marking.end(), undo: () => marking.undo(), leaveOut: () => marking.leaveOut() })[button.dataset.do]();
  });
  ends.addEventListener("click", (event) => {
    const button = event.target.closest("[data-end]");
    if (button?.dataset.end === "back") goBack();
    else if (button) { more = true; show({ question, ...counts }); }
  });
  const keys = { " ": toggle, ArrowLeft: () => step(","), ArrowRight: () => step("."), v: slower, l: setLoop, b: goBack };
  const marks = Report.all("[data-phase]", form);
  if (phases) Object.assign(keys, { ",": keys.ArrowLeft, ".": keys.ArrowRight, Enter: submit, Backspace: () => marking.undo(), 0: () => marking.leaveOut(), e: () => marking.end() }, ...marks.slice(0, 9).map((_, i) => ({ [i + 1]: () => marking.mark(i) })));
  const none = (i) => players[i].section.querySelector(".none").click();
  const answers = { s: () => send("skipped") };
  Object.assign(answers, pairs ? { 1: () => send("better"), 2: () => send("worse"), 0: () => send("equal"), n: () => none(0), m: () => none(1) } : phases ? {} : { n: () => send("no performance") });
  document.addEventListener("keydown", (event) => {
    const key = event.key.length > 1 ? event.key : event.key.toLowerCase();
    const does = keys[key] ?? (form.dataset.awake === "true" ? answers[key] : null);
    if (!does || !question || form.hidden || event.ctrlKey || event.metaKey || event.altKey || event.repeat && !["ArrowLeft", "ArrowRight", ",", "."].includes(key)) return;
    if (event.target.closest("summary")) return;
    event.preventDefault();
    does();
  });

  byId("agreement").addEventListener("toggle", async () => {
    if (!byId("agreement").open) return;
    const content = await ask("/api/agreement");
    if (!content) return;
    const lines = [...content.lines, ...content.disputed.map(([name, , low, high]) => `${name}: from ${+low.toPrecision(3)} to ${+high.toPrecision(3)}`)];
    byId("agreement").querySelector("ul").replaceChildren(...lines.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  });
  Report.startTheme(byId("theme"));
  if (rater) next();
  else nameAsked();
})();
