// The calls of a day, week or month, a line for each job: how they went, which did not come, and the next one expected.
import { html, useMemo, useState } from "../preact.js";
import { usePolled } from "../api.js";
import { clock, number, plural, span, utc } from "../format.js";
import { jobTitle, Loaded, route, Time } from "../parts.js";
import { Behind, timeOf, timeTicks, useWidth } from "./charts.js";

const SECONDS = 15;
const LEAST_WIDTH = 3; // of a bar
const LEAST_DISTANCE = 4; // between the beginnings of two bars; buckets that are narrower than that are shown as one
const TITLE = 18, MARKS = 11, BARS = 34, AXIS = 22; // heights
const ROW = TITLE + MARKS + BARS + 4;
const NEXT_WIDTH = 8; // of the next expected call
const LEAST_AHEAD = 24, MOST_AHEAD = 0.12; // pixels, and share of the width, for what is after now
const REACH = 12; // how far beside a bar a pointer still finds it
const TIP_WIDTH = 270;
const HOUR = 3_600_000;

// How calls went, the worst first, each with a height and a mark of its own, so that no one has to tell colours apart.
const OUTCOMES = {
  failed: { word: "failed", height: 34, mark: "✕" },
  running: { word: "running", height: 24, mark: "▸" },
  skipped: { word: "skipped", height: 10 },
  "by-hand": { word: "by hand", height: 24, mark: "●" },
  completed: { word: "completed", height: 24 },
  missed: { word: "expected, but did not come", height: 34, mark: "?" },
  next: { word: "expected next", height: 24 },
};

/** `jobs` are those of the overview, which knows when the next call of each is expected. */
export function Timeline({ days, jobs }) {
  const polled = usePolled("activity", { days }, SECONDS);
  const next = Object.fromEntries(
    Object.entries(jobs).map(([key, { status }]) => [key, status.schedule ? Date.parse(status.schedule.next_call) : null]),
  );
  return html`<${Loaded} polled=${polled}>${(data) => html`<${Calls} data=${data} next=${next} />`}</${Loaded}>`;
}

function Calls({ data, next }) {
  const [box, width] = useWidth();
  const [hovered, setHovered] = useState(null); // [row, place]
  const [focused, setFocused] = useState(null);
  const scale = useMemo(() => scaleOf(timeOf(data), next, width), [data, width, ...Object.values(next)]);
  const rows = useMemo(() => (width ? layout(data, scale, next) : []), [data, scale]);
  const isEmpty = Object.values(data.jobs).every(({ calls, missed }) => !calls.length && !missed.length);
  // The same node is not compared again: hovering costs as little with hundreds of bars.
  const drawing = useMemo(
    () => html`<${Drawing} scale=${scale} rows=${rows} focused=${focused} onFocus=${setFocused} onHover=${setHovered} />`,
    [scale, rows, focused],
  );
  const shown = hovered ?? (focused?.isSeen ? focused.at : null);
  const item = shown && rows[shown[0]]?.items[shown[1]];
  return html`<div class="timeline">
    ${isEmpty && html`<p>No call came in this time. Have a scheduler call <code>/v1/cron/refresh-all</code>, every 15 minutes for
      example, or refresh the next chunk yourself, above.</p>`}
    <div class="strip" ref=${box}>
      ${width > 0 && drawing}
      ${item && html`<${Tip} item=${item} top=${(shown[0] + 1) * ROW} width=${width} />`}
    </div>
    <${Legend} rows=${rows} />
    ${!isEmpty && html`<${Behind} columns=${COLUMNS} texts=${2} rows=${() => tableOf(rows)} />`}
  </div>`;
}

/** Where times are drawn: from the left to `now`, in pixels, those that have been, and past it the next calls. */
function scaleOf({ since, until }, next, width) {
  const last = Math.max(...Object.values(next).filter((at) => at > until));
  if (last === -Infinity) return { since, until, now: width, width };
  const share = (last - until) / (until - since);
  const ahead = Math.min((width * share) / (1 + share) + NEXT_WIDTH, Math.max(width * MOST_AHEAD, LEAST_AHEAD));
  return { since, until, now: width - Math.max(ahead, LEAST_AHEAD), width };
}

