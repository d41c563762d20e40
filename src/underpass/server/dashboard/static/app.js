// Says what happened, draws charts, and keeps what a reader has opened. Everything else is HTML.
"use strict";

(() => {
  const notice = () => document.getElementById("notice");

  document.body.addEventListener("notice", (event) => {
    const place = notice();
    place.textContent = event.detail.text;
    place.classList.toggle("bad", Boolean(event.detail.bad));
  });

  // A page that nobody looks at asks for nothing.
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const trigger = event.detail.requestConfig.triggeringEvent;
    if (event.detail.elt.id === "live" && document.hidden && !trigger) event.preventDefault();
  });

  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt.hasAttribute("data-leave") && event.detail.successful) location.assign("/dashboard");
  });

  document.body.addEventListener("htmx:sendError", () => {
    const place = notice();
    place.textContent = "The service does not answer. This page tries again.";
    place.classList.add("bad");
  });

  // What was open stays open when the live part is replaced.
  let open = new Set();
  document.body.addEventListener("htmx:beforeSwap", () => {
    open = new Set([...document.querySelectorAll("details[open]")].map((each) => each.id).filter(Boolean));
  });

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const brief = (value) =>
    value >= 1e6 ? `${+(value / 1e6).toFixed(1)}M` : value >= 1e3 ? `${+(value / 1e3).toFixed(1)}k` : `${value}`;
  const charts = new Set();

  function draw(place) {
    const data = JSON.parse(place.dataset.chart);
    const bars = (align) => uPlot.paths.bars({ size: [0.42, 22], align, radius: 0.15 });
    const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const series = (label, name, align) => ({
      label, fill: colour(name), stroke: colour(name), width: 0, paths: bars(align), points: { show: false },
      value: (_, value) => (value == null ? "–" : value.toLocaleString("en")),
    });
    const days = data.day;
    const chart = new uPlot(
      {
        width: Math.max(place.clientWidth, 200),
        height: 240,
        padding: [12, 8, 0, 0],
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"),
        cursor: { points: { show: false }, drag: { x: false, y: false } },
        scales: { x: { range: () => [days[0] - 43200, days[days.length - 1] + 43200] }, y: { range: (_, low, high) => [Math.min(low, 0), Math.max(high * 1.1, 1)] } },
        axes: [
          { ...axis, size: 30, grid: { show: false }, incrs: [86400, 172800, 604800, 2592000], space: 64, values: (_, splits) => splits.map((each) => new Date(each * 1e3).toLocaleDateString("en", { month: "short", day: "numeric", timeZone: "UTC" })) },
          { ...axis, size: 52, values: (_, splits) => splits.map(brief) },
        ],
        series: [
          { label: "Day", value: (_, value) => (value == null ? "–" : new Date(value * 1e3).toISOString().slice(0, 10)) },
          series("Direct calls", "--direct", -1),
          series("Programs", "--spent", 1),
        ],
      },
      [days, data.direct, data.spent],
      place,
    );
    charts.add({ chart, place });
  }

  function redraw(part) {
    for (const place of part.querySelectorAll("[data-chart]")) {
      place.replaceChildren();
      draw(place);
    }
  }

  function forget() {
    for (const each of charts) {
      if (!each.place.isConnected) {
        each.chart.destroy();
        charts.delete(each);
      }
    }
  }

  htmx.onLoad((part) => {
    for (const each of part.querySelectorAll("details[id]")) if (open.has(each.id)) each.open = true;
    forget();
    redraw(part);
  });

  addEventListener("resize", () => {
    for (const { chart, place } of charts) if (place.isConnected) chart.setSize({ width: Math.max(place.clientWidth, 200), height: 240 });
  });

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const each of charts) each.chart.destroy();
    charts.clear();
    redraw(document.body);
  });
})();
