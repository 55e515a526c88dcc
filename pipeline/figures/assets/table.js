// The table of all fits: sorted, filtered, and ticked to lay curves over each other.
"use strict";

(() => {
  const block = document.getElementById("fits-data");
  if (!block) return;
  const { columns, rows, link, metric, champion } = JSON.parse(block.textContent);
  const FIRST = 100, MOST_CURVES = 12;
  const index = Object.fromEntries(columns.map((column, i) => [column.key, i]));
  const body = document.querySelector(".fits tbody");
  const search = document.getElementById("fits-search");
  const outcome = document.getElementById("fits-outcome");
  const counter = document.getElementById("fits-count");
  const more = document.getElementById("fits-more");
  const heads = [...document.querySelectorAll(".fits th[data-key]")];
  const haystack = rows.map((row) => columns.map((c, i) => (c.text ? row[i] : "")).join(" ").toLowerCase());
  const picked = new Set();
  let order = { key: "rank" in index ? "rank" : "best_val_loss", up: true }, all = false;

  function cell(column, value) {
    const td = document.createElement("td");
    if (column.number) td.className = "number";
    if (column.key === "outcome") td.className = value;
    if (column.key === "trial" && link) return td;
    td.textContent = value === null ? "–" : column.number ? written(column, value) : value;
    return td;
  }

  function written(column, value) {
    if (column.digits) return String(Number(value.toPrecision(column.digits)));
    return value.toLocaleString("en");
  }

  function line(i) {
    const row = rows[i];
    const tr = document.createElement("tr");
    if (champion && row[index.run_id] === champion) tr.className = "champion-row";
    const pick = document.createElement("td");
    pick.className = "pick";
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = picked.has(i);
    box.setAttribute("aria-label", "show the curve of " + row[index.trial]);
    box.addEventListener("change", () => toggle(i, box));
    pick.append(box);
    tr.append(pick);
    columns.forEach((column, c) => {
      if (column.hidden) return;
      const td = cell(column, row[c]);
      if (column.key === "trial" && link) {
        const anchor = document.createElement("a");
        anchor.href = link + encodeURIComponent(row[index.run_id]);
        anchor.target = "_blank";
        anchor.rel = "noreferrer";
        anchor.textContent = row[c];
        td.append(anchor);
      }
      tr.append(td);
    });
    return tr;
  }

  function compare(a, b) {
    const c = index[order.key], x = rows[a][c], y = rows[b][c];
    if (x === null || y === null) return (x === null) - (y === null) || a - b;
    const by = typeof x === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
    return (order.up ? by : -by) || a - b;
  }

  function show() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = outcome.value;
    const found = rows.map((_, i) => i)
      .filter((i) => (!wanted || rows[i][index.outcome] === wanted) && words.every((w) => haystack[i].includes(w)))
      .sort(compare);
    const shown = all ? found : found.slice(0, FIRST);
    body.replaceChildren(...shown.map(line));
    counter.textContent = `${found.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} fits`;
    more.hidden = shown.length === found.length;
    more.textContent = `Show all ${found.length.toLocaleString("en")}`;
    for (const head of heads) {
      if (head.dataset.key === order.key) head.setAttribute("aria-sort", order.up ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
  }

  for (const head of heads) {
    head.querySelector("button").addEventListener("click", () => {
      order = { key: head.dataset.key, up: order.key === head.dataset.key ? !order.up : true };
      show();
    });
  }
  search.addEventListener("input", show);
  outcome.addEventListener("change", show);
  more.addEventListener("click", () => { all = true; show(); });

  let curves;
  async function toggle(i, box) {
    if (box.checked && picked.size >= MOST_CURVES) { box.checked = false; return; }
    if (box.checked) picked.add(i); else picked.delete(i);
    const figure = document.getElementById("overlay");
    figure.hidden = picked.size === 0;
    if (!picked.size) return;
    curves ??= unpack("curves").then(JSON.parse);
    const known = await curves;
    const traces = [...picked].flatMap((number, n) => {
      const curve = known[rows[number][index.run_id]];
      if (!curve) return [];
      const name = `${rows[number][index.trial]} #${rows[number][index.execution]}`.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
      const hue = palette.series[n % palette.series.length];
      const x = curve.epoch;
      const common = { x, mode: "lines", legendgroup: name };
      const drawnCurves = [{ ...common, y: curve.score, name, line: { color: hue, width: 2.2 } }];
      if (curve.loss) drawnCurves.push({ ...common, y: curve.loss, showlegend: false, hoverinfo: "skip", line: { color: hue, width: 1, dash: "dot" } });
      return drawnCurves;
    });
    const layout = { template: palette.template, height: 380, xaxis: { title: { text: "epoch" } }, yaxis: { title: { text: metric } } };
    draw(figure.querySelector(".plot"), { data: traces, layout });
  }

  show();
})();
