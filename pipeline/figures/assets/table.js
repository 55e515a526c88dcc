// The table of all trials: sorted, filtered, unfolded into fits, ticked to lay curves over each other.
"use strict";

(() => {
  const block = document.getElementById("fits-data");
  if (!block) return;
  const { columns, inner, rows, link, metric } = JSON.parse(block.textContent);
  const MOST_CURVES = 12;
  const index = Object.fromEntries(columns.map((column, i) => [column.key, i]));
  const body = document.querySelector(".fits tbody");
  const search = document.getElementById("fits-search");
  const counter = document.getElementById("fits-count");
  const more = document.getElementById("fits-more");
  const heads = [...document.querySelectorAll(".fits th[data-key]")];
  const haystack = rows.map((row) => row.cells.map((cell) => cell[1])
    .concat(row.fits.map((fit) => `${fit.run} ${fit.cells.join(" ")}`)).join(" ").toLowerCase());
  const cut = rows.filter((row) => row.cut).length;
  const picked = new Map(), open = new Set();
  let order = { key: "place", up: true }, all = false;

  function make(name, text, className) {
    const found = document.createElement(name);
    if (text !== undefined) found.textContent = text;
    if (className) found.className = className;
    return found;
  }

  function tick(run, label) {
    const td = make("td", undefined, "pick"), box = make("input");
    box.type = "checkbox";
    box.checked = picked.has(run);
    box.setAttribute("aria-label", `show the curve of ${label}`);
    box.addEventListener("change", () => toggle(run, label, box));
    td.append(box);
    return td;
  }

  function anchor(text, run) {
    if (!link) return document.createTextNode(text);
    const found = make("a", text);
    found.href = link + encodeURIComponent(run);
    found.target = "_blank";
    found.rel = "noreferrer";
    return found;
  }

  function line(row, i) {
    const tr = make("tr", undefined, row.champion ? "champion-row" : "");
    const name = row.cells[index.trial][1];
    tr.append(tick(row.run, name));
    columns.forEach((column, c) => {
      const td = make("td", undefined, column.number ? "number" : column.key === "why" ? "wrap" : "");
      if (column.key === "trial") {
        const fold = make("button", `${open.has(i) ? "▾" : "▸"} ${name}`, "fold");
        fold.type = "button";
        fold.setAttribute("aria-expanded", open.has(i));
        fold.addEventListener("click", () => { if (!open.delete(i)) open.add(i); show(); });
        td.append(fold);
      } else td.textContent = row.cells[c][1];
      tr.append(td);
    });
    return open.has(i) ? [tr, fits(row, name)] : [tr];
  }

  function fits(row, name) {
    const tr = make("tr", undefined, "inner"), td = make("td"), table = make("table"), head = make("tr");
    td.colSpan = columns.length + 1;
    head.append(make("th"), ...inner.map((text) => make("th", text)));
    table.append(head, ...row.fits.map((fit) => {
      const own = make("tr");
      own.append(tick(fit.run, `${name} #${fit.cells[0]}`), ...fit.cells.map((text, c) => {
        const cell = make("td");
        cell.append(c ? document.createTextNode(text) : anchor(`#${text}`, fit.run));
        return cell;
      }));
      return own;
    }));
    td.append(table);
    tr.append(td);
    return tr;
  }

  function compare(a, b) {
    const c = index[order.key], x = rows[a].cells[c][0], y = rows[b].cells[c][0];
    if (x === null || y === null) return (x === null) - (y === null) || a - b;
    const by = typeof x === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
    return (order.up ? by : -by) || a - b;
  }

  function show() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = rows.map((_, i) => i).filter((i) => words.every((w) => haystack[i].includes(w))).sort(compare);
    const shown = all || words.length ? found : found.filter((i) => rows[i].head || rows[i].champion);
    body.replaceChildren(...shown.flatMap((i) => line(rows[i], i)));
    counter.textContent = `${shown.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} trials${cut ? `, ${cut.toLocaleString("en")} cut` : ""}`;
    const hidden = found.length - shown.length;
    more.hidden = hidden === 0;
    more.textContent = `Show ${hidden.toLocaleString("en")} trials at other rates`;
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
  more.addEventListener("click", () => { all = true; show(); });

  let curves;
  async function toggle(run, label, box) {
    if (box.checked && picked.size >= MOST_CURVES) { box.checked = false; return; }
    if (box.checked) picked.set(run, label); else picked.delete(run);
    const figure = document.getElementById("overlay");
    figure.hidden = picked.size === 0;
    if (!picked.size) return;
    curves ??= unpack("curves").then(JSON.parse);
    const known = await curves;
    const traces = [...picked].flatMap(([id, text], n) => {
      const curve = known[id];
      if (!curve) return [];
      const name = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
      const hue = palette.series[n % palette.series.length];
      const common = { x: curve.epoch, mode: "lines", legendgroup: name };
      const drawnCurves = [{ ...common, y: curve.score, name, line: { color: hue, width: 2.2 } }];
      if (curve.loss) drawnCurves.push({ ...common, y: curve.loss, showlegend: false, hoverinfo: "skip", line: { color: hue, width: 1, dash: "dot" } });
      return drawnCurves;
    });
    const layout = { template: palette.template, height: 380, xaxis: { title: { text: "epoch" } }, yaxis: { title: { text: metric } } };
    draw(figure.querySelector(".plot"), { data: traces, layout });
  }

  show();
})();
