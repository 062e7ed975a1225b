"use strict";
// Shared helpers. Every file adds to the one name `Report`.
const Report = (() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const read = (node) => (node ? JSON.parse(node.textContent) : null);
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const clock = (t) => (t < 60 ? `${t.toFixed(2)} s` : `${Math.floor(t / 60)}:${(t % 60).toFixed(1).padStart(4, "0")}`);
  // The place of the frame that is shown at `t`; -1 without frames.
  const frameAt = (frames, t) => Math.max(frames.findLastIndex((time) => time <= t + 1e-3), Math.min(0, frames.length - 1));
  // The id of the upload that `serve` shows on this page; null on a saved page.
  const submission = () => (location.protocol === "file:" ? null : /^\/submissions\/([0-9a-f]{32})\//.exec(location.pathname)?.[1] ?? null);
  const PAPER = 688, COLUMN = 336; // px between the margins of A4; charts over time are in two columns
  let printing = false;
  const color = (index) => `var(--s${index % 8})`;

  // Draw whenever the width of the node changes, but never for a hidden node. Screen readers read the name of the node
  // and skip the drawing. `rows` gives the lines of its CSV file, the head first.
  const chart = (node, draw, rows) => {
    let width = 0;
    const show = (now) => {
      width = now;
      const drawn = draw(now);
      drawn.setAttribute("aria-hidden", "true");
      node.replaceChildren(drawn);
    };
    Report.saving.offer(node.closest("figure"), rows);
    new ResizeObserver(() => {
      const now = Math.floor(node.clientWidth);
      if (now > 0 && now !== width && !printing) show(now);
    }).observe(node);
    // Paper has its own width, which no observer tells in time.
    window.addEventListener("beforeprint", () => { printing = true; if (node.clientWidth) show(node.closest(".time-axis") ? COLUMN : PAPER); });
    window.addEventListener("afterprint", () => { printing = false; if (node.clientWidth) show(Math.floor(node.clientWidth)); });
  };

  const themes = ["", "light", "dark"];
  const themeNames = { "": "as the system", light: "light", dark: "dark" };
  const startTheme = (button) => {
    const set = (theme) => {
      if (theme) document.documentElement.dataset.theme = theme;
      else delete document.documentElement.dataset.theme;
      button.setAttribute("aria-label", `Colours: ${themeNames[theme]}`);
      try { localStorage.setItem("aim-theme", theme); } catch { /* a page from disk may have no storage */ }
    };
    let theme = "";
    try { theme = localStorage.getItem("aim-theme") || ""; } catch { /* as above */ }
    set(themes.includes(theme) ? theme : "");
    button.addEventListener("click", () => {
      const now = document.documentElement.dataset.theme || "";
      set(themes[(themes.indexOf(now) + 1) % themes.length]);
    });
  };

  return { all, read, css, clamp, clock, frameAt, submission, color, chart, startTheme };
})();
