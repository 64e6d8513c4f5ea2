// What the lists of calls and of runs share: filters and pages, both held by the address, and how a row is worded.
import { html, useEffect, useRef } from "../preact.js";
import { jobTitle, route, State } from "../parts.js";
import { number } from "../format.js";

export const PAGE = 50; // rows

/** Labelled filters of a list; `statuses` are those that can be chosen. What is chosen goes into the address. */
export function Filters({ name, query, jobs, statuses }) {
  const choose = (changed) => {
    location.hash = route([name], { ...query, before: null, ...changed });
  };
  const names = Object.entries(jobs ?? {}).map(([key, job]) => [job.name, jobTitle(key)]);
  return html`<form class="filters" aria-label="Filters" onSubmit=${(event) => event.preventDefault()}>
    <${Select} label="Job" value=${query.job} options=${names} onChoose=${(job) => choose({ job })} />
    <${Select} label="Status" value=${query.status} options=${statuses.map((status) => [status, status])}
      onChoose=${(status) => choose({ status })} />
    <${Moment} label="From" value=${query.since} onChoose=${(since) => choose({ since })} />
    <${Moment} label="Before" value=${query.until} onChoose=${(until) => choose({ until })} />
    ${Object.keys(query).length > 0 && html`<a class="clear" href=${route([name])}>Show all</a>`}
  </form>`;
}

function Select({ label, value, options, onChoose }) {
  // The address may hold a value that is not offered: another program's job, say.
  const known = !value || options.some(([option]) => option === value) ? options : [...options, [value, value]];
  return html`<label>${label}
    <select value=${value ?? ""} onChange=${(event) => onChoose(event.target.value)}>
      <option value="">All</option>
      ${known.map(([option, words]) => html`<option value=${option}>${words}</option>`)}
    </select></label>`;
}

/** A time in the reader's zone; the address has it in UTC. */
function Moment({ label, value, onChoose }) {
  const input = useRef(null);
  // Set only when the address changes, so that a time that is half typed is not taken away.
  useEffect(() => {
    if (input.current.value !== asLocal(value)) input.current.value = asLocal(value);
  }, [value]);
  const change = ({ target }) => target.validity.valid && onChoose(asUtc(target.value));
  // While a year is typed it is 0002, 0020, 0202: the least time keeps these from being asked for.
  return html`<label>${label}
    <input ref=${input} type="datetime-local" min="1970-01-01T00:00" step="any" onChange=${change} /></label>`;
}

function asLocal(value) {
  const then = new Date(value);
  if (!value || Number.isNaN(then.getTime())) return "";
  const local = new Date(then.getTime() - then.getTimezoneOffset() * 60_000).toISOString();
  return local.slice(0, local.slice(17, 23) === "00.000" ? 16 : 23);
}

const asUtc = (local) => (local ? new Date(local).toISOString() : "");

/** Links to the page before and after; `rows` are those shown. */
export function Pages({ name, query, rows }) {
  const newest = query.before && route([name], { ...query, before: null });
  const older = rows.length === PAGE && route([name], { ...query, before: rows.at(-1).id });
  if (!older && !newest) return null;
  return html`<nav class="row" aria-label="Pages of the list">
    <${To} address=${newest}>Newest</${To}>
    <${To} address=${older}>Older</${To}>
  </nav>`;
}

/** A link that stays where it is, and keeps the focus, when it leads nowhere. */
function To({ address, children }) {
  return address
    ? html`<a href=${address}>${children}</a>`
    : html`<a class="muted" role="link" aria-disabled="true" tabindex="-1">${children}</a>`;
}

const STATES = { completed: "ok", failed: "problem", running: "running", skipped: "skipped" };

/** The status of a call or a run, as a mark and its word; another program's run may have any word. */
export function Status({ status }) {
  return html`<${State} state=${STATES[status] ?? "unknown"}><bdi>${status}</bdi></${State}>`;
}

/** How many stocks failed, which is worth a look if any did. */
export function Failed({ count }) {
  return html`<span class=${count ? "bad" : "muted"}>${logged(count)}</span>`;
}

/** A number of the run log, where another program may have written anything. */
export const logged = (value) => (value === null || typeof value === "number" ? number(value) : String(value));

/** A duration in milliseconds as seconds, if it is a number. */
export const seconds = (milliseconds) => (typeof milliseconds === "number" ? milliseconds / 1000 : null);

/** Where in the universe a chunk was: "101–200 of 1,572". */
export function place({ chunk_offset: offset, stocks_processed: done, total_stocks: total }) {
  if (offset === null) return "a list of stocks";
  if (typeof offset !== "number" || typeof done !== "number" || !done) return logged(offset);
  return `${number(offset + 1)}–${number(offset + done)} of ${logged(total)}`;
}
