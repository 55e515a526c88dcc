// Draws each plot when it comes into view, in the colours of the reader's system.
"use strict";

const data = (id) => JSON.parse(document.getElementById(id).textContent);
const palette = data("palette");
const dark = matchMedia("(prefers-color-scheme: dark)");
const narrow = matchMedia("(max-width: 760px)");
const drawn = new Map(), MOST_TICKS = 7;
let printing = false;

function bytes(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const binary = atob(base64);
  const found = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) found[i] = binary.charCodeAt(i);
  return found;
}

async function unpack(id) {
  const stream = new Blob([bytes(document.getElementById(id).textContent)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

let library;
function plotly() {
  library ??= unpack("plotly").then((code) => {
    const script = document.createElement("script");
    script.nonce = document.getElementById("plots-script").nonce;
    script.textContent = code;
    document.head.append(script);
    return window.Plotly;
  });
  return library;
}

function colour(text) {
  const isDark = dark.matches && !printing;
  if (text === palette.paper) return isDark ? palette.dark[text] : text;
  if (!isDark) return text;
  if (text in palette.dark) return palette.dark[text];
  const parts = /^rgba\((\d+),(\d+),(\d+),([\d.]+)\)$/.exec(text);
  if (!parts) return text;
  const hex = "#" + parts.slice(1, 4).map((n) => (+n).toString(16).padStart(2, "0")).join("");
  const twin = palette.dark[hex];
  if (!twin) return text;
  const rgb = [1, 3, 5].map((i) => parseInt(twin.slice(i, i + 2), 16));
  return `rgba(${rgb.join(",")},${parts[4]})`;
}

function recolour(value) {
  if (typeof value === "string") return colour(value);
  if (Array.isArray(value)) return value.map(recolour);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, key === "bdata" ? item : recolour(item)]));
  }
  return value;
}

function fitted(figure) {
  const { data, layout } = recolour(figure);
  layout.autosize = true;
  layout.margin = { ...(layout.margin ?? {}), t: layout.margin?.t ?? (layout.showlegend === false ? 10 : 34) };
  if (narrow.matches) fitPhone(data, layout);
  return { data, layout };
}

function fitPhone(data, layout) {
  layout.font = { size: 11 };
  layout.margin = { ...layout.margin, l: 46, r: 8 };
  layout.legend = { ...layout.legend, font: { size: 10 }, itemwidth: 30 };
  layout.annotations = (layout.annotations ?? []).filter((note) => note.name !== "roomy");
  const { ticktext, tickvals } = layout.xaxis ?? {};
  if (ticktext?.length > MOST_TICKS) { // every second, third, ...: turned text is not read
    const step = Math.ceil(ticktext.length / MOST_TICKS), kept = (_, i) => i % step === 0;
    layout.xaxis = { ...layout.xaxis, ticktext: ticktext.filter(kept), tickvals: tickvals.filter(kept) };
  }
}

async function draw(box, figure) {
  const Plotly = await plotly();
  const { data, layout } = fitted(figure);
  if (layout.meta?.aspect) {
    layout.width = Math.min(layout.meta.most, box.clientWidth);
    layout.height = Math.round(layout.width * layout.meta.aspect);
    box.style.height = `${layout.height}px`;
  }
  const options = { responsive: true, displaylogo: false, displayModeBar: false, doubleClick: "reset" };
  await Plotly.react(box, data, layout, options);
  box.querySelector(".waiting")?.remove();
  box.dataset.drawn = "yes";
  drawn.set(box, figure);
}

function drawNamed(box) {
  return draw(box, data(box.dataset.figure));
}

const boxes = [...document.querySelectorAll(".plot[data-figure]")];
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    drawNamed(entry.target);
  }
}, { rootMargin: "600px 0px" });
// The words first: the library is unpacked once the page has been painted.
requestAnimationFrame(() => setTimeout(() => boxes.forEach((box) => seen.observe(box))));

addEventListener("beforeprint", () => document.querySelectorAll("#search details").forEach((one) => { one.open = true; }));
const again = () => Promise.all([...drawn].map(([box, figure]) => draw(box, figure)));
dark.addEventListener("change", again);
narrow.addEventListener("change", again);
addEventListener("beforeprint", () => {
  printing = true;
  for (const box of boxes) drawNamed(box);
});
addEventListener("afterprint", () => {
  printing = false;
  again();
});

for (const button of document.querySelectorAll(".command button")) {
  button.addEventListener("click", async () => {
    const text = button.previousElementSibling.textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(button.previousElementSibling);
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}
