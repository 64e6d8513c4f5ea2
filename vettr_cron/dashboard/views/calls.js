// The call log: what each request did for each job, newest first; a call opens in place to show all of it and its runs.
import { html, useState } from "../preact.js";
import { get, useAnswer, usePolled } from "../api.js";
import { jobTitle, Loaded, route, Time, Trouble } from "../parts.js";
import { number, plural, span } from "../format.js";
import { Failed, Filters, PAGE, Pages, place, Status } from "./lists.js";

const STATUSES = ["running", "completed", "failed", "skipped"];

export function Calls({ query, overview }) {
  const { job, status, since, until, before } = query;
  const polled = usePolled("calls", { job, status, since, until, before, limit: PAGE });
  const jobs = overview.data?.jobs;
  return html`<section class="list" aria-labelledby="calls" aria-busy=${polled.isBusy}>
    <h1 id="calls">Calls</h1>
    <${Filters} name="calls" query=${query} jobs=${jobs} statuses=${STATUSES} />
    <${Loaded} polled=${polled}>${({ calls, calls_since: first }) => html`
      ${calls.length ? html`<${Table} calls=${calls} jobs=${jobs} />` : html`<${None} isLogEmpty=${!first} />`}
      <${Pages} name="calls" query=${query} rows=${calls} />
      ${first && html`<p class="muted">Calls are logged since <${Time} at=${first} exact />.</p>`}`}</${Loaded}>
  </section>`;
}

function None({ isLogEmpty }) {
  return html`<p>${isLogEmpty
    ? html`No call is logged yet. Set up the scheduler, or start one on the <a href=${route([])}>overview</a>.`
    : html`No call is like this. <a href=${route(["calls"])}>Show all</a>`}</p>`;
}

const COLUMNS = 7;

function Table({ calls, jobs }) {
  const [opened, setOpened] = useState({}); // by the calls' ids
  const toggle = (id) => setOpened({ ...opened, [id]: !opened[id] });
  return html`<div class="table"><table>
    <thead><tr><th>Began</th><th>Job</th><th>Status</th><th class="number">Stocks</th>
      <th class="number wide">Failed</th><th class="number wide">Took</th><th class="wide">Why it stopped</th></tr></thead>
    <tbody>${calls.map((call) => html`
      <${Row} key=${call.id} call=${call} jobs=${jobs} isOpen=${Boolean(opened[call.id])} onToggle=${() => toggle(call.id)} />`)}</tbody>
  </table></div>`;
}

function Row({ call, jobs, isOpen, onToggle }) {
  return html`<tr>
    <td><button type="button" class="open" aria-expanded=${isOpen} onClick=${onToggle}><${Time} at=${call.started_at} exact /></button></td>
    <td class="job">${title(jobs, call.job)}</td>
    <td class="status"><${Status} status=${call.status} /></td>
    <td class="number">${number(call.stocks_processed)}</td>
    <td class="number wide"><${Failed} count=${call.failed} /></td>
    <td class="number wide">${took(call)}</td>
    <td class="wide">${why(call)}</td>
  </tr>
  ${isOpen && html`<tr class="opened"><td colspan=${COLUMNS}><${Whole} call=${call} /></td></tr>`}`;
}

/** The job's name for people: the overview knows its key. */
function title(jobs, name) {
  const known = Object.entries(jobs ?? {}).find(([, job]) => job.name === name);
  return known ? jobTitle(known[0]) : name;
}

const took = ({ started_at: start, ended_at: end }) => (end ? span((new Date(end) - new Date(start)) / 1000) : "–");

const WHY = {
  chunks_done: "its chunks are done",
  cycle_complete: "the cycle is complete",
  stocks_done: "its stocks are done",
  time_budget: "its time was over",
  shutdown: "the service was stopped",
  already_running: "another call was running",
  paused: "the job was paused",
  reset: "the cycle was reset",
  superseded: "another call took over",
  error: "an error",
};

const why = ({ stop_reason: reason }) => (reason ? (WHY[reason] ?? reason) : "");

function Whole({ call }) {
  return html`
    ${call.error && html`<p class="bad" dir="auto">${call.error}</p>`}
    <dl class="facts">
      <div><dt>Began</dt><dd><${Time} at=${call.started_at} /></dd></div>
      <div><dt>Ended</dt><dd>${call.ended_at ? html`<${Time} at=${call.ended_at} />` : "not yet"}</dd></div>
      <div><dt>Took</dt><dd>${took(call)}</dd></div>
      <div><dt>Stopped because</dt><dd>${why(call) || "–"}</dd></div>
      <div><dt>Stocks</dt><dd>${number(call.succeeded)} succeeded, <${Failed} count=${call.failed} /> failed</dd></div>
      <div><dt>Took its stocks from</dt><dd>${call.along_cursor ? "the cycle" : "a list"}</dd></div>
      <div><dt>Completed the cycle</dt><dd>${call.is_complete ? "yes" : "no"}</dd></div>
      <div><dt>Came by</dt><dd>${call.caller === "http" ? "HTTP" : call.caller}</dd></div>
      <div><dt>Id</dt><dd><code>${call.id}</code></dd></div>
    </dl>
    <${RunsOf} call=${call} />`;
}

/** The runs of a call, newest first, asked for once it is opened and when it ends. */
function RunsOf({ call }) {
  const { job, started_at: since, first_run_id: first, last_run_id: last, chunks_run: chunks } = call;
  const { data: runs, error } = useAnswer(last && `${first} ${last}`, () => runsOf(call), Infinity);
  if (call.status === "running") return html`<p><a href=${route(["runs"], { job, since })}>Its runs so far</a></p>`;
  if (!last) return html`<p class="muted">It had no runs.</p>`;
  if (error?.status === 404) return html`<p class="muted">A cleanup has removed its ${plural(chunks, "run")}.</p>`;
  if (!runs) return error ? html`<${Trouble} error=${error} />` : html`<p class="loading">Loading …</p>`;
  return html`<h3>${plural(runs.length, "run")}</h3>
    <ul class="runs">${runs.map((run) => html`<li key=${run.id}>
      <${Status} status=${run.status} /> <a href=${route(["runs", run.id])}>${place(run)}</a>
      ${run.failed_count > 0 && html`<span class="bad">${number(run.failed_count)} failed</span>`}</li>`)}</ul>`;
}

/** The runs from the first to the last one: a job has one call at a time, so they are all its own. Throws Refused. */
async function runsOf({ job, started_at: since, first_run_id: first, last_run_id: last }) {
  const runs = [await get(`runs/${last}`)];
  while (runs.at(-1).id !== first) {
    const { runs: older } = await get("history", { job, since, before: runs.at(-1).id, limit: 200 });
    if (!older.length) break; // a cleanup removed the first ones
    const end = older.findIndex(({ id }) => id === first);
    runs.push(...(end < 0 ? older : older.slice(0, end + 1)));
  }
  return runs;
}
