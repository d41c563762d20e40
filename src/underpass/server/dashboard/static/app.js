// Follows the page, says what happened, draws charts, and keeps what a reader has opened. All else is HTML.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const live = byId("live");

  function say(text, bad) {
    const place = byId("notice");
    place.textContent = text;
    place.classList.toggle("bad", Boolean(bad));
  }

  document.body.addEventListener("notice", (event) => {
    say(event.detail.text, event.detail.bad);
    if (event.detail.bad) byId("notice").scrollIntoView({ block: "nearest" });
  });

  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt.hasAttribute("data-leave") && event.detail.successful) location.assign("/dashboard");
  });

  document.body.addEventListener("htmx:sendError", () => say("The service does not answer. Try again in a moment.", true));

  // The live part. Only the sections that differ are replaced: what a reader has opened, marked or typed stays.
  let source = null;
  let sections = [...live.children].map((each) => each.outerHTML);

  function patch(html) {
    const made = document.createElement("template");
    made.innerHTML = html;
    const fresh = [...made.content.children];
    const wanted = fresh.map((each) => each.outerHTML);
    let start = 0;
    while (start < Math.min(sections.length, wanted.length) && sections[start] === wanted[start]) start += 1;
    let end = 0;
    while (end < Math.min(sections.length, wanted.length) - start && sections.at(-1 - end) === wanted.at(-1 - end)) end += 1;
    const old = [...live.children].slice(start, sections.length - end);
    const kept = keep(old);
    const next = live.children[sections.length - end] ?? null;
    const put = fresh.slice(start, wanted.length - end);
    for (const each of old) each.remove();
    for (const each of put) live.insertBefore(each, next);
    sections = wanted;
    for (const each of put) htmx.process(each);
    restore(put, kept);
    forget();
    for (const each of put) redraw(each);
  }

  const inside = (parts, chosen) => parts.flatMap((part) => [part, ...part.querySelectorAll(chosen)].filter((each) => each.matches(chosen)));

  function keep(parts) {
    const focus = document.activeElement;
    return {
      open: new Set(inside(parts, "details[open][id]").map((each) => each.id)),
      typed: new Map(inside(parts, "input[id], select[id], textarea[id]").map((each) => [each.id, [each.value, each.checked]])),
      scrolled: new Map(inside(parts, "[tabindex][aria-label]").map((each) => [each.getAttribute("aria-label"), [each.scrollLeft, each.scrollTop]])),
      focus: parts.some((each) => each.contains(focus)) ? [focus.id, focus.getAttribute("aria-label")] : null,
    };
  }

  function restore(parts, kept) {
    for (const each of inside(parts, "details[id]")) if (kept.open.has(each.id)) each.open = true;
    for (const each of inside(parts, "input[id], select[id], textarea[id]")) {
      if (kept.typed.has(each.id)) [each.value, each.checked] = kept.typed.get(each.id);
    }
    for (const each of inside(parts, "[tabindex][aria-label]")) {
      const [left, top] = kept.scrolled.get(each.getAttribute("aria-label")) ?? [0, 0];
      each.scrollLeft = left;
      each.scrollTop = top;
    }
    if (!kept.focus) return;
    const [id, label] = kept.focus;
    const again = (id && byId(id)) || (label && inside(parts, "[tabindex][aria-label]").find((each) => each.getAttribute("aria-label") === label));
    (again || byId("main")).focus({ preventScroll: true });
  }

  function take(told) {
    live.dataset.seen = told.seen;
    live.dataset.sign = told.sign;
    patch(told.html);
    const waiting = byId("waiting");
    waiting.hidden = !told.waiting;
    waiting.firstChild.data = told.waiting;
  }

  function linked(state) {
    const place = byId("link");
    place.hidden = false;
    place.className = `link ${state}`;
    place.textContent = { live: "live", away: "reconnecting", ended: "not live" }[state];
  }

  // A page that nobody looks at follows nothing: it costs the service nothing, and the browser no connection.
  function follow() {
    if (source || document.hidden || !byId("link")) return;
    const address = new URL(location.href);
    address.hash = "";
    address.searchParams.set("seen", live.dataset.seen);
    address.searchParams.set("sign", live.dataset.sign);
    source = new EventSource(address);
    source.addEventListener("open", () => linked("live"));
    source.addEventListener("part", (event) => take(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      const ended = source.readyState === EventSource.CLOSED;
      linked(ended ? "ended" : "away");
      if (ended) say("This page is no longer live: the service has ended, or your session has. Load it again.", true);
    });
  }

  function leave() {
    source?.close();
    source = null;
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : follow()));
  addEventListener("pagehide", leave);
  addEventListener("pageshow", follow);

  const current = document.querySelector(".top [aria-current]");
  current?.closest("ul").parentElement.scrollTo({ left: current.offsetLeft - 24 });

  // After an action nobody should have to wait for the next look.
  document.body.addEventListener("refresh", async () => {
    const answer = await fetch(location.href, { headers: { "X-Part": live.dataset.seen } }).catch(() => null);
    if (answer?.status === 200) take(await answer.json());
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

  redraw(live);

  addEventListener("resize", () => {
    for (const { chart, place } of charts) if (place.isConnected) chart.setSize({ width: Math.max(place.clientWidth, 200), height: 240 });
  });

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const each of charts) each.chart.destroy();
    charts.clear();
    redraw(document.body);
  });
})();
