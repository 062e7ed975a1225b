"use strict";
// Starts the parts of the page. A video section starts when it is first opened.
(() => {
  const pristine = document.documentElement.cloneNode(true); // to save with drawings
  Report.startTheme(document.getElementById("theme"));
  if (location.protocol === "file:") Report.all(".home").forEach((link) => link.remove()); // a saved page has no server
  const sections = Report.all("details.video"), players = new Map();
  let current = null;
  const open = (section) => {
    if (!players.has(section)) players.set(section, Report.player.start(section));
    current = section;
  };
  for (const section of sections) {
    if (section.open) open(section);
    section.addEventListener("toggle", () => section.open && open(section));
    for (const name of ["pointerdown", "focusin"]) section.addEventListener(name, () => { if (players.has(section)) current = section; });
  }
  if (sections[0]?.open) current = sections[0];
  // "+1" in a section's head leads to the other doubts, in place of closing the section.
  Report.all("details.video > summary .chip.more").forEach((chip) => chip.addEventListener("click", (event) => {
    event.preventDefault();
    const section = chip.closest("details.video"), about = section.querySelector(".about");
    section.open = about.open = true;
    about.scrollIntoView({ block: "center" });
  }));
  document.getElementById("open-all")?.addEventListener("click", () => sections.forEach((section) => { section.open = true; }));

  const root = document.getElementById("compare");
  if (root) {
    const compare = Report.compare.start(root, sections), take = () => { current = root; };
    players.set(root, compare.key);
    for (const name of ["pointerdown", "focusin"]) root.addEventListener(name, take);
    Report.all("[data-do=compare], [data-do=beside]").forEach((button) => button.addEventListener("click", () => {
      take();
      const other = sections.find((section) => section.querySelector(".name").textContent === button.dataset.with);
      compare.open(button.closest("details.video"), button, other);
    }));
    if (!root.hidden) take();
  }

  // What is printed has all differences and key frames of the open sections, and all tables.
  const unfold = () => {
    Report.all("details.video[open] :is(.work-first details, .about), details.folded, #origin details").forEach((more) => { more.open = true; });
    return Report.all("details.video[open] .frame img").map((picture) => Object.assign(picture, { loading: "eager" }).decode().catch(() => {}));
  };
  window.addEventListener("beforeprint", unfold);
  document.getElementById("print").addEventListener("click", async () => {
    await Promise.all([...unfold(), Report.drawing.pictured()]);
    window.print();
  });

  const toHash = () => {
    const target = sections.find((section) => `#${section.id}` === location.hash);
    if (!target) return;
    target.open = true;
    target.scrollIntoView();
  };
  window.addEventListener("hashchange", toHash);
  toHash();

  // Space presses a control that the keyboard reached. After a click with the mouse it plays; by then, browsers say
  // :focus-visible of both.
  let clicked = null;
  document.addEventListener("click", (event) => { clicked = event.detail ? event.target.closest("button, summary, a") : null; });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Tab") clicked = null;
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=range]), select, textarea, video")) return;
    const control = event.key === " " ? event.target.closest("button, summary, a") : null;
    if (control && control !== clicked) return;
    const player = players.get(current);
    if (!player || current.open === false || current.hidden || !/^([jko,.0-9]| )$/.test(event.key)) return;
    event.preventDefault();
    control?.blur(); // Firefox would press it all the same
    player(event.key);
  });

  Report.downloads.start(Report.read(document.getElementById("files")), pristine);
  const table = document.getElementById("scores");
  if (table) Report.table.start(table);
  Report.all("table.results").forEach(Report.table.startResults);
  const batch = Report.read(document.getElementById("batch-data")), distribution = document.getElementById("distribution");
  if (batch && distribution) Report.results.distribution(distribution, batch);
  const progress = document.getElementById("progress");
  if (progress) Report.results.progress(progress, batch.progress);
  const evaluation = Report.read(document.getElementById("evaluation-data"));
  if (!evaluation) return;
  const scatter = document.getElementById("scatter");
  if (scatter) Report.results.scatter(scatter, evaluation);
  if (evaluation.bars) Report.results.bars(document.getElementById("bars"), evaluation.bars);
  if (evaluation.curve) Report.results.curve(document.getElementById("curve"), evaluation.curve, evaluation.axes);
})();
