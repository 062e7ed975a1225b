"use strict";
// Sorting and filtering of the batch table. Of thousands of rows only the first PART that fit are in the page.
Report.table = (() => {
  const PART = 200;
  const start = (table) => {
    const body = table.tBodies[0], rows = [...body.rows];
    const heads = Report.all("th[data-kind]", table);
    const input = document.getElementById("filter"), show = document.getElementById("show"), shown = document.getElementById("shown");
    const more = document.getElementById("more");
    let fitting = rows, limit = PART;

    const draw = () => {
      const now = fitting.slice(0, limit), left = fitting.length - now.length;
      body.replaceChildren(...now);
      more.hidden = !left;
      more.textContent = `Show ${Math.min(left, PART)} more of ${left}`;
      const found = fitting.length === rows.length ? `${rows.length} videos` : `${fitting.length} of ${rows.length} videos`;
      shown.value = left ? `${found}, the first ${now.length} shown` : found;
    };
    more.addEventListener("click", () => { limit += PART; draw(); });
    const collator = new Intl.Collator("en", { numeric: true });

    const key = (row, column) => row.cells[column].dataset.v ?? "";
    const compare = (kind, column, sign) => (a, b) => {
      const x = key(a, column), y = key(b, column);
      if (x === "" || y === "") return (x === "") - (y === ""); // unknown always last
      return sign * (kind === "number" ? Number(x) - Number(y) : collator.compare(x, y));
    };
    heads.forEach((head) => head.querySelector("button").addEventListener("click", () => {
      const first = head.dataset.kind === "number" ? "descending" : "ascending";
      const other = first === "descending" ? "ascending" : "descending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      heads.forEach((h) => h.setAttribute("aria-sort", h === head ? order : "none"));
      rows.sort(compare(head.dataset.kind, head.cellIndex, order === "ascending" ? 1 : -1));
      filter();
    }));

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
    filter();
  };
  return { start };
})();