/** [{ key, items }]: for each job what is drawn, by time, with its place in pixels. */
function layout(data, { since, until, now, width }, next) {
  const perPixel = (until - since) / now;
  const bucket = data.bucket_seconds * 1000;
  const size = bucket * Math.max(1, Math.ceil((LEAST_DISTANCE * perPixel) / bucket));
  const groupOf = (at) => Math.floor((Date.parse(at) - since + 1) / size);
  return Object.entries(data.jobs).map(([key, { calls, missed }]) => {
    const came = grouped(calls, ({ at }) => groupOf(at)).map(([group, of]) => summed(of, since + group * size, size));
    const items = [...came, ...holes(missed, came)].sort((a, b) => a.from - b.from);
    for (const item of items) {
      item.job = key;
      item.x = Math.max((item.from - since) / perPixel, 0);
      item.width = Math.max((Math.min(item.to ?? until, until) - item.from) / perPixel, item.outcome === "missed" ? 6 : LEAST_WIDTH);
      item.x = Math.min(item.x, now - item.width);
    }
    if (next[key] > until) {
      const x = Math.min(Math.max(now + 6, now + (next[key] - until) / perPixel), width - NEXT_WIDTH); // what is too far is at the edge
      items.push({ outcome: "next", job: key, from: next[key], to: next[key], x, width: NEXT_WIDTH });
    }
    return { key, items };
  });
}

function grouped(things, groupOf) {
  const groups = new Map();
  for (const thing of things) {
    const group = groupOf(thing);
    groups.set(group, [...(groups.get(group) ?? []), thing]);
  }
  return [...groups];
}

/** Several buckets as one; `start` and `size` say which calls it has: those that began there. */
function summed(buckets, start, size) {
  const sum = (name) => buckets.reduce((total, bucket) => total + bucket[name], 0);
  const counts = Object.fromEntries(
    ["calls", "completed", "failed", "skipped", "running", "by_hand", "stocks_processed", "stocks_failed"].map((name) => [name, sum(name)]),
  );
  const begins = buckets.map(({ first_at: at }) => Date.parse(at));
  const ends = buckets.filter(({ last_end: end }) => end).map(({ last_end: end }) => Date.parse(end));
  return {
    ...counts,
    longest: Math.max(...buckets.map(({ longest_seconds: seconds }) => seconds)),
    outcome: outcome(counts),
    from: Math.min(...begins),
    to: counts.running ? null : Math.max(...begins, ...ends), // null: it goes on
    since: start,
    until: start + size,
  };
}

function outcome({ calls, failed, running, skipped, by_hand: byHand }) {
  if (failed) return "failed";
  if (running) return "running";
  if (skipped === calls) return "skipped";
  return byHand === calls ? "by-hand" : "completed";
}

/** Expected calls that did not come, one hole for those between which no other call came. */
function holes(missed, came) {
  const callsBefore = (at) => came.filter(({ from }) => from < at).length;
  return grouped(missed.map(Date.parse).sort((a, b) => a - b), callsBefore).map(([, times]) => {
    const [from, to] = [times[0], times.at(-1)];
    return { outcome: "missed", missed: times.length, from, to, since: from - HOUR, until: to + HOUR }; // what came around it may say why
  });
}

/** What is to be told of a bar: [when, what]. */
function told(item) {
  const start = clock(item.from);
  if (item.outcome === "next") return [`expected at ${start}`, "the next call, by the schedule"];
  const end = item.to === null ? "now" : clock(item.to, new Date(item.from)); // the date only if it is another
  const when = end === clock(item.from, new Date(item.from)) ? start : `${start} – ${end}`;
  if (item.outcome === "missed") return [when, `${plural(item.missed, "expected call")} did not come`];
  const counts = [["completed", item.completed], ["failed", item.failed], ["skipped", item.skipped], ["running", item.running]]
    .filter(([, count]) => count).map(([word, count]) => `${number(count)} ${word}`).join(", ");
  const byHand = item.by_hand ? `; ${number(item.by_hand)} by hand` : "";
  const failing = item.stocks_failed ? ` (${number(item.stocks_failed)} failed)` : "";
  return [when, `${plural(item.calls, "call")}: ${counts}${byHand}; ${plural(item.stocks_processed, "stock")}${failing}; `
    + `longest call ${span(item.longest)}`];
}

