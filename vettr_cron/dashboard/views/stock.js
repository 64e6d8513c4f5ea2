// One stock: its score and how it comes about, its flags, both over time, its inputs, and how each job last fared with it.
import { html } from "../preact.js";
import { usePolled } from "../api.js";
import { Action, jobTitle, Loaded, refusal, route, Said, State, Time } from "../parts.js";
import { number, plural } from "../format.js";
import { FlagsChart, ScoreChart } from "./stock_charts.js";
import { FlagsAnswer, isFlags } from "./stock_flags.js";
import { isScore, ScoreAnswer } from "./stock_score.js";
import { canBeNamed, refreshed, Told, useAction } from "./refresh.js";

export function Stock({ ticker, overview }) {
  const polled = usePolled(`stocks/${encodeURIComponent(ticker)}`, {}, 30);
  if (polled.error?.status === 404) return html`<${Missing} ticker=${ticker} />`;
  return html`<${Loaded} polled=${polled}>${(stock) => html`
    <${Head} stock=${stock} overview=${overview} reload=${polled.reload} />
    <div class="halves">
      ${Object.entries(stock.jobs).map(([key, job]) => html`<${OfJob} key=${key} jobKey=${key} job=${job} />${OVER_TIME[key]?.(stock)}`)}
      <section aria-labelledby="inputs"><h2 id="inputs">Inputs</h2><${Inputs} inputs=${stock.inputs} /></section>
    </div>`}</${Loaded}>`;
}

// What follows a job's answer, by the job's key.
const OVER_TIME = {
  scores: ({ scores }) => html`<section aria-labelledby="scores">
    <h2 id="scores">Score over time</h2><${ScoreChart} days=${scores} /></section>`,
  red_flags: ({ red_flags: detections }) => html`<section aria-labelledby="flags">
    <h2 id="flags">Red flags over time</h2><${FlagsChart} detections=${detections} /></section>`,
};

function Missing({ ticker }) {
  return html`<section class="list"><h1>There is no stock <bdi>${ticker}</bdi></h1>
    <p>Tickers are told apart by capital and small letters. <a href=${route(["stocks"], { search: ticker })}>Search for it</a></p>
  </section>`;
}

function Head({ stock, overview, reload }) {
  const { busy, told, act } = useAction(() => {
    reload();
    overview.reload();
  });
  const jobs = overview.data?.jobs;
  const reasons = Object.entries(jobs ?? {}).map(([key, { status }]) => refusal(status) && `${jobTitle(key)}: ${refusal(status)}`);
  const works = !jobs ? "the jobs are not known yet" : busy || reasons.includes("") ? "" : reasons.join("; ");
  const refused = canBeNamed(stock.ticker) ? works : "a ticker with a comma cannot be asked for";
  return html`<section class="list" aria-labelledby="stock">
    <p><a href=${route(["stocks"])}>Stocks</a></p>
    <div class="row wrap">
      <h1 id="stock"><bdi>${stock.ticker}</bdi> <span class="name" dir="auto">${stock.name}</span></h1>
      <span class="grow"></span>
      <${Action} label="Refresh it now" kind="primary" refused=${refused} busy=${busy}
        onClick=${() => act("Refresh", () => refreshedByAll(jobs, stock.ticker))} />
    </div>
    <${Told} told=${told} />
    <dl class="facts">
      <div><dt>Score</dt><dd class="figure">${number(stock.vetr_score)}<span class="muted"> of 100</span></dd></div>
      <div><dt>Price</dt><dd>${number(stock.price)}</dd></div>
      <div><dt>Market capitalization</dt><dd>${number(stock.market_cap)}</dd></div>
      <div><dt>Exchange</dt><dd dir="auto">${stock.exchange}</dd></div>
      <div><dt>Sector</dt><dd dir="auto">${stock.sector}</dd></div>
    </dl>
  </section>`;
}

const GRAVITY = ["ok", "warning", "problem"];

/** Refresh the stock with each job, one after the other. Throws Refused. */
async function refreshedByAll(jobs, ticker) {
  const all = [];
  for (const [key, { name }] of Object.entries(jobs)) {
    all.push({ title: jobTitle(key), ...(await refreshed(name, { tickers: ticker })) });
  }
  const worst = Math.max(...all.map(({ state }) => GRAVITY.indexOf(state)));
  return { state: GRAVITY[worst], text: all.map(({ title, text }) => `${title}: ${text}`).join(". ") };
}

const FRESHNESS = { fresh: ["ok", "Fresh"], stale: ["warning", "Stale"], never: ["unknown", "Never refreshed"] };

/** What a job knows of the stock: its answer, in the form that its values have, and how it last fared. */
function OfJob({ jobKey, job }) {
  const { value, error } = job.answer;
  const [state, word] = FRESHNESS[job.freshness];
  return html`<section aria-labelledby="answer-${jobKey}">
    <div class="row wrap"><h2 id="answer-${jobKey}">${jobTitle(jobKey)}</h2><span class="grow"></span>
      <${State} state=${state}>${word}</${State}></div>
    <${Fared} job=${job} />
    ${error && html`<p class="bad" dir="auto"><${State} state="problem">It cannot be computed: ${error}</${State}></p>`}
    ${isScore(value) ? html`<${ScoreAnswer} value=${value} />`
      : isFlags(value) ? html`<${FlagsAnswer} value=${value} />`
      : value !== null && html`<pre tabindex="0" aria-label="Its answer">${JSON.stringify(value, null, 2)}</pre>`}
    ${value !== null && html`<p class="muted">${job.answer.source === "cached"
      ? "This answer is in the cache, from which the platform reads it."
      : "The cache has no answer of this stock: this one was computed just now, and not written."}</p>`}
  </section>`;
}

function Fared({ job }) {
  const times = job.consecutive_failures;
  return html`<p>Last refreshed <${Time} at=${job.last_refreshed_at} />.
      ${!job.failing_since && job.last_failed_at && html` Last failed <${Time} at=${job.last_failed_at} />.`}</p>
    ${job.failing_since && html`<p><${State} state="problem">Failing since <${Time} at=${job.failing_since} exact />${times > 1
      && `, ${plural(times, "time")} in a row`}: <span dir="auto"><${Said} text=${job.last_error} /></span></${State}></p>`}`;
}

function Inputs({ inputs }) {
  if (!inputs) return html`<p><${State} state="problem">The database cannot read this stock's inputs.</${State}></p>`;
  return html`<div class="table"><table class="inputs">
    <thead><tr><th>Table</th><th class="number">Rows</th><th>Newest</th></tr></thead>
    <tbody>${inputs.map((input) => html`<tr key=${input.table}>
      <th scope="row"><code>${input.table}</code></th>
      <td class="number">${number(input.rows)}</td>
      <td>${input.newest ? html`<${Time} at=${input.newest} />` : html`<span class="muted">${input.rows ? "no time" : "no rows"}</span>`}</td>
    </tr>`)}</tbody>
  </table></div>`;
}
