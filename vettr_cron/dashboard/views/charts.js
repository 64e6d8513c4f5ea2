// What the timeline and the charts share: their width, their axis of time, the table behind each, and charts of lines.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../preact.js";
import { clock } from "../format.js";
import { Time } from "../parts.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const STEPS = [1, 2, 3, 6, 12, 24, 48, 72, 96, 168].map((hours) => hours * HOUR);
const PIXELS_PER_TICK = 70;

const hours = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekdays = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric" });
const dates = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** [ref, width]: the width in pixels of the element that gets the ref, at least `least`, and `least` until it is there. */
export function useWidth(least = 0) {
  const element = useRef(null);
  const [width, setWidth] = useState(least);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.max(least, Math.floor(entry.contentRect.width))));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}

/** The time that activity spans, in milliseconds: to now, not to the end of the bucket that is under way. */
export const timeOf = ({ since, until }) => ({ since: Date.parse(since), until: Math.min(Date.parse(until), Date.now()) });

/** [{ at, label }]: whole hours or days of the reader's zone between two times in milliseconds, as many as fit. */
export function timeTicks(since, until, width) {
  const step = STEPS.find((size) => (until - since) / size <= width / PIXELS_PER_TICK) ?? STEPS.at(-1);
  const days = until - since > 8 * DAY ? dates : weekdays;
  const first = new Date(since);
  const ticks = [];
  for (let day = 0; ; day += Math.max(1, step / DAY)) {
    // By the calendar, not by adding 24 hours: a day on which the clocks change is longer or shorter.
    for (let hour = 0; hour < 24; hour += step / HOUR) {
      const tick = new Date(first.getFullYear(), first.getMonth(), first.getDate() + day, hour);
      const at = tick.getTime();
      if (at > until) return ticks;
      if (at >= since && at !== ticks.at(-1)?.at) ticks.push({ at, label: (tick.getHours() ? hours : days).format(tick) });
    }
  }
}

/** What a chart shows, as a table, made only once it is opened: the headings `columns`, the first `texts` not numbers. */
export function Behind({ columns, rows, texts = 1 }) {
  const [isOpen, setIsOpen] = useState(false);
  const kind = (place) => (place < texts ? null : "number");
  return html`<details class="behind" onToggle=${(event) => setIsOpen(event.currentTarget.open)}>
    <summary>As a table</summary>
    ${isOpen && html`<div class="table" tabindex="0" role="group" aria-label="Table"><table>
      <thead><tr>${columns.map((name, place) => html`<th scope="col" class=${kind(place)}>${name}</th>`)}</tr></thead>
      <tbody>${rows().map((cells) => html`<tr>
        ${cells.map((cell, place) => html`<td class=${kind(place)}>${cell}</td>`)}</tr>`)}</tbody>
    </table></div>`}
  </details>`;
}

/** How the lines of a chart differ, by their place: in colour and in their dashes. */
const DASHES = [[], [6, 3], [2, 3]];
const HEIGHT = 180;

/**
 * A chart of lines over time.
 *
 * `series` is [{ label, points }], each point [time in seconds, value]; it has to be the same object until it changes.
 * `show` writes a value, `axis` a shorter one, `range(least, most)` is what the axis spans, `steps` are the distances
 * between its ticks, and `limit` is { value, label }, a line across the chart.
 */
export function LineChart({ title, series, since, until, show, axis = show, range, steps, limit }) {
  const [box, width] = useWidth();
  const theme = useTheme();
  const [pointed, setPointed] = useState(null); // place in the table, under the cursor
  const table = useMemo(() => joined(series), [series]);
  const place = pointed !== null && pointed < table[0].length ? pointed : null; // the table may have become shorter
  const isEmpty = table[0].length === 0;
  useEffect(() => {
    if (!width || isEmpty) return undefined;
    const drawn = { labels: series, since, until, axis, range, steps, limit, onCursor: setPointed };
    const plot = new window.uPlot(options(drawn, width), table, box.current);
    return () => plot.destroy();
  }, [table, width, theme, since, until, limit?.value]);
  return html`<section class="chart" aria-label=${title}>
    <div class="row"><h2>${title}</h2><span class="grow"></span>
      <span class="muted">${place !== null && clock(table[0][place] * 1000)}</span></div>
    <ul class="legend">
      ${series.map(({ label }, line) => html`<li><${Line} line=${line} />${label} <strong>${show(valueAt(table[line + 1], place))}</strong></li>`)}
      ${limit && html`<li class="muted"><${Line} line="limit" />${limit.label}</li>`}
    </ul>
    ${isEmpty && html`<p class="muted">Nothing in this time.</p>`}
    <div class="plot" ref=${box} role="img" aria-label=${inWords(title, series, show, limit)}></div>
    ${!isEmpty && html`<${Behind} columns=${["Time", ...series.map(({ label }) => label)]}
      rows=${() => rowsOf(table, show)} />`}
  </section>`;
}

