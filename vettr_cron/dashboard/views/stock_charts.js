// A stock's results over time: its score as a line, its flags as bars, each with what is pointed at and a table behind.
import { html, useState } from "../preact.js";
import { number } from "../format.js";
import { Time } from "../parts.js";
import { useWidth } from "./charts.js";
import { Severity, severityOf } from "./stock_flags.js";
import { words } from "./stock_score.js";

const HEIGHT = 190, LEFT = 30, RIGHT = 8, TOP = 8, BOTTOM = 22; // pixels
const LEAST_WIDTH = 200;
const ROW = 40; // of one flag
const TICKS = [0, 25, 50, 75, 100];
const DAY = 86_400_000;

// A snapshot is of a day in UTC, whatever the reader's zone.
const days = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const wholeDays = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });

export function ScoreChart({ days: newestFirst }) {
  const known = newestFirst.filter(({ at, score }) => Number.isFinite(Date.parse(at)) && Number.isFinite(score)).reverse();
  const [frame, width] = useWidth(LEAST_WIDTH);
  const [place, setPlace] = useState(null); // of the day that is pointed at
  if (!known.length) return html`<figure ref=${frame} class="muted">No score yet. Each day's last one is kept: refresh the stock.</figure>`;
  const [first, last] = [known[0], known.at(-1)].map(({ at }) => Date.parse(at));
  const x = ({ at }) => LEFT + ((Date.parse(at) - first) / Math.max(last - first, DAY)) * (width - LEFT - RIGHT);
  const y = (score) => TOP + (1 - Math.min(100, Math.max(0, score)) / 100) * (HEIGHT - TOP - BOTTOM);
  const shown = known[place] ?? known.at(-1);
  return html`<figure ref=${frame}>
    <p class="reading" aria-live="polite"><strong>${number(shown.score)}</strong> on ${wholeDays.format(Date.parse(shown.at))}${shown.price !== null
      && `, at a price of ${number(shown.price)}`}</p>
    <${Plot} width=${width} height=${HEIGHT} label="Score of each day, ${span(known)}" points=${known.map(x)} place=${place} onPlace=${setPlace}>
      ${TICKS.map((tick) => html`<line class="grid" x1=${LEFT} x2=${width - RIGHT} y1=${y(tick)} y2=${y(tick)} />
        <text class="tick" x=${LEFT - 6} y=${y(tick) + 4} text-anchor="end">${tick}</text>`)}
      ${datesOf(known, width).map((day) => html`<text class="tick" x=${x(day)} y=${HEIGHT - 6} text-anchor=${anchor(day, known)}>
        ${days.format(Date.parse(day.at))}</text>`)}
      <polyline class="line" points=${known.map((day) => `${x(day)},${y(day.score)}`).join(" ")} />
      <circle class="dot" cx=${x(shown)} cy=${y(shown.score)} r="4" />
    </${Plot}>
    <details><summary>As a table</summary><div class="table tall" tabindex="0" role="group" aria-label="Scores by day"><table>
      <thead><tr><th>Day (UTC)</th><th class="number">Score</th><th class="number">Price</th>
        ${PILLARS.map((name) => html`<th class="number">${words(name)}</th>`)}</tr></thead>
      <tbody>${newestFirst.map((day) => html`<tr key=${day.at}><td>${wholeDay(day.at)}</td><td class="number">${number(day.score)}</td>
        <td class="number">${number(day.price)}</td>${PILLARS.map((name) => html`<td class="number">${number(day[name])}</td>`)}</tr>`)}</tbody>
    </table></div></details>
  </figure>`;
}

const PILLARS = ["financial_survival", "operational_efficiency", "shareholder_structure", "market_sentiment"];

const wholeDay = (at) => (Number.isNaN(Date.parse(at)) ? at : wholeDays.format(Date.parse(at)));
const span = (known) => `${known.length} from ${wholeDay(known[0].at)} to ${wholeDay(known.at(-1).at)}`;

/** The days whose dates have room: evenly spread, with the first and the last. */
function datesOf(known, width) {
  const most = Math.max(2, Math.min(known.length, Math.floor(width / 110)));
  const places = Array.from({ length: most }, (_, place) => Math.round((place * (known.length - 1)) / (most - 1)));
  return [...new Set(places)].map((place) => known[place]);
}

