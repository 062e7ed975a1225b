"use strict";
// Sorting and filtering of the batch table.
Report.table = (() => {
  const start = (table) => {
    const body = table.tBodies[0], rows = [...body.rows];
    const heads = Report.all("th[data-kind]", table);
    const input = document.getElementById("filter"), show = document.getElementById("show"), shown = document.getElementById("shown");
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
      body.append(...rows.sort(compare(head.dataset.kind, head.cellIndex, order === "ascending" ? 1 : -1)));
    }));

    const filter = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase(), flagged = row.dataset.flags !== "none";
        const fits = words.every((w) => text.includes(w)) && (show.value === "all" || (show.value === "flagged") === flagged);
        row.hidden = !fits;
        count += fits;
      }
      shown.value = count === rows.length ? `${count} videos` : `${count} of ${rows.length} videos`;
    };
    input.addEventListener("input", filter);
    show.addEventListener("change", filter);
    filter();
  };
  return { start };
})();
