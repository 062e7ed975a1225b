"use strict";
// A rater's page: one question after the other. The server saves every answer before it gives the next question.
(() => {
  const byId = (id) => document.getElementById(id);
  const pairs = document.body.dataset.pairs === "true", phases = document.body.dataset.phases === "true", form = byId("answer"), place = byId("videos"), ends = byId("end");
  const headers = { "x-aim-serve": "1", "content-type": "application/json" };
  const fields = Report.all("input", form), back = form.querySelector("[data-do=back]"), speed = form.querySelector("[data-do=speed]");
  const SPEEDS = ["1×", "½×", "¼×", "⅛×"];
  const linked = document.body.dataset.rater; // whose link this browser has; "": the page asks for the name
  let rater = linked || localStorage.getItem("aim-rater") || "", last = {}, players = [], slowness = 0, loop = true, marking = null; // `last`: what the server gave last
  let named = Boolean(linked); // whether the rater has confirmed the name since the page was opened
  let behind = 0; // answers between the end and the question that is shown
  let more = false; // whether the rater goes on after the end
  let doubted = ""; // scores that the page has asked back
  let shownAt = 0, busy = false, waking = 0;
  const STOPPED = "The server has stopped, or cannot be reached. Your answers so far are saved. Ask the person who sent you the link to start it again (if it was you: run the same command). This page then goes on.";
  const WATCH_MS = 4000; // between two looks whether the server answers
  const ENOUGH = 5; // scores that show a rater's own range
  const QUIET_MS = 500; // after the frames are there, and after the last key, which may have been meant for the video before

  const say = (text, kind = "") => Object.assign(byId("message"), { textContent: text, hidden: !text, className: kind });
  // Answers are off, but for those of the `names` of their groups, from the moment one is sent until the next videos show a frame.
  const admit = (...names) => {
    clearTimeout(waking);
    Report.all("fieldset").forEach((group) => { group.disabled = !names.includes(group.name); });
  };
  const wake = () => {
    admit();
    if (busy || !players.every((one) => one.state)) return;
    waking = setTimeout(() => {
      admit("leave", players.every((one) => one.state === "seen") && "judge");
      if (document.activeElement !== document.body) return;
      const first = fields.find((field) => !field.disabled) ?? form.querySelector("[data-do=play]");
      first.focus({ preventScroll: true });
      first.select?.(); // what is typed next replaces a number that is to be corrected
    }, QUIET_MS);
  };
  const ask = async (address, options) => {
    busy = true;
    admit();
    try {
      const answer = await fetch(address, options), content = await answer.json();
      if (!answer.ok) throw new Error(typeof content.detail === "string" ? content.detail : "the server refused this");
      return content;
    } catch (error) {
      say(error instanceof TypeError ? STOPPED : `${error.message}.`);
      return null;
    } finally {
      busy = false;
      wake();
    }
  };

  // Shows that the server has stopped before the next answer does, and goes on when it answers again; the end needs no server.
  let soon = 0;
  const watch = async () => {
    clearTimeout(soon);
    try {
      if (ends.hidden) await fetch("/", { method: "HEAD" });
      if (byId("message").textContent === STOPPED) {
        say("");
        if (players.some((one) => one.state !== "seen")) next("", behind); // a video that was on its way
      }
    } catch {
      if (ends.hidden) say(STOPPED);
    }
    clearTimeout(soon);
    soon = setTimeout(watch, WATCH_MS);
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) watch(); });

  const next = async (after = "", steps = 0) => {
    const content = await ask(`/api/question?rater=${encodeURIComponent(rater)}&after=${after}&back=${steps}`);
    if (content && (named || content.earlier)) show(content, steps); // in another folder it may be another person's turn
    else if (!last.of && !linked) nameAsked();
  };
  // The answers by kind, if there is more than one; the numbers add up to `done`.
  const parts = ({ done, skipped, own }) => {
    const refused = pairs ? 0 : done - skipped - own.filter((scores) => Object.keys(scores).length).length, judged = done - skipped - refused;
    return !skipped && !refused || phases ? "" : `: ${judged} ${pairs ? "judged" : "scored"}${skipped ? `, ${skipped} skipped` : ""}${refused ? `, ${refused} not a performance` : ""}`;
  };
  const show = (content, steps = 0) => {
    const { question, given } = content, ended = !question || content.done >= content.of && !more && !given;
    [last, behind, doubted] = [content, steps, ""];
    byId("counts").textContent = !content.of ? "" : more && pairs ? `${content.done - content.skipped} pairs judged` : `${content.done} of ${content.of} ${pairs ? "pairs" : "videos"}${parts(content)}`;
    if (steps && !phases) byId("counts").textContent += `; your answer ${content.earlier + 1} again`;
    byId("skips").textContent = content.skipped ? `You skipped ${content.skipped} ${pairs ? "pair" : "video"}${content.skipped > 1 ? "s" : ""}. You may still go back and judge ${content.skipped > 1 ? "them" : "it"}.` : "";
    byId("unreadable").textContent = content.unreadable.join("; ");
    byId("rater").textContent = rater;
    localStorage.setItem("aim-rater", rater); // the server has accepted it
    byId("rater").hidden = false;
    byId("rater").disabled = Boolean(linked);
    byId("name-form").hidden = true;
    form.hidden = ended;
    ends.hidden = !ended;
    byId("end").querySelector("[data-end=more]").hidden = !question;
    byId("end").querySelector("[data-end=back]").hidden = content.earlier < 1;
    back.disabled = content.earlier < 1;
    byId("agreement").hidden = content.done < content.of; // earlier, the answers of others would bias the rater
    agree();
    players.forEach((one) => one.video.pause());
    players = (ended ? [] : question).map((one, i) => shown(one, i, given));
    place.className = pairs ? "two" : "";
    place.replaceChildren(...players.map((one) => one.section));
    players.forEach((one) => { one.key = Report.player.start(one.section); });
    marking = phases && players.length ? Report.marking(players[0].section, form, say) : null;
    setSpeed();
    fields.forEach((field) => { field.value = given?.scores[field.name] ?? ""; });
    Report.all("[data-answer]", form).forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.answer === given?.answer)));
    shownAt = performance.now();
    wake();
    play();
  };
  const shown = (one, i, given) => {
    const section = byId("video").content.firstElementChild.cloneNode(true), video = section.querySelector("video"), stage = section.querySelector(".stage");
    stage.style.aspectRatio = `${one.width}/${one.height}`;
    section.style.setProperty("--ratio", one.width / one.height);
    video.loop = loop;
    ["play", "pause"].forEach((name) => video.addEventListener(name, sayPlaying));
    const none = section.querySelector(".none");
    none?.addEventListener("click", () => send("no performance", {}, [one.content]));
    none?.setAttribute("aria-label", ["Left", "Right"][i] + " video: not a performance");
    none?.setAttribute("aria-pressed", String(given?.answer === "no performance" && given.contents[0] === one.content));
    const player = { section, video, state: "" }, wait = section.querySelector(".wait"), source = `/videos/${one.content}`;
    if (one.copying) wait.textContent = "The server is making a copy that your browser can play. It starts by itself.";
    video.addEventListener("loadeddata", () => {
      wait.hidden = true;
      player.state = "seen";
      wake();
    });
    video.addEventListener("error", async () => {
      const reply = await fetch(source, { headers: { range: "bytes=0-0" } }).catch(() => null);
      if (!reply) return watch();
      wait.textContent = `${!reply.ok ? (await reply.json()).detail : "This video cannot be played here"}. Skip it.`;
      player.state = "broken";
      wake();
    });
    video.dataset.src = source;
    video.setAttribute("aria-label", pairs ? ["Left video", "Right video"][i] : "The video");
    section.querySelector(".video-data").textContent = JSON.stringify({ duration: one.duration, frames: one.frames, steps: [], charts: [], phases: one.phases });
    return player;
  };

  const SAID = phases ? {} : {
    skipped: "Skipped, and not asked again.",
    "no performance": pairs ? "Not a performance: that video is left out of all pairs." : "Not a performance: the last video gets no label.",
  };
  const send = async (answer, scores = {}, contents = last.question.map((one) => one.content), marks = undefined) => {
    if (phases && answer === "skipped") return next(contents[0]);
    const seconds = (performance.now() - shownAt) / 1000, from = phases ? 0 : behind;
    say("");
    const content = await ask("/api/answers", { method: "POST", headers, body: JSON.stringify({ rater, contents, answer, scores, phases: marks && JSON.stringify(marks), seconds }) });
    if (!content) return void (byId("message").textContent.includes("replaced") && next());
    if (from > 1) await next("", from - 1); // after a correction, the answer that followed
    else show(content);
    if (SAID[answer]) say(`${SAID[answer]} Back returns to it.`, "said");
  };
  const submit = () => {
    const scores = {}, marks = marking?.enter(), unusual = [];
    if (marking) return void (marks && send("marked", {}, undefined, marks));
    for (const field of fields) {
      const text = field.value.trim().replace(",", "."), value = Number(text), { name, dataset: { least, most } } = field;
      const wrong = !text || !Number.isFinite(value) ? `Type a number as ${name}.` : value < Number(least) || value > Number(most) ? `Type a ${name} from ${least} to ${most}, not ${text}.` : "";
      if (wrong) { say(wrong); return field.select(); } // what is typed next replaces it
      scores[name] = value;
      if (least) continue;
      const own = last.own.map((one) => one[name]).filter((one) => one !== undefined), low = Math.min(...own), high = Math.max(...own), margin = Math.max(high - low, Math.abs(low) / 2, Math.abs(high) / 2);
      const outside = own.length >= ENOUGH && (value < low - margin || value > high + margin), tenfold = own.length && low > 0 && (value >= 7 * high || value > 0 && value <= low / 9); // a decimal point that was left out or typed too early
      if (value < 0 && low >= 0) unusual.push(`${text} is negative.`);
      else if (outside || tenfold) unusual.push(`${text} is far from your other scores, ${low < high ? `${low} to ${high}` : low}.`);
    }
    const typed = JSON.stringify(scores);
    if (unusual.length && typed !== doubted) {
      doubted = typed;
      admit("leave"); // a second Enter in haste saves nothing
      waking = setTimeout(wake, QUIET_MS);
      return say(`${unusual.join(" ")} Correct it, or choose Next again to save it.`);
    }
    send("scored", scores);
  };
  const goBack = () => { say(""); next("", behind + 1); };

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
    players.forEach((one) => one.video.pause());
    players = [];
    place.replaceChildren();
    byId("counts").textContent = "";
    byId("name-form").hidden = false;
    form.hidden = ends.hidden = byId("rater").hidden = byId("agreement").hidden = true; // nothing of the rater before
    byId("name").value = rater;
    byId("name").focus();
    byId("name").select(); // what another rater types replaces the name
  };
  byId("name-form").addEventListener("submit", (event) => {
    event.preventDefault();
    rater = byId("name").value.trim();
    named = true;
    more = false;
    last = {};
    say("");
    next();
  });
  byId("rater").addEventListener("click", () => { say(""); nameAsked(); });

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
    else if (button) { more = true; show(last); }
  });
  const marks = Report.all("[data-phase]", form);
  const press = (selector, i = 0) => () => Report.all(selector)[i]?.click(); // nothing where the button is off
  const keys = { " ": toggle, ArrowLeft: () => step(","), ArrowRight: () => step("."), v: slower, l: setLoop, b: press("[data-do=back]"), s: press("[data-answer=skipped]") };
  if (phases) Object.assign(keys, { ",": keys.ArrowLeft, ".": keys.ArrowRight, Enter: press("#answer [type=submit]"), Backspace: press("[data-do=undo]"), 0: press("[data-do=leaveOut]"), e: press("[data-do=end]") }, ...marks.slice(0, 9).map((_, i) => ({ [i + 1]: press("#answer [data-phase]", i) })));
  else if (pairs) Object.assign(keys, { 1: press("[data-answer=better]"), 2: press("[data-answer=worse]"), 0: press("[data-answer=equal]"), n: press(".none"), m: press(".none", 1) });
  else keys.n = press("[data-answer='no performance']");
  document.addEventListener("keydown", (event) => {
    const key = event.key.length > 1 ? event.key : event.key.toLowerCase(), does = keys[key];
    if (form.hidden) return;
    if (back.matches("fieldset:disabled *")) wake();
    if (!does || event.ctrlKey || event.metaKey || event.altKey || event.repeat && !["ArrowLeft", "ArrowRight", ",", "."].includes(key)) return;
    if (event.target.closest("summary")) return;
    const { value = "", name } = event.target, given = String(last.given?.scores?.[name] ?? "");
    if (key.length === 1 && value && value !== given && !"vl ".includes(key)) return; // a letter in a number may be a slip
    event.preventDefault();
    does();
  });

  // Computed when the panel opens, and after every answer while it is open; the answers do not wait for it.
  const agree = async () => {
    const panel = byId("agreement"), list = (...lines) => panel.querySelector("ul").replaceChildren(...lines.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
    if (!panel.open || panel.hidden) return;
    list("computing…");
    const reply = await fetch("/api/agreement").catch(() => null);
    if (reply?.ok) list(...(await reply.json()).lines);
    else list("The agreement could not be computed. Close this panel and open it again.");
  };
  byId("agreement").addEventListener("toggle", agree);
  Report.startTheme(byId("theme"));
  if (rater) next();
  else nameAsked();
  soon = setTimeout(watch, WATCH_MS);
})();
