"""The one script of a page: it lets a reader sort and filter the tables that may be. Without it they are plain."""

from __future__ import annotations

from typing import Final

# Only text and attributes are set, so that what a table holds stays text.
PAGE_SCRIPT: Final = """
"use strict";
for (const table of document.querySelectorAll("table[data-rows]")) {
  const body = table.tBodies[0], rows = Array.from(body.rows), what = table.dataset.rows;
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const tools = document.createElement("div"), label = document.createElement("label");
  const input = document.createElement("input"), count = document.createElement("output");
  tools.className = "tools";
  label.append("Filter " + what + ": ", input);
  input.type = "search";
  input.spellcheck = false;
  tools.append(label, count);
  table.parentElement.before(tools);
  const filter = () => {
    const words = input.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, at) => {
      row.hidden = !words.every((word) => texts[at].includes(word));
      shown += row.hidden ? 0 : 1;
    });
    count.value = words.length ? shown + " of " + rows.length : "";
  };
  input.addEventListener("input", filter);
  const headers = Array.from(table.tHead.rows[0].cells);
  const value = (row, at) => {
    const cell = row.cells[at];
    if (cell.querySelector(".unknown")) return null;
    return "order" in cell.dataset ? Number(cell.dataset.order) : cell.textContent.trim();
  };
  const compare = (one, other) =>
    typeof one === "number" && typeof other === "number" ? one - other
      : String(one).localeCompare(String(other), "en", { numeric: true });
  headers.forEach((header, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const sign = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of headers) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const keyed = Array.from(body.rows, (row) => [value(row, at), row]);
      keyed.sort(([one], [other]) =>
        one === null || other === null ? (one === null) - (other === null) : sign * compare(one, other));
      body.append(...keyed.map(([, row]) => row));
    });
  });
}
"""
