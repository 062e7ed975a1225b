"use strict";
// Sorts tables, and filters the batch table, of whose fitting rows the page holds only the first PART.
Report.table = (() => {
  const PART = 200;
  const collator = new Intl.Collator("en", { numeric: true });

  const compare = (column, sign) => (a, b) => {
    const [x, y] = [a, b].map((row) => row.cells[column].dataset.v ?? "");
    if (x === "" || y === "") return (x === "") - (y === ""); // unknown always last
    const apart = Number(x) - Number(y);
    return sign * (Number.isNaN(apart) ? collator.compare(x, y) : apart);
  };

  // Every head with a button sorts `rows`; `draw` shows them.
  const sortable = (table, rows, draw) => {
    const heads = Report.all("th[data-first]", table);
    heads.forEach((head) => head.querySelector("button").addEventListener("click", () => {
      const first = head.dataset.first, other = first === "descending" ? "ascending" : "descending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      heads.forEach((h) => h.setAttribute("aria-sort", h === head ? order : "none"));
      rows.sort(compare(head.cellIndex, order === "ascending" ? 1 : -1));
      draw();
    }));
  };

  const startResults = (table) => {
    const body = table.tBodies[0], rows = [...body.rows];
    sortable(table, rows, () => body.replaceChildren(...rows));
  };

  const start = (table) => {
    if (!document.getElementById("filter")) return; // one row
    const body = table.tBodies[0], rows = [...body.rows];
    const input = document.getElementById("filter"), show = document.getElementById("show"), shown = document.getElementById("shown");
    const more = document.getElementById("more");
    let fitting = rows, limit = PART;

    const draw = () => {
      const now = fitting.slice(0, limit), left = fitting.length - now.length;
      body.replaceChildren(...now);
      more.hidden = !left;
      more.textContent = `Show ${Math.min(left, PART)} more of ${left}`;
      const videos = rows.length === 1 ? "video" : "videos";
      const count = fitting.length === rows.length ? `${rows.length} ${videos}` : `${fitting.length} of ${rows.length} ${videos}`;
      shown.value = left ? `${count}, the first ${now.length} shown` : count;
    };
    more.addEventListener("click", () => { limit += PART; draw(); });

    const text = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
    const filter = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      fitting = rows.filter((row) => words.every((w) => text.get(row).includes(w))
        && (show.value === "all" || (show.value === "flagged") === (row.dataset.flags !== "none")));
      limit = PART;
      draw();
    };
    input.addEventListener("input", filter);
    show.addEventListener("change", filter);
    sortable(table, rows, filter);
    filter();
  };
  return { start, startResults };
})();
