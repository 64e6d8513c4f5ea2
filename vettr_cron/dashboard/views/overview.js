// The first look: is every stock fresh, and if not, what to do; a card for each job; the calls over time.
import { html } from "../preact.js";
import { jobTitle, Loaded, Ranges, route, Said, State, Time } from "../parts.js";
import { number, plural } from "../format.js";
import { Card } from "./card.js";
import { Timeline } from "./timeline.js";

export function Overview({ query, overview }) {
  const days = query.days ?? "1";
  return html`<${Loaded} polled=${overview}>${(data) => html`
    <${Verdict} data=${data} asOf=${overview.error && overview.at} />
    <div class="cards">
      ${Object.entries(data.jobs).map(([key, job]) => html`
        <${Card} key=${key} jobKey=${key} job=${job} total=${data.total_stocks} reload=${overview.reload} />`)}
    </div>
    <section aria-labelledby="timeline">
      <div class="row"><h2 id="timeline">Calls</h2><span class="grow"></span>
        <${Ranges} days=${days} to=${(value) => route([], { days: value })} /></div>
      <${Timeline} days=${days} jobs=${data.jobs} />
    </section>`}</${Loaded}>`;
}

/** The service's verdict; with `asOf` it is what was last known, at that time, and no longer to be relied on. */
function Verdict({ data, asOf }) {
  const { sentence, fix } = data.verdict;
  const state = asOf ? "unknown" : data.verdict.state;
  const time = asOf && html`, as of <${Time} at=${asOf} exact />`;
  if (data.total_stocks === 0) {
    return html`<section class="verdict verdict-${state}" aria-live="polite"><h1><${State} state=${state}>No stocks yet${time}</${State}></h1>
      <p>On a developer's machine, <code>make refresh</code> loads a demo. In production, check that DATABASE_URL names the
        platform's database, or import a folder: <code>flask --app wsgi stocks import</code>.</p></section>`;
  }
  return html`<section class="verdict verdict-${state} ${asOf ? "muted" : ""}" aria-live="polite">
    <h1><${State} state=${state}><${Said} text=${sentence} />${time}</${State}></h1>
    ${fix && html`<p><${Said} text=${fix} /></p>`}
    ${data.verdict.state !== "ok" && html`<p>${fresh(data.jobs)}</p>`}
    <p class="muted">${plural(data.total_stocks, "stock")}${data.calls_since && html`; calls are known since <${Time} at=${data.calls_since} exact />`}${workers(data.engine)}</p>
  </section>`;
}

/** What workers do, if they do the groups of stocks. */
function workers(engine) {
  if (!engine?.workers || engine.name === "threads") return ""; // the release before says nothing of it
  const { workers, groups_under_way: groups, oldest_waiting_seconds: wait, redeliveries } = engine;
  return [
    `; ${plural(workers.length, "worker")}`,
    groups && `${plural(groups, "group")} under way`,
    wait && `the oldest waiting for ${number(wait)} s`,
    redeliveries && `${plural(redeliveries, "group")} begun again so far`,
  ].filter(Boolean).join(", ");
}

/** How many results are fresh and how many stocks fail, whatever else is wrong. */
function fresh(jobs) {
  const wanting = Object.entries(jobs).filter(([, { counts }]) => counts.fresh < counts.total || counts.failing);
  if (!wanting.length) return "Every stock is fresh.";
  return wanting.map(([key, { counts }]) => `${jobTitle(key)}: ${number(counts.fresh)} of ${plural(counts.total, "stock")} fresh`
    + `${counts.failing ? `, ${number(counts.failing)} failing` : ""}`).join("; ");
}