const callsOf = ({ job, since, until }) => route(["calls"], {
  job: job.replaceAll("_", "-"), since: since && new Date(since).toISOString(), until: until && new Date(until).toISOString(),
});

function Drawing({ scale, rows, focused, onFocus, onHover }) {
  const { width } = scale;
  const height = rows.length * ROW + AXIS;
  const reachable = reachableBy(focused?.at, rows);
  const moved = (event) => {
    const to = neighbour(event.key, rows, reachable);
    if (!to) return;
    event.preventDefault();
    event.currentTarget.querySelector(`[data-place="${to}"]`).focus();
  };
  return html`<svg width=${width} height=${height} onKeyDown=${moved} onPointerLeave=${() => onHover(null)}
      role="group" aria-label="Calls over time. The arrow keys move between them.">
    <${Axis} ...${scale} height=${height} />
    ${rows.map(({ key, items }, row) => html`<g transform="translate(0 ${row * ROW})" role="group" aria-label=${jobTitle(key)}>
      <text y="13" class="job">${jobTitle(key)}</text>
      ${items.at(-1)?.outcome === "next" && html`<text x=${width} y="13" text-anchor="end" aria-hidden="true">${told(items.at(-1))[0]}</text>`}
      <line x2=${width} y1=${ROW - 3.5} y2=${ROW - 3.5} class="ground" />
      ${items.every(({ outcome: name }) => name === "next") && html`<text y=${TITLE + 28} class="muted">no calls</text>`}
      ${items.map((item, place) => html`<a href=${callsOf(item)} class="call ${item.outcome}" data-place="${row}-${place}"
          tabindex=${reachable?.[0] === row && reachable[1] === place ? 0 : -1} aria-label=${`${jobTitle(key)}, ${told(item).join(": ")}`}
          onFocus=${(event) => onFocus({ at: [row, place], isSeen: event.target.matches(":focus-visible") })}
          onBlur=${() => onFocus({ at: [row, place], isSeen: false })}
          onPointerEnter=${() => onHover([row, place])}>
        <${Hit} items=${items} place=${place} />
        <${Bar} item=${item} bottom=${ROW - 4} hasMark=${hasRoom(items, place)} /></a>`)}
    </g>`)}
  </svg>`;
}

function Axis({ since, until, now, width, height }) {
  const x = (at) => ((at - since) / (until - since)) * now;
  const bottom = height - AXIS;
  return html`<g class="axis" aria-hidden="true">
    ${timeTicks(since, until, now).map(({ at, label }) => html`<line x1=${x(at)} x2=${x(at)} y1=${TITLE} y2=${bottom + 4} />
      ${x(at) > 24 && x(at) < now - 48 && html`<text x=${x(at)} y=${bottom + 17} text-anchor="middle">${label}</text>`}`)}
    <line x1=${now} x2=${now} y1=${TITLE} y2=${bottom + 4} class="now" />
    <text x=${now} y=${bottom + 17} text-anchor=${now < width ? "middle" : "end"}>now</text>
  </g>`;
}

/** Where a pointer finds a bar: up to half of the way to its neighbours. */
function Hit({ items, place }) {
  const { x, width } = items[place];
  const before = items[place - 1], after = items[place + 1];
  const left = Math.max(x - REACH, before ? Math.min((before.x + before.width + x) / 2, x) : 0);
  const right = Math.min(x + width + REACH, after ? Math.max((x + width + after.x) / 2, x + LEAST_WIDTH) : Infinity);
  return html`<rect class="hit" x=${left} y=${TITLE - 2} width=${Math.max(right - left, LEAST_WIDTH)} height=${MARKS + BARS + 4} rx="2" />`;
}

