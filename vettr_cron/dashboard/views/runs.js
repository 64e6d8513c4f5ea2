// The run history: one line for each chunk, newest first, also of other programs that write to the same table.
import { html } from "../preact.js";
import { usePolled } from "../api.js";
import { Loaded, route, Time } from "../parts.js";
import { span } from "../format.js";
import { Failed, Filters, logged, PAGE, Pages, place, seconds, Status } from "./lists.js";

export function Runs({ query, overview }) {
  const { job, status, since, until, before } = query;
  const polled = usePolled("history", { job, status, since, until, before, limit: PAGE });
  return html`<section class="list" aria-labelledby="runs" aria-busy=${polled.isBusy}>
    <h1 id="runs">Runs</h1>
    <p class="muted">A run is one chunk of stocks. What one request did is under <a href=${route(["calls"])}>Calls</a>.</p>
    <${Filters} name="runs" query=${query} jobs=${overview.data?.jobs} statuses=${["running", "completed", "failed"]} />
    <${Loaded} polled=${polled}>${({ runs }) => html`
      ${runs.length ? html`<${Table} runs=${runs} />` : html`<${None} isFiltered=${Object.keys(query).length > 0} />`}
      <${Pages} name="runs" query=${query} rows=${runs} />`}</${Loaded}>
  </section>`;
}

function None({ isFiltered }) {
  return html`<p>${isFiltered
    ? html`No run is like this. <a href=${route(["runs"])}>Show all</a>`
    : html`There are no runs yet: the first call makes one. Start it on the <a href=${route([])}>overview</a>.`}</p>`;
}

function Table({ runs }) {
  return html`<div class="table"><table>
    <thead><tr><th>Began</th><th>Job</th><th>Status</th><th class="number wide">Stocks</th><th class="number">Failed</th>
      <th class="wide">Place</th><th class="number wide">Took</th><th class="wide">Error</th></tr></thead>
    <tbody>${runs.map((run) => html`<tr key=${run.id}>
      <td><a href=${route(["runs", run.id])}><${Time} at=${run.started_at} exact /></a></td>
      <td class="job"><bdi>${run.job_name}</bdi></td>
      <td class="status"><${Status} status=${run.status} /></td>
      <td class="number wide">${logged(run.stocks_processed)}</td>
      <td class="number"><${Failed} count=${run.failed_count} /></td>
      <td class="wide">${place(run)}</td>
      <td class="number wide">${span(seconds(run.duration_ms))}</td>
      <td class="wide" dir="auto">${run.error_message}</td>
    </tr>`)}</tbody>
  </table></div>`;
}
