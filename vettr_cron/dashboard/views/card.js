// One job: what it does now, how fresh its results are, its calls, and what can be done about it.
import { html, useRef } from "../preact.js";
import { isAtWork, jobTitle, route, Said, State, Time } from "../parts.js";
import { clock, number, percent, plural, rate, span } from "../format.js";
import { Actions } from "./actions.js";

export function Card({ jobKey, job, total, reload }) {
  const { verdict, counts, status } = job;
  const isRunning = isAtWork(status);
  const state = isRunning ? "running" : status.paused ? "paused" : verdict.state;
  return html`<section class="card" aria-labelledby="job-${jobKey}">
    <div class="row">
      <h2 id="job-${jobKey}">${jobTitle(jobKey)}</h2>
      <span class="grow"></span>
      <${State} state=${state}>${WORDS[state]}</${State}>
    </div>
    ${(verdict.state !== "ok" || verdict.fix) && html`<p class="sentence"><${Said} text=${verdict.sentence} /></p>`}
    ${verdict.fix && html`<p class="muted"><${Said} text=${verdict.fix} /></p>`}
    <${Cycle} status=${status} total=${total} isRunning=${isRunning} />
    <${Fresh} jobKey=${jobKey} job=${job.name} counts=${counts} />
    <dl class="facts">
      <div><dt>Last completed call</dt><dd><${Time} at=${status.last_completed_call?.started_at} /></dd></div>
      <div><dt>Next expected call</dt><dd>${next(status.schedule)}</dd></div>
      <div><dt>Pace</dt><dd>${pace(status)}</dd></div>
    </dl>
    <${Actions} jobKey=${jobKey} job=${job} total=${total} reload=${reload} />
  </section>`;
}

const WORDS = { ok: "OK", warning: "Warning", problem: "Problem", running: "Running", paused: "Paused" };

function next(schedule) {
  if (!schedule) return html`<span class="muted" title="Set CRON_SCHEDULE to when your scheduler calls">no schedule is set</span>`;
  return html`<span title="${schedule.expression} (${schedule.timezone})"><${Time} at=${schedule.next_call} expected /></span>`;
}

function pace(status) {
  const { cycle, pace: { stocks_per_call: stocks, stocks_per_second: speed, calls_left: left, done_at: end } } = status;
  if (stocks === null) return html`<span class="muted">not known yet</span>`;
  const until = end ? `, ${left > 1 ? "the last of them " : ""}at ${clock(end)}` : "";
  const rest = !isAtWork(status) && cycle.offset && left ? `; ${plural(left, "more call")} in this cycle${until}` : "";
  return html`<span title="CRON_CHUNK_SIZE, CRON_CHUNKS_PER_CALL and how often the scheduler calls change it">
    ${plural(stocks, "stock")} a call${speed ? `, ${rate(speed)} a second` : ""}${rest}</span>`;
}

/** How far the cycle has come; while a call runs, how fast it goes and how long it will take. */
function Cycle({ status, total, isRunning }) {
  const { offset, cycle_id: cycle } = status.cycle;
  const speed = useSpeed(offset, cycle) ?? status.pace.stocks_per_second;
  if (!isRunning && !offset) return null;
  const left = isRunning && speed ? `, ${rate(speed)} a second, ${span(Math.max(1, Math.ceil((total - offset) / speed)))} left` : "";
  return html`<div class="cycle">
    <progress max=${Math.max(total, 1)} value=${Math.min(offset, total)} aria-label="Progress of the cycle"></progress>
    <p>${number(offset)} of ${plural(total, "stock")} in this cycle${left}</p>
  </div>`;
}

/** Stocks a second, as seen by this page since the cycle's first look; undefined until something has moved. */
function useSpeed(offset, cycle) {
  const first = useRef(null);
  if (first.current?.cycle !== cycle || offset < first.current.offset) {
    first.current = { cycle, offset, at: Date.now() };
  }
  const seconds = (Date.now() - first.current.at) / 1000;
  return offset > first.current.offset && seconds > 0 ? (offset - first.current.offset) / seconds : undefined;
}

const KINDS = [["fresh", "fresh"], ["stale", "stale"], ["never", "never refreshed"]];

/** How many stocks have a fresh result, an old one, or none, as a bar and in words. */
function Fresh({ jobKey, job, counts }) {
  if (!counts?.total) return null;
  return html`<div class="freshness">
    <div class="bar" aria-hidden="true">
      ${KINDS.map(([kind]) => counts[kind] > 0 && html`<a class="part part-${kind}" tabindex="-1"
        href=${route(["freshness"], { job, stocks: kind })} style=${{ flexGrow: counts[kind] }}></a>`)}
    </div>
    <ul class="legend">
      ${KINDS.map(([kind, words]) => html`<li><a href=${route(["freshness"], { job, stocks: kind })}>
        <span class="swatch part-${kind}" aria-hidden="true"></span>${number(counts[kind])} ${words}</a></li>`)}
      <li><a href=${route(["failures"], { job })}>${number(counts.failing)} failing</a></li>
      <li class="muted">${percent(counts.fresh / counts.total)} fresh; the oldest result <${Time} at=${counts.oldest} /></li>
    </ul>
  </div>`;
}