function Bar({ item, bottom, hasMark }) {
  const { height, mark } = OUTCOMES[item.outcome];
  const inset = ["missed", "running", "next"].includes(item.outcome) ? 0.75 : 0; // its line is drawn around it
  return html`<rect class="body" x=${item.x + inset} y=${bottom - height + inset} width=${item.width - 2 * inset} height=${height - 2 * inset} rx="1" />
    ${mark && hasMark && html`<text class="mark" x=${item.x + item.width / 2} y=${bottom - height - 2} text-anchor="middle">${mark}</text>`}`;
}

/** Marks that would overlap are left out; the heights still tell. */
function hasRoom(items, place) {
  const before = items.slice(0, place).findLast(({ outcome: name }) => OUTCOMES[name].mark);
  return !before || before.outcome !== items[place].outcome || items[place].x - before.x >= 10;
}

/** The one bar that the tab key reaches: the one last focused, or the newest that came. */
function reachableBy(at, rows) {
  if (at && rows[at[0]]?.items[at[1]]) return at;
  const row = rows.findIndex(({ items }) => items.length);
  if (row < 0) return null;
  const { items } = rows[row];
  return [row, Math.max(items.findLastIndex(({ outcome: name }) => name !== "next"), 0)];
}

/** "row-place" of the bar that a key leads to, or undefined. */
function neighbour(key, rows, at) {
  if (!at) return undefined;
  const [row, place] = at;
  const { items } = rows[row];
  const within = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: items.length - 1 }[key];
  if (within !== undefined) return items[within] && `${row}-${within}`;
  const other = { ArrowUp: row - 1, ArrowDown: row + 1 }[key];
  if (!rows[other]?.items.length) return undefined;
  const distance = (item) => Math.abs(item.from - items[place].from);
  const nearest = rows[other].items.reduce((best, item, at, all) => (distance(item) < distance(all[best]) ? at : best), 0);
  return `${other}-${nearest}`;
}

function Tip({ item, top, width }) {
  const [when, what] = told(item);
  const size = Math.min(TIP_WIDTH, width);
  const left = Math.min(Math.max(item.x + item.width / 2 - size / 2, 0), width - size);
  return html`<div class="tip" style=${{ left: `${left}px`, top: `${top}px`, width: `${size}px` }} aria-hidden="true">
    <strong>${when}</strong> <span class="muted">${jobTitle(item.job)}</span>
    <p>${what}</p>
    <p class="muted">${utc(item.from)}; click for the calls${item.outcome === "missed" ? " around it" : item.outcome === "next" ? " before it" : ""}</p>
  </div>`;
}

/** What the marks mean, of those that are there. */
function Legend({ rows }) {
  const there = new Set(rows.flatMap(({ items }) => items.map((item) => item.outcome)));
  return html`<ul class="legend">
    ${Object.entries(OUTCOMES).filter(([name]) => there.has(name)).map(([name, { word }]) => html`<li>
      <svg width="12" height="46" viewBox="0 0 12 46" class="call ${name}" aria-hidden="true">
        <${Bar} item=${{ outcome: name, x: 2, width: 8 }} bottom=${46} hasMark=${true} /></svg>${word}</li>`)}
  </ul>`;
}

const COLUMNS = ["Time", "Job", "Calls", "Completed", "Failed", "Skipped", "Running", "By hand", "Stocks", "Failed stocks", "Longest"];

function tableOf(rows) {
  const items = rows.flatMap(({ items: of }) => of).sort((a, b) => b.from - a.from);
  return items.map((item) => [
    html`<a href=${callsOf(item)}><${Time} at=${item.from} exact /></a>`,
    jobTitle(item.job),
    ...(item.outcome === "missed" || item.outcome === "next"
      ? [item.outcome === "next" ? "expected" : `${number(item.missed)} did not come`, ...Array(8).fill("–")]
      : [item.calls, item.completed, item.failed, item.skipped, item.running, item.by_hand, item.stocks_processed, item.stocks_failed]
        .map(number).concat(span(item.longest))),
  ]);
}
