// The chart of the overview: what the server drew becomes one that can be read point by point and zoomed. Drawing
// over some days asks for these days; the address says so, and the way back is the browser's.
(() => {
  "use strict";
  const HEIGHT = 240;
  const DAY = 86400;
  // Of how many points one has its moment below it, at least.
  const MARKED = { hour: [1, 2, 3, 6, 12, 24, 48], day: [1, 2, 7, 14, 28], week: [1, 2, 4, 8, 13, 26, 52], month: [1, 2, 3, 6, 12] };
  const MARK = 60; // pixels
  const WHOLE = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((each) => each * 10 ** power)).flat();
  const drawn = new WeakMap();

  // A canvas knows no variables, and no light-dark(): what the style sheet makes of a token is asked of an element.
  function token(name) {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  }

  // The moment as it is on the clock of the site, as if that were UTC: the chart then needs no time zone.
  const seconds = (at) => Date.parse(`${at.slice(0, 10)}T${at.slice(11, 16) || "00:00"}Z`) / 1000;
  const day = (moment) => new Date(moment * 1000).toISOString().slice(0, 10);

  // Of the interval that begins then.
  function lastDay(moment, interval) {
    if (interval === "week") return moment + 6 * DAY;
    if (interval !== "month") return moment;
    const date = new Date(moment * 1000);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0) / 1000;
  }

  function when(moment, interval, hours) {
    const date = new Date(moment * 1000);
    const time = date.toISOString().slice(11, 16);
    if (interval === "hour" && (hours <= 25 || time !== "00:00")) return time;
    const parts = interval === "month" ? { month: "short", year: "numeric" } : { day: "numeric", month: "short" };
    return date.toLocaleDateString("en-GB", { ...parts, timeZone: "UTC" });
  }

  function marks(chart, moments, interval) {
    const needed = (moments.length * MARK) / (chart.bbox.width / devicePixelRatio || chart.width);
    const every = MARKED[interval].find((each) => each >= needed) || Math.ceil(needed);
    return moments.filter((_, place) => place % every === 0);
  }

  function options(frame, said, moments) {
    const muted = token("--ink-muted");
    const axis = { stroke: muted, font: `12px ${getComputedStyle(document.body).fontFamily}`, grid: { stroke: token("--line"), width: 1 }, ticks: { show: false } };
    const whole = said.points.every((each) => Number.isInteger(each.value ?? 0) && Number.isInteger(each.before ?? 0));
    const compared = said.points.some((each) => each.before !== null);
    const shown = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en", { maximumFractionDigits: 2 }));
    return {
      width: frame.clientWidth,
      height: HEIGHT,
      padding: [12, 28, 0, 0],
      tzDate: (moment) => new Date((moment + new Date(moment * 1000).getTimezoneOffset() * 60) * 1000),
      cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
      legend: { show: false },
      scales: { x: { range: (_, low, high) => [low, high > low ? high : low + DAY] }, y: { range: (_, __, high) => [0, high > 0 ? high * 1.08 : 1] } },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 30,
          splits: (chart) => marks(chart, moments, said.interval),
          values: (_, shown) => shown.map((each) => when(each, said.interval, moments.length)),
        },
        { ...axis, size: 50, incrs: whole ? WHOLE : undefined, values: (_, splits) => splits.map(shown) },
      ],
      series: [
        {},
        {
          stroke: token("--chart"),
          fill: token("--chart-soft"),
          width: 2,
          points: { show: moments.length < 2, size: 6 },
        },
        { stroke: token("--chart"), width: 2, dash: [3, 4], points: { show: moments.length < 2, size: 6 } },
        ...(compared ? [{ stroke: token("--ink-faint"), width: 1.25, dash: [4, 4], points: { show: false } }] : []),
      ],
      hooks: { setSelect: [(chart) => zoom(frame, chart, said)], setCursor: [(chart) => tell(frame, chart, said, shown)], draw: [(chart) => note(chart, said)] },
    };
  }

  // The line through what is whole, and the one from there to what is there only in part.
  function lines(points) {
    const open = (place) => Boolean(points[place]?.open);
    return [
      points.map((each) => (each.open ? null : each.value)),
      points.map((each, place) => (open(place - 1) || open(place) || open(place + 1) ? each.value : null)),
    ];
  }

  // A thin line where something was noted.
  function note(chart, said) {
    const { ctx, bbox } = chart;
    ctx.save();
    ctx.strokeStyle = token("--warn-dot");
    ctx.lineWidth = devicePixelRatio;
    for (const [place, point] of said.points.entries()) {
      if (!point.notes.length) continue;
      const at = Math.round(chart.valToPos(chart.data[0][place], "x", true));
      ctx.beginPath();
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }

  // What is under the pointer. The table below says the same to who has none.
  function tell(frame, chart, said, shown) {
    const point = said.points[chart.cursor.idx];
    const tip = frame.querySelector(".chart__tip");
    tip.hidden = !point || chart.cursor.left < 0;
    if (tip.hidden) return;
    const told = [[said.label, point.value], ...(point.before === null ? [] : [["Before", point.before]])];
    const part = point.open && point.value !== null ? ["Only in part"] : [];
    const noted = [...part, ...point.notes].map((text) => ["em", text]);
    tip.replaceChildren(...[["strong", point.label], ...told.flatMap(([label, value]) => [["span", label], ["span", shown(value)]]), ...noted].map(([kind, text]) => Object.assign(document.createElement(kind), { textContent: text })));
    const at = chart.over.offsetLeft + chart.valToPos(chart.data[0][chart.cursor.idx], "x");
    const left = at + 14 + tip.offsetWidth > frame.clientWidth ? at - 14 - tip.offsetWidth : at + 14;
    tip.style.transform = `translate(${Math.max(0, left)}px, 8px)`;
  }

  function zoom(frame, chart, said) {
    if (chart.select.width < 6) return;
    const low = chart.posToVal(chart.select.left, "x");
    const high = chart.posToVal(chart.select.left + chart.select.width, "x");
    const within = chart.data[0].filter((moment) => moment >= low && moment <= high);
    if (!within.length) return;
    const from = day(within[0]);
    const to = day(lastDay(within.at(-1), said.interval));
    if (from === day(chart.data[0][0]) && to === day(lastDay(chart.data[0].at(-1), said.interval))) return;
    const address = new URL(frame.dataset.zoom, location.href);
    address.searchParams.set("from", from);
    address.searchParams.set("to", to);
    // As if one had followed a link of the page: htmx then knows the way back as well.
    window.htmx.ajax("GET", address.pathname + address.search, { source: frame, target: "#analytics", swap: "outerHTML" });
  }

  async function draw(frame) {
    if (drawn.has(frame) || !window.uPlot) return;
    drawn.set(frame, null);
    const answer = await fetch(new URL(frame.dataset.chart, location.href), { headers: { Accept: "application/json" } });
    if (!answer.ok || !frame.isConnected) return;
    const said = await answer.json();
    const moments = said.points.map((each) => seconds(each.at));
    const values = [moments, ...lines(said.points)];
    if (said.points.some((each) => each.before !== null)) values.push(said.points.map((each) => each.before));
    const canvas = document.createElement("div");
    canvas.setAttribute("aria-hidden", "true");
    canvas.className = "chart__canvas";
    const tip = document.createElement("div");
    tip.className = "chart__tip";
    tip.hidden = true;
    canvas.append(tip);
    frame.append(canvas);
    frame.classList.add("chart--drawn");
    const chart = new window.uPlot(options(frame, said, moments), values, canvas);
    drawn.set(frame, chart);
  }

  const all = () => document.querySelectorAll("[data-chart]");
  const drawAll = () => all().forEach(draw);

  // Colours are read when a chart is made, so another theme makes another chart.
  function redraw() {
    for (const frame of all()) {
      drawn.get(frame)?.destroy();
      frame.querySelector(".chart__canvas")?.remove();
      frame.classList.remove("chart--drawn");
      drawn.delete(frame);
    }
    drawAll();
  }

  new ResizeObserver(() => {
    for (const frame of all()) drawn.get(frame)?.setSize({ width: frame.clientWidth, height: HEIGHT });
  }).observe(document.body);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  document.addEventListener("htmx:load", drawAll);
  // What stands grey while it is asked for anew is told to who does not see that.
  document.addEventListener("htmx:beforeRequest", ({ detail }) => detail.target.setAttribute("aria-busy", "true"));
  document.addEventListener("htmx:afterRequest", ({ detail }) => detail.target.removeAttribute("aria-busy"));
  drawAll();
})();
