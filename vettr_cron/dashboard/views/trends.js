// How the service does over time: how long calls take, how fresh results are, and how results are distributed.
import { html, useMemo } from "../preact.js";
import { usePolled } from "../api.js";
import { number, percent, plural, rate, span } from "../format.js";
import { jobTitle, Loaded, Ranges, route, State, Time } from "../parts.js";
import { LineChart, timeOf } from "./charts.js";
import { Distribution } from "./distribution.js";

const SECONDS = 60;
const DURATIONS = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800];
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];
const SHARES = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5];

export function Trends({ query, overview }) {
  const days = query.days ?? "7";
  const activity = usePolled("activity", { days }, SECONDS);
  const objective = usePolled("objective", { days }, SECONDS);
  return html`
    <div class="row wrap"><h1>Trends</h1><span class="grow"></span>
      <${Ranges} days=${days} to=${(value) => route(["trends"], { days: value })} /></div>
    <section aria-label="Objective"><${Loaded} polled=${objective}>${(data) =>
      Object.entries(data.jobs).map(([key, job]) => html`<${Objective} jobKey=${key} job=${job} days=${data.days} />`)}</${Loaded}></section>
    <${Loaded} polled=${activity}>${(data) => html`<${Charts} data=${data} freshWithin=${overview.data?.fresh_within_seconds} />`}</${Loaded}>`;
}

/** For how much of the time every stock was fresh, and when not. */
function Objective({ jobKey, job, days }) {
  if (job.share === null) {
    return html`<p>${jobTitle(jobKey)}: not known yet; it is from the next call that takes stocks on.</p>`;
  }
  const isWhole = job.counted_seconds >= (days - 1 / 24) * 86_400;
  const time = isWhole ? (days === 1 ? "the last day" : `the last ${number(days)} days`) : html`the ${span(job.counted_seconds)} that are known, since <${Time} at=${job.since} exact />`;
  return html`<div class="objective">
    <p><${State} state=${job.share < 1 ? "warning" : "ok"}><strong>${jobTitle(jobKey)}</strong>: every stock was fresh for
      ${" "}<strong>${percent(job.share)}</strong> of ${time}.</${State}></p>
    ${job.not_fresh.length > 0 && html`<details><summary>When not: ${plural(job.not_fresh.length, "time")}, last <${Time} at=${job.not_fresh[0].end} /></summary>
      <ul>${job.not_fresh.map(({ start, end }) => html`<li><${Time} at=${start} exact /> – <${Time} at=${end} exact />
        <span class="muted"> (${span((new Date(end) - new Date(start)) / 1000)})</span></li>`)}</ul></details>`}
  </div>`;
}

function Charts({ data, freshWithin }) {
  const lines = useMemo(() => linesOf(data), [data]);
  const time = useMemo(() => timeOf(data), [data]);
  const chart = (title, series, rest) => html`<${LineChart} title=${title} series=${series} ...${time} ...${rest} />`;
  const isEmpty = Object.values(data.jobs).every(({ calls, samples }) => !calls.length && !samples.length);
  if (isEmpty) {
    return html`<section><p>No call came in this time. Choose a longer time, or have a scheduler call <code>/v1/cron/refresh-all</code>.
      A job's first call is enough for a first point in each chart.</p></section>`;
  }
  const limit = freshWithin && { value: freshWithin, label: `${span(freshWithin)}: older is not fresh (CRON_FRESH_WITHIN)` };
  return html`<div class="charts">
    ${chart(`Longest call in ${span(data.bucket_seconds)}`, lines.durations, { show: span, range: fromZero(1), steps: DURATIONS })}
    ${chart("Stocks a second", lines.rates, { show: rate, range: fromZero(1) })}
    ${chart(`Failed stocks in ${span(data.bucket_seconds)}`, lines.failures, { show: number, range: fromZero(1), steps: WHOLE })}
    ${chart("Share of fresh stocks", lines.shares, {
      show: percent, range: shares, steps: SHARES, limit: { value: 1, label: "objective: every stock" } })}
    ${chart("Age of the oldest result", lines.ages, { show: span, range: fromZero(freshWithin ?? 60), steps: DURATIONS, limit })}
    ${Object.entries(data.jobs).map(([key, job]) => html`<${Distribution} jobKey=${key} now=${job.now} weekAgo=${job.week_ago} />`)}
  </div>`;
}

/** The lines of each chart: by its name [{ label, points }], a line for each job. */
function linesOf(data) {
  const each = (name, points) => Object.entries(data.jobs).map(([key, job]) => ({ label: jobTitle(key), points: known(points(job)) }));
  const ofCalls = (value) => ({ calls }) => calls.map((bucket) => [bucket.first_at, value(bucket)]);
  const ofSamples = (value) => ({ samples }) => samples.map((sample) => [sample.at, value(sample)]);
  return {
    durations: each("durations", ofCalls((bucket) => bucket.longest_seconds)),
    rates: each("rates", ofCalls((bucket) => (bucket.busy_seconds && bucket.stocks_processed ? bucket.stocks_processed / bucket.busy_seconds : null))),
    failures: each("failures", ofCalls((bucket) => bucket.stocks_failed)),
    shares: each("shares", ofSamples((sample) => (sample.total ? sample.fresh / sample.total : null))),
    ages: each("ages", ofSamples((sample) => sample.oldest && (new Date(sample.at) - new Date(sample.oldest)) / 1000)),
  };
}

const known = (points) => points.filter(([, value]) => value !== null && value !== undefined).map(([at, value]) => [Date.parse(at) / 1000, value]);

/** An axis from 0 to a little more than the most. */
const fromZero = (least) => (_, most) => [0, Math.max(most ?? 0, least) * 1.08];

/** An axis to 100 %, from 0 % or, if that is enough, from nearer. */
function shares(least) {
  const low = [0.99, 0.9, 0].find((value) => (least ?? 0) >= value);
  return [low, 1 + (1 - low) * 0.04];
}
