"use strict";
// Saves charts: each has a button for its numbers (CSV), and for its picture (PNG) where it is a drawing.
Report.saving = (() => {
  const SCALE = 2, EDGE = 8, LINE = 20; // pixels of the picture per pixel of the page; margin and height of a line of text
  const PAINT = ["fill", "fill-opacity", "stroke", "stroke-opacity", "stroke-width", "stroke-dasharray", "opacity", "font-family", "font-size", "font-weight"];

  const save = (name, content) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  // No text starts a spreadsheet formula.
  const cell = (value) => {
    if (typeof value !== "string") return value ?? "";
    const text = /^[=+@\t\r-]/.test(value) ? `'${value}` : value;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = (rows) => new Blob(rows.map((row) => `${row.map(cell).join(",")}\n`), { type: "text/csv" });

  // The drawing as an image. The style sheet of the page does not reach it, so it takes its colours and fonts along.
  const image = (svg) => {
    const copy = svg.cloneNode(true), made = new Image(), copies = [copy, ...copy.querySelectorAll("*")];
    [svg, ...svg.querySelectorAll("*")].forEach((node, i) => {
      const style = getComputedStyle(node);
      for (const name of PAINT) copies[i].style.setProperty(name, style.getPropertyValue(name));
    });
    made.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
    return made.decode().then(() => made);
  };

  // The chart below its title, its unit and its legend.
  const picture = async (figure, title) => {
    const svg = figure.querySelector(".plot svg"), { width, height } = svg.getBoundingClientRect(), style = getComputedStyle(figure);
    const canvas = document.createElement("canvas"), context = canvas.getContext("2d"), drawn = await image(svg);
    const names = Report.all(".legend li", figure).map((item) => [item, [...item.childNodes].filter((node) => node.nodeType === 3).map((node) => node.textContent.trim()).join("")]);
    let x = EDGE, y = LINE;
    context.font = `12px ${style.fontFamily}`;
    const legend = names.filter(([, name]) => name).map(([item, name], i) => {
      const needs = 3 * EDGE + context.measureText(name).width;
      if (!i || x + needs > width) [x, y] = [EDGE, y + LINE];
      x += needs + EDGE;
      return { name, x: x - needs - EDGE, y, colour: getComputedStyle(item.querySelector(".swatch")).backgroundColor };
    });
    Object.assign(canvas, { width: SCALE * width, height: SCALE * (y + EDGE + height) });
    context.scale(SCALE, SCALE);
    context.fillStyle = getComputedStyle(figure.closest(".panel")).backgroundColor;
    context.fillRect(0, 0, width, y + EDGE + height);
    const write = (text, left, top, font, colour) => {
      context.font = `${font} ${style.fontFamily}`;
      context.fillStyle = colour;
      context.fillText(text, left, top);
      return left + context.measureText(text).width + EDGE;
    };
    const unit = figure.querySelector(".unit");
    const end = write(title, EDGE, LINE - 4, "600 14px", style.color);
    if (unit) write(unit.textContent.trim(), end, LINE - 4, "12px", getComputedStyle(unit).color);
    for (const one of legend) {
      context.fillStyle = one.colour;
      context.fillRect(one.x, one.y - 8, 14, 4);
      write(one.name, one.x + 20, one.y - 3, "12px", style.color);
    }
    context.drawImage(drawn, 0, y + EDGE, width, height);
    return new Promise((resolve) => { canvas.toBlob(resolve); });
  };

  // The name of a file about a video, or about the whole page, without its ending.
  const named = (node, title) => {
    const video = node.closest("details.video")?.querySelector(".name").textContent ?? "";
    return `${video} ${title}`.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
  };

  const offer = (figure, rows) => {
    const caption = figure.querySelector("figcaption"), title = figure.dataset.title ?? caption.firstChild.textContent.trim();
    const name = named(figure, title);
    const place = Object.assign(document.createElement("span"), { className: "saves no-print" });
    const kinds = { ...(figure.querySelector(".plot") && { PNG: () => picture(figure, title) }), CSV: () => csv(rows()) };
    place.append(...Object.entries(kinds).map(([kind, make]) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: kind, title: `Save ${name}.${kind.toLowerCase()}` });
      button.setAttribute("aria-label", `${title} as ${kind}`);
      button.addEventListener("click", async () => save(`${name}.${kind.toLowerCase()}`, await make()));
      return button;
    }));
    caption.insertBefore(place, caption.querySelector(figure.matches(".strip") ? ".unit" : ".legend"));
  };

  return { csv, named, offer, save };
})();
