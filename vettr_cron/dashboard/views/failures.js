// The stocks that fail, by reason: a bad column is one group, however many stocks it hits. Each can be tried again.
import { html, useState } from "../preact.js";
import { get, useAnswer, usePolled } from "../api.js";
import { Action, jobTitle, Loaded, refusal, route, State, Time, Trouble } from "../parts.js";
import { number, plural } from "../format.js";
import { canBeNamed, retried, retriedAll, Told, useAction } from "./refresh.js";

const UNKNOWN = "not recorded"; // in the address, for failures without a reason
const PAGE = 50; // stocks of a group
const LARGEST_PAGE = 1_000;

export function Failures({ query, overview }) {
  const polled = usePolled("failures", { limit: 1 }); // the reasons count the stocks of all pages
  const [round, setRound] = useState(0); // of retries: what is listed is asked for again after each
  const reload = () => {
    polled.reload();
    overview.reload();
    setRound((known) => known + 1);
  };
  const jobs = overview.data?.jobs;
  return html`<h1 class="hidden">Failures</h1><${Loaded} polled=${polled}>${(data) => {
    const keys = Object.keys(data).filter((key) => isChosen(key, jobs, query.job));
    return html`${query.job && html`<p><a href=${route(["failures"])}>Failures of all jobs</a></p>`}
      ${!keys.length && html`<p>There is no job <bdi>${query.job}</bdi>. <a href=${route(["failures"])}>Failures of all jobs</a></p>`}
      ${keys.map((key) => html`<${OfJob} key=${key} jobKey=${key} job=${jobs?.[key]} reasons=${data[key].reasons}
        query=${query} round=${round} reload=${reload} />`)}`;
  }}</${Loaded}>`;
}

const isChosen = (key, jobs, job) => !job || key === job || (jobs?.[key]?.name ?? key.replaceAll("_", "-")) === job;

function OfJob({ jobKey, job, reasons, query, round, reload }) {
  const { busy, told, act } = useAction(reload);
  const name = job?.name ?? jobKey.replaceAll("_", "-");
  const known = reasons.reduce((sum, { stocks }) => sum + stocks, 0);
  const failing = Math.max(known, reasons.length ? (job?.counts?.failing ?? 0) : 0); // a hundred reasons are told apart
  const refused = job && !busy ? refusal(job.status) : "";
  const opened = (reason) => query.job === name && query.reason === (reason ?? UNKNOWN);
  const retry = (label, tickers) => act(label, async () => retried(name, await tickers()));
  return html`<section class="list" aria-labelledby="failures-${jobKey}">
    <div class="row wrap">
      <h2 id="failures-${jobKey}">${jobTitle(jobKey)}</h2>
      <span>${failing ? plural(failing, "stock fails", "stocks fail") : html`<${State} state="ok">No stock fails</${State}>`}</span>
      <span class="grow"></span>
      ${failing > 0 && html`<${Action} label="Retry all ${number(failing)}" kind="primary" refused=${refused} busy=${busy}
        onClick=${() => act("Retry all", () => retriedAll(name, failing))} />`}
    </div>
    <${Told} told=${told} />
    ${query.job === name && query.reason && !reasons.some(({ reason }) => opened(reason)) && html`
      <p><${State} state="ok">No stock fails for this reason any more: <bdi>${query.reason}</bdi></${State}></p>`}
    ${reasons.map(({ reason, stocks }) => html`
      <${Group} key=${reason} name=${name} reason=${reason} stocks=${stocks} isOpen=${opened(reason)} round=${round}
        refused=${refused} busy=${busy} retry=${retry} />`)}
    ${failing > known && html`<p class="muted">${plural(failing - known, "stock")} more for other reasons.</p>`}
  </section>`;
}

/** The stocks that fail for one reason: a line, until it is opened. */
function Group({ name, reason, stocks, isOpen, round, refused, busy, retry }) {
  const to = route(["failures"], isOpen ? {} : { job: name, reason: reason ?? UNKNOWN });
  const label = `Retry ${plural(stocks, "stock")}`;
  return html`<div class="group">
    <div class="row wrap">
      <h3><a class="open" href=${to} aria-expanded=${isOpen}><span class="count">${number(stocks)}</span>
        <bdi>${reason ?? "Reason not recorded"}</bdi></a></h3>
      <span class="grow"></span>
      <${Action} label=${label} refused=${refused} busy=${busy} onClick=${() => retry(label, () => allTickers(name, reason))} />
    </div>
    ${isOpen && html`<${Stocks} name=${name} reason=${reason} round=${round} refused=${refused} busy=${busy} retry=${retry} />`}
  </div>`;
}

/** The stocks of an opened group, page by page. */
function Stocks({ name, reason, round, refused, busy, retry }) {
  const [pages, setPages] = useState(1);
  const key = JSON.stringify([name, reason, pages, round]);
  const { data, error } = useAnswer(key, () => pagesOf(name, reason, pages), Infinity);
  if (!data) return error ? html`<${Trouble} error=${error} />` : html`<p class="loading">Loading …</p>`;
  const { stocks, next } = data;
  return html`${error && html`<${Trouble} error=${error} />`}<div class="table"><table>
      <thead><tr><th>Ticker</th><th>Failing since</th><th class="number wide">In a row</th><th>Why</th>
        <th><span class="hidden">Action</span></th></tr></thead>
      <tbody>${stocks.map((stock) => html`<tr key=${stock.ticker}>
        <td class="ticker"><a href=${route(["stocks", stock.ticker])}><bdi>${stock.ticker}</bdi></a></td>
        <td><${Time} at=${stock.failing_since} exact /></td>
        <td class="number wide">${number(stock.consecutive_failures)}</td>
        <td class="sentence" dir="auto">${stock.last_error}</td>
        <td class="end"><${Action} label="Retry" busy=${busy} onClick=${() => retry(`Retry ${stock.ticker}`, () => [stock.ticker])}
          refused=${refused || (canBeNamed(stock.ticker) ? "" : "a ticker with a comma cannot be asked for")} /></td>
      </tr>`)}</tbody>
    </table></div>
    ${next && html`<p><button type="button" onClick=${() => setPages(pages + 1)}>More</button></p>`}`;
}

/** The first pages of a group: { stocks, next }; `next` is where the page after them begins, null at the end. */
async function pagesOf(name, reason, pages) {
  const stocks = [];
  let next = null;
  for (let page = 0; page < pages; page += 1) {
    const found = await pageOf(name, reason, next, PAGE);
    stocks.push(...found.stocks);
    next = found.next_after;
    if (!next) break;
  }
  return { stocks, next };
}

async function allTickers(name, reason) {
  const tickers = [];
  let next = null;
  do {
    const found = await pageOf(name, reason, next, LARGEST_PAGE);
    tickers.push(...found.stocks.map(({ ticker }) => ticker));
    next = found.next_after;
  } while (next);
  return tickers;
}

async function pageOf(name, reason, after, limit) {
  // A failure whose reason an older release did not record cannot be asked for by it.
  const asked = reason === null ? { limit: LARGEST_PAGE } : { limit, reason };
  const [page] = Object.values(await get("failures", { job: name, after, ...asked }));
  return reason === null ? { ...page, stocks: page.stocks.filter((stock) => stock.last_reason === null) } : page;
}
