// Draws the overview's charts from the figures that the page carries.
"use strict";

const carried = () => document.getElementById("chart-data")?.textContent ?? '{"at": []}'; // none yet
let drawn = carried();
let figures = JSON.parse(drawn);
const hourly = figures.at.length > 1 && figures.at[1] - figures.at[0] < 86400;
const dark = window.matchMedia("(prefers-color-scheme: dark)");
let charts = [];

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const capital = (name) => name[0].toUpperCase() + name.slice(1);

function moment(seconds) {
  const text = new Date(seconds * 1000).toISOString();
  return hourly ? text.slice(11, 16) : text.slice(5, 10);
}

function draw(box) {
  const names = box.dataset.chart.split(" ");
  const bars = names.length === 1;
  const axis = {
    stroke: color("soft"),
    grid: { stroke: color("line"), width: 1 },
    ticks: { stroke: color("line"), width: 1 },
    font: "12px system-ui, sans-serif",
  };
  const series = names.map((name) => ({
    label: capital(name),
    stroke: color(`chart-${name}`),
    fill: bars ? color(`chart-${name}`) : undefined,
    width: bars ? 0 : 2,
    paths: bars ? uPlot.paths.bars({ size: [0.7, 40] }) : undefined,
    points: { show: !bars && figures.at.length < 32, size: 6 },
    value: (_, value) => (value === null ? "–" : value.toLocaleString("en", { maximumFractionDigits: 2 })),
  }));
  return new uPlot(
    {
      width: box.clientWidth,
      height: 240,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      scales: {
        x: { range: (_, min, max) => (bars ? [min - gap() / 2, max + gap() / 2] : [min, max]) },
        y: { range: (_, min, max) => [Math.min(min, 0), Math.max(max * 1.1, 1)] },
      },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map(moment), space: 56 },
        { ...axis, values: (_, ticks) => ticks.map((tick) => tick.toLocaleString("en")), size: room },
      ],
      series: [{ label: "UTC", value: (_, at) => (at === null ? "–" : moment(at)) }, ...series],
    },
    [figures.at, ...names.map((name) => figures[name])],
    box,
  );
}

// The room for the labels of the upright axis, however large the numbers are.
function room(_, labels) {
  const longest = Math.max(...(labels ?? []).map((label) => label.length), 4);
  return 24 + 7 * longest;
}

function gap() {
  return figures.at[1] - figures.at[0];
}

function drawAll() {
  for (const chart of charts) chart.destroy();
  charts = [...document.querySelectorAll(".chart")].map(draw);
}

drawAll();
dark.addEventListener("change", drawAll);
document.addEventListener("refreshed", () => {
  if (carried() === drawn) return;
  drawn = carried();
  figures = JSON.parse(drawn);
  drawAll();
});
new ResizeObserver(() => {
  for (const chart of charts) {
    const width = chart.root.parentElement.clientWidth;
    if (width !== chart.width) chart.setSize({ width, height: 240 });
  }
}).observe(document.getElementById("main"));