function Line({ line }) {
  const style = line === "limit" ? line : line % DASHES.length;
  const dashes = DASHES[style] ?? [3, 3];
  return html`<svg class="line-swatch" width="22" height="8" aria-hidden="true">
    <line x1="0" x2="22" y1="4" y2="4" class="line-${style}" stroke-dasharray=${dashes.join(" ") || null} /></svg>`;
}

/** The latest value at a place of the table or before it; without a place the latest of all. */
function valueAt(values, place) {
  for (let at = place ?? values.length - 1; at >= 0; at -= 1) {
    if (values[at] !== null && values[at] !== undefined) return values[at];
  }
  return null;
}

const WIDE_GAPS = [0, 2]; // of uPlot.join: a line's gap reaches from its point before to its point after, whatever the others have there

/** [times, values of the first line, of the second, ...], as uPlot takes them. */
const joined = (series) => window.uPlot.join(series.map(({ points }) => columnsOf(points)), series.map(() => WIDE_GAPS));

/** [times, values], with a null where much more time than usual has passed, so that no line is drawn across it. */
function columnsOf(points) {
  const distances = points.slice(1).map(([at], before) => at - points[before][0]).sort((a, b) => a - b);
  const longest = 3 * (distances[distances.length >> 1] ?? 0);
  const times = [], values = [];
  for (const [at, value] of points) {
    if (times.length && at - times.at(-1) > longest) {
      times.push((at + times.at(-1)) / 2);
      values.push(null);
    }
    times.push(at);
    values.push(value);
  }
  return [times, values];
}

function rowsOf([times, ...lines], show) {
  return times.map((at, place) => [html`<${Time} at=${at * 1000} exact />`, ...lines.map((values) => show(values[place]))])
    .filter((_, place) => lines.some((values) => values[place] !== null && values[place] !== undefined))
    .reverse();
}

function inWords(title, series, show, limit) {
  const each = series.map(({ label, points }) => {
    const values = points.map(([, value]) => value);
    if (!values.length) return `${label}: nothing`;
    return `${label}: latest ${show(values.at(-1))}, from ${show(Math.min(...values))} to ${show(Math.max(...values))}`;
  });
  return `${title}. ${each.join("; ")}.${limit ? ` Line: ${limit.label}.` : ""}`;
}

function options({ labels, since, until, axis, range, steps, limit, onCursor }, width) {
  const stroke = colour("--muted");
  const grid = { stroke: colour("--line"), width: 1 };
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const ticks = timeTicks(since, until, width - 60);
  const labelOf = new Map(ticks.map(({ at, label }) => [at / 1000, label]));
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    // Charts with the same key show the same time under their cursors.
    cursor: { y: false, drag: { x: false, y: false }, sync: { key: "trends", scales: ["x", null] } },
    scales: { x: { range: () => [since / 1000, until / 1000] }, y: { range: (_, least, most) => range(least, most) } },
    series: [{}, ...labels.map((_, line) => ({
      stroke: colour(`--line-${line % DASHES.length}`), width: 2, dash: DASHES[line % DASHES.length], points: { size: 5 },
    }))],
    axes: [
      { stroke, grid, font, size: 26, gap: 4, ticks: { show: false }, splits: () => [...labelOf.keys()],
        values: (_, splits) => splits.map((at) => labelOf.get(at)) },
      { stroke, grid, font, ticks: { show: false }, ...(steps && { incrs: steps }),
        values: (_, splits) => splits.map(axis), size: (_, texts) => 14 + 7 * Math.max(3, ...(texts ?? []).map((text) => text.length)) },
    ],
    hooks: { setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)], drawAxes: limit ? [(plot) => drawLimit(plot, limit.value)] : [] },
  };
}

function drawLimit(plot, value) {
  const { ctx, bbox } = plot;
  const y = Math.round(plot.valToPos(value, "y", true));
  ctx.save();
  ctx.strokeStyle = colour("--limit");
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

/** A colour of style.css as a canvas takes it; light-dark() is resolved only where it is used. */
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Changes whenever the colours do: a canvas keeps those that it was drawn with. */
function useTheme() {
  const [theme, setTheme] = useState(0);
  useEffect(() => {
    const changed = () => setTheme((count) => count + 1);
    const observer = new MutationObserver(changed);
    const system = matchMedia("(prefers-color-scheme: dark)");
    observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    system.addEventListener("change", changed);
    return () => {
      observer.disconnect();
      system.removeEventListener("change", changed);
    };
  }, []);
  return theme;
}
