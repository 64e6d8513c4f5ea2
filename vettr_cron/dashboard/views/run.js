// One run whole, with every stock that failed in it.
import { html, useState } from "../preact.js";
import { usePolled } from "../api.js";
import { Loaded, route, Time } from "../parts.js";
import { number, plural, span } from "../format.js";
import { Failed, logged, place, seconds, Status } from "./lists.js";

export function Run({ id }) {
  const polled = usePolled(`runs/${encodeURIComponent(id)}`);
  if (polled.error?.status === 404) return html`<${Missing} id=${id} />`;
  return html`<${Loaded} polled=${polled}>${(run) => html`<${Whole} run=${run} />`}</${Loaded}>`;
}

function Missing({ id }) {
  return html`<section><h1>There is no such run</h1>
    <p>No run has the id <code><bdi>${id}</bdi></code>; a cleanup may have removed it. <a href=${route(["runs"])}>All runs</a></p>
  </section>`;
}

function Whole({ run }) {
  return html`<section class="list" aria-labelledby="run">
    <p><a href=${route(["runs"])}>Runs</a></p>
    <h1 id="run"><bdi>${run.job_name}</bdi>, <${Time} at=${run.started_at} exact /></h1>
    <p><${Status} status=${run.status} /></p>
    ${run.error_message && html`<p class="bad" dir="auto">${run.error_message}</p>`}
    <dl class="facts">
      <div><dt>Stocks</dt><dd>${logged(run.stocks_processed)}</dd></div>
      <div><dt>Succeeded</dt><dd>${logged(run.succeeded)}</dd></div>
      <div><dt>Failed</dt><dd><${Failed} count=${run.failed_count} /></dd></div>
      <div><dt>Place in the cycle</dt><dd>${place(run)}</dd></div>
      <div><dt>Stocks a chunk, at most</dt><dd>${logged(run.chunk_size)}</dd></div>
      <div><dt>Began</dt><dd><${Time} at=${run.started_at} /></dd></div>
      <div><dt>Ended</dt><dd>${run.completed_at ? html`<${Time} at=${run.completed_at} />` : "not yet"}</dd></div>
      <div><dt>Took</dt><dd>${span(seconds(run.duration_ms))}</dd></div>
      <div><dt>Id</dt><dd><code>${run.id}</code></dd></div>
    </dl>
    <${Failures} failures=${run.failures ?? []} />
  </section>`;
}

const SHOWN = 200; // failures, until all are asked for

function Failures({ failures }) {
  const [isWhole, setIsWhole] = useState(false);
  if (!failures.length) return null;
  const shown = isWhole ? failures : failures.slice(0, SHOWN);
  return html`<h2>${plural(failures.length, "stock")} failed</h2>
    <div class="table"><table>
      <thead><tr><th>Ticker</th><th>Why</th></tr></thead>
      <tbody>${shown.map(({ ticker, error }) => html`<tr>
        <td class="ticker"><a href=${route(["stocks", ticker])}><bdi>${ticker}</bdi></a></td><td dir="auto">${error}</td></tr>`)}</tbody>
    </table></div>
    ${shown.length < failures.length && html`<p><button type="button" onClick=${() => setIsWhole(true)}>
      Show all ${number(failures.length)}</button></p>`}`;
}
