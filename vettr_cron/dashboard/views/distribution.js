// What the results count as now, beside a week ago: scores by tens, red flags by severity.
import { html } from "../preact.js";
import { jobTitle, Time } from "../parts.js";
import { number } from "../format.js";

const TENS = ["0", "10", "20", "30", "40", "50", "60", "70", "80", "90"];
const SEVERITIES = ["Critical", "High", "Moderate", "Low"];
const NAMES = { scores: "Scores by tens", red_flags: "Red flags by severity" };

/** `now` and `weekAgo` are samples, or null. */
export function Distribution({ jobKey, now, weekAgo }) {
  const title = NAMES[jobKey] ?? `${jobTitle(jobKey)}: results`;
  const words = wordsOf(now, weekAgo);
  const most = Math.max(1, ...words.flatMap((word) => [count(now, word), count(weekAgo, word)]));
  const bar = (sample, word, kind) => count(sample, word) > 0 && html`<span class="amount ${kind}" style=${{ width: `${(100 * count(sample, word)) / most}%` }}></span>`;
  if (!words.length) {
    return html`<section class="chart" aria-label=${title}><h2>${title}</h2>
      <p class="muted">Not counted yet: a result counts once its stock is refreshed.</p></section>`;
  }
  return html`<section class="chart" aria-label=${title}>
    <h2>${title}</h2>
    <ul class="legend">
      <li><span class="swatch amount now" aria-hidden="true"></span>now <span class="muted">(<${Time} at=${now.at} />)</span></li>
      <li>${weekAgo
        ? html`<span class="swatch amount before" aria-hidden="true"></span>a week before <span class="muted">(<${Time} at=${weekAgo.at} exact />)</span>`
        : html`<span class="muted">nothing is known of a week before</span>`}</li>
    </ul>
    <table class="distribution">
      <thead><tr><th scope="col">${words === TENS ? "Score" : "Kind"}</th><th class="bars"><span class="hidden">Bars</span></th>
        <th scope="col" class="number">Now</th>${weekAgo && html`<th scope="col" class="number">Before</th>`}</tr></thead>
      <tbody>${words.map((word) => html`<tr>
        <th scope="row"><bdi>${words === TENS ? tens(word) : word}</bdi></th>
        <td class="bars" aria-hidden="true">${bar(now, word, "now")}${weekAgo && bar(weekAgo, word, "before")}</td>
        <td class="number">${number(count(now, word))}</td>
        ${weekAgo && html`<td class="number muted">${number(count(weekAgo, word))}</td>`}
      </tr>`)}</tbody>
    </table>
  </section>`;
}

const count = (sample, word) => sample?.kinds?.[word] ?? 0;

/** What is counted, in its own order: all tens or severities, also those that no result has; otherwise as they come. */
function wordsOf(...samples) {
  const there = [...new Set(samples.flatMap((sample) => Object.keys(sample?.kinds ?? {})))];
  const known = [TENS, SEVERITIES].find((words) => there.length && there.every((word) => words.includes(word)));
  return known ?? there.sort();
}

const tens = (lowest) => `${lowest}–${lowest === "90" ? 100 : Number(lowest) + 9}`;
