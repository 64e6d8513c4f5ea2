// Which stocks of a job are fresh, stale or never refreshed, page by page, with a button to refresh those shown.
import { html } from "../preact.js";
import { usePolled } from "../api.js";
import { Action, jobTitle, Loaded, refusal, route, Time } from "../parts.js";
import { number, plural } from "../format.js";
import { refreshed, Told, useAction } from "./refresh.js";

const PAGE = 100; // stocks
const SECONDS = 30;
const KINDS = { fresh: "fresh", stale: "stale", never: "never refreshed" };
const NONE = {
  fresh: "No stock is fresh. The next call of this job refreshes the next chunk.",
  stale: "No stock has a result that is too old.",
  never: "Every stock has been refreshed at least once.",
};

export function Freshness({ query, overview }) {
  return html`<h1>Freshness</h1>
    <${Loaded} polled=${overview}>${({ jobs }) => {
      const entries = Object.entries(jobs);
      const [key, job] = entries.find(([, { name }]) => name === query.job) ?? entries[0];
      const kind = query.stocks in KINDS ? query.stocks : "stale";
      return html`
        <div class="filters">
          <nav class="choice" aria-label="Job">${entries.map(([each, { name }]) => html`
            <a href=${route(["freshness"], { job: name, stocks: kind })} aria-current=${each === key ? "true" : null}>${jobTitle(each)}</a>`)}</nav>
          <nav class="choice" aria-label="State of the results">${Object.entries(KINDS).map(([each, words]) => html`
            <a href=${route(["freshness"], { job: job.name, stocks: each })} aria-current=${each === kind ? "true" : null}>${number(job.counts?.[each])} ${words}</a>`)}</nav>
        </div>
        <${Listing} key=${`${key} ${kind}`} job=${job} kind=${kind} after=${query.after} reload=${overview.reload} />`;
    }}</${Loaded}>`;
}

function Listing({ job, kind, after, reload }) {
  const polled = usePolled("coverage", { job: job.name, stocks: kind, limit: PAGE, after }, SECONDS);
  const { busy, told, act } = useAction(() => {
    polled.reload();
    reload();
  });
  const refresh = (tickers) => act(`Refresh ${plural(tickers.length, "stock")}`, () => refreshed(job.name, { tickers: tickers.join(",") }));
  const refused = busy ? "" : refusal(job.status);
  return html`<section aria-label="Stocks">
    <${Loaded} polled=${polled}>${({ page }) => html`
      <div class="row wrap">
        ${page.stocks.length > 0 && html`<${Action} kind="primary" label=${`Refresh ${page.stocks.length === 1 ? "this stock" : `these ${number(page.stocks.length)} stocks`}`}
          refused=${refused} busy=${busy} onClick=${() => refresh(page.stocks.map(({ ticker }) => ticker))} />`}
        <${Told} told=${told} />
      </div>
      ${page.stocks.length ? html`<${Stocks} stocks=${page.stocks} />` : html`<p>${after ? "There are no more here." : NONE[kind]}</p>`}
      <nav class="row" aria-label="Pages of the list">
        ${after && html`<a href=${route(["freshness"], { job: job.name, stocks: kind })}>First page</a>`}
        ${page.next_after && html`<a href=${route(["freshness"], { job: job.name, stocks: kind, after: page.next_after })}>Next page</a>`}
      </nav>`}</${Loaded}>
  </section>`;
}

function Stocks({ stocks }) {
  return html`<div class="table stock-list"><table>
    <thead><tr><th scope="col">Stock</th><th scope="col">Last refreshed</th><th scope="col">Last error</th></tr></thead>
    <tbody>${stocks.map((stock) => html`<tr>
      <td><a href=${route(["stocks", stock.ticker])}><bdi>${stock.ticker}</bdi></a></td>
      <td><${Time} at=${stock.last_refreshed_at} /></td>
      <td dir="auto">${stock.failing_since ? stock.last_error ?? "failed; why is not known" : html`<span class="muted">–</span>`}</td>
    </tr>`)}</tbody>
  </table></div>`;
}