const anchor = (day, known) => (day === known.at(-1) && known.length > 1 ? "end" : day === known[0] ? "start" : "middle");

/** A row for each flag, a bar for each detection: as high as its score, in the colour of its severity. */
export function FlagsChart({ detections: newestFirst }) {
  const [frame, width] = useWidth(LEAST_WIDTH);
  const [place, setPlace] = useState(null);
  const known = newestFirst.toReversed();
  if (!known.length) return html`<figure ref=${frame} class="muted">No flags yet. Each refresh keeps what it finds: refresh the stock.</figure>`;
  const types = [...new Set(known.flatMap(({ flags }) => flags.map(({ flag_type: type }) => type)))].sort();
  const step = Math.min(24, (width - 2 * RIGHT) / known.length);
  const shown = known[place] ?? known.at(-1);
  const bar = (flag, column, row) => {
    const height = Math.max(1, (Math.min(100, flag.score ?? 0) / 100) * (ROW - 18));
    return html`<rect class="severity-${severityOf(flag.score ?? 0)}" x=${RIGHT + column * step + 0.5} y=${(row + 1) * ROW - height}
      width=${Math.max(1, step - 1.5)} height=${height} />`;
  };
  return html`<figure ref=${frame}>
    <p class="reading" aria-live="polite">${known.length > 1 && "Detected "}<${Time} at=${shown.at} exact />: ${raised(shown)}</p>
    <${Plot} width=${width} height=${types.length * ROW + 4} label="Red flags of ${number(known.length)} detections"
      points=${known.map((_, column) => RIGHT + (column + 0.5) * step)} place=${place} onPlace=${setPlace}>
      ${types.map((type, row) => html`<text class="tick" x=${RIGHT} y=${row * ROW + 14}>${words(type)}</text>
        <line class="grid" x1=${RIGHT} x2=${width - RIGHT} y1=${(row + 1) * ROW} y2=${(row + 1) * ROW} />
        ${known.map(({ flags }, column) => flags.filter(({ flag_type: of }) => of === type).map((flag) => bar(flag, column, row)))}`)}
    </${Plot}>
    <p class="row muted"><${Time} at=${known[0].at} exact />${known.length > 1 && html`<span>to</span><${Time} at=${known.at(-1).at} exact />`}</p>
    <details><summary>As a table</summary><div class="table tall" tabindex="0" role="group" aria-label="Flags by detection"><table>
      <thead><tr><th>Detected</th>${types.map((type) => html`<th>${words(type)}</th>`)}</tr></thead>
      <tbody>${newestFirst.map(({ at, flags }) => html`<tr key=${at}><td><${Time} at=${at} exact /></td>
        ${types.map((type) => html`<td><${Cell} flag=${flags.find((flag) => flag.flag_type === type)} /></td>`)}</tr>`)}</tbody>
    </table></div></details>
  </figure>`;
}

const Cell = ({ flag }) => (flag ? html`${number(flag.score)} <${Severity} name=${flag.severity} />` : "–");

function raised({ flags }) {
  const some = flags.filter(({ score }) => score > 0);
  return some.length ? some.map(({ flag_type: type, score, severity }) => `${words(type)} ${number(score)} (${severity})`).join(", ") : "no flag is raised";
}

/** A drawing in which one of the `points`, by their x, is pointed at: with the pointer, or with the arrow keys. */
function Plot({ width, height, label, points, place, onPlace, children }) {
  const point = (event) => {
    const at = event.clientX - event.currentTarget.getBoundingClientRect().left;
    const distances = points.map((x) => Math.abs(x - at));
    onPlace(distances.indexOf(Math.min(...distances)));
  };
  const press = (event) => {
    const current = place ?? points.length - 1;
    const next = { ArrowLeft: current - 1, ArrowRight: current + 1, Home: 0, End: points.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    onPlace(Math.min(points.length - 1, Math.max(0, next)));
  };
  return html`<svg class="plot" width=${width} height=${height} role="img" aria-label="${label}; the arrow keys move through them" tabindex="0"
    onPointerMove=${point} onPointerLeave=${() => onPlace(null)} onKeyDown=${press} onBlur=${() => onPlace(null)}>
    ${place !== null && points[place] !== undefined && html`<line class="pointed" x1=${points[place]} x2=${points[place]} y1="0" y2=${height - 4} />`}
    ${children}
  </svg>`;
}
