// How a score comes about: four pillars by their weights give the base score, and the day's price tilts it.
import { html } from "../preact.js";
import { percent } from "../format.js";

/** Whether a job's answer is a score with its pillars; another program may have written anything. */
export function isScore(value) {
  const pillars = Object.values(value?.components ?? {});
  return pillars.length > 0 && Number.isFinite(value.overall_score) && Number.isFinite(value.base_score)
    && Number.isFinite(value.hourly_action_overlay?.dynamic_tilt)
    && pillars.every((pillar) => Number.isFinite(pillar?.score) && Number.isFinite(pillar.weight));
}

export const points = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const signed = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "exceptZero" });
const hundredths = (figure) => Math.floor(figure * 100 + 0.5) / 100;
const rounded = (figure) => Math.floor(figure) + (figure - Math.floor(figure) >= 0.5 ? 1 : 0); // as the contract's rhu

/** The pillars with what each adds, in hundredths that make up the hundredths of their sum, whatever rounding does. */
export function pillarsOf({ components, null_pillars: missing }) {
  let sum = 0;
  return Object.entries(components).map(([name, pillar]) => {
    const before = hundredths(sum);
    sum += pillar.score * pillar.weight;
    const isMissing = Array.isArray(missing) && missing.includes(name);
    return { name, ...pillar, isMissing, from: before, to: hundredths(sum), adds: hundredths(hundredths(sum) - before) };
  });
}

export function ScoreAnswer({ value }) {
  const pillars = pillarsOf(value);
  const sum = pillars.at(-1).to;
  const { overall_score: overall, base_score: base } = value;
  const tilt = value.hourly_action_overlay.dynamic_tilt;
  const tilted = hundredths(base + tilt);
  return html`
    <${Bar} pillars=${pillars} base=${base} overall=${overall} />
    <div class="table"><table class="sum">
      <thead><tr><th>Pillar</th><th class="number">Score</th><th class="number">× weight</th><th class="number">= points</th></tr></thead>
      ${pillars.map((pillar, place) => html`<${Pillar} key=${pillar.name} pillar=${pillar} place=${place} />`)}
      <tbody>
        <tr class="total"><th scope="row" colspan="3">Sum of the pillars</th><td class="number">${points.format(sum)}</td></tr>
        <tr><th scope="row" colspan="3">Base score: the sum, rounded${justBelow(sum, base)}</th><td class="number">${base}</td></tr>
        <tr><th scope="row" colspan="3">Tilt by the day's price${overlay(value.hourly_action_overlay)}</th>
          <td class="number">${signed.format(tilt)}</td></tr>
        <tr><th scope="row" colspan="3">Base score and tilt</th><td class="number">${points.format(tilted)}</td></tr>
        <tr class="total"><th scope="row" colspan="3">Score: rounded${bounded(tilted)}${justBelow(tilted, overall)}</th>
          <td class="number figure">${overall}</td></tr>
      </tbody>
    </table></div>
    <${Missing} pillars=${pillars} />`;
}

/** Two decimals show a figure just below a half as the half, which would be rounded up. */
const justBelow = (shown, whole) =>
  Math.min(100, Math.max(0, rounded(shown))) === whole || rounded(shown) === whole ? "" : " (it is just below the half)";

const bounded = (figure) => (figure >= 100.5 ? ", at most 100" : figure < -0.5 ? ", at least 0" : "");

function overlay({ return_pct: change, atr_pct: range }) {
  if (!Number.isFinite(change) || !Number.isFinite(range)) return "";
  return `: ${percent(change / 100)} since the last close, where ${percent(range / 100)} is usual`;
}

const MARKS = ["a", "b", "c", "d"]; // a pillar's fill, in the bar and beside its name

// What a sub-score weighs in its pillar's score, by the contract. The efficiency ratio is no part of a sum.
const WEIGHTS = {
  financial_survival: { cash_runway: 0.6, solvency: 0.4 },
  shareholder_structure: { pedigree: 0.3, dilution_penalty: 0.3, sedi_insider_conviction: 0.2, warrant_overhang: 0.2 },
  market_sentiment: { liquidity: 20 / 75, news_velocity: 15 / 75, short_squeeze: 20 / 75, analyst_consensus: 20 / 75 },
};
const MAY_LACK_DATA = ["cash_runway", "solvency", "liquidity"]; // reported as 0 without

/**
 * How the sub-scores make up a pillar's score: by their names, a weight each, 0 for one without data.
 *
 * An answer does not say whether a 0 stands for missing data: what its pillar's score is made of tells. Returns the ways
 * that lead to this score: two if both do, none of another program's answer.
 */
export function waysTo({ name, score, sub_scores: parts }) {
  const weights = Object.entries(WEIGHTS[name] ?? {});
  if (!weights.length || !weights.every(([part]) => Number.isFinite(parts?.[part]))) return [];
  const maybe = MAY_LACK_DATA.filter((part) => parts[part] === 0 && weights.some(([of]) => of === part));
  return [null, ...maybe].map((missing) => {
    const sum = weights.reduce((total, [part, weight]) => (part === missing ? total : total + weight), 0);
    // Divided only where it has to be: 1 is not the sum of all that make it up.
    return Object.fromEntries(weights.map(([part, weight]) => [part, part === missing ? 0 : missing ? weight / sum : weight]));
  }).filter((way) => rounded(Object.entries(way).reduce((total, [part, weight]) => total + parts[part] * weight, 0)) === score);
}

function Pillar({ pillar, place }) {
  const [way] = waysTo(pillar);
  return html`<tbody>
    <tr class="pillar">
      <th scope="row"><span class="swatch fill-${MARKS[place % MARKS.length]}" aria-hidden="true"></span>${words(pillar.name)}</th>
      <td class="number">${pillar.isMissing ? html`<span class="bad">no data</span>` : pillar.score}</td>
      <td class="number">${percent(pillar.weight)}</td>
      <td class="number">${points.format(pillar.adds)}</td>
    </tr>
    ${!pillar.isMissing && Object.entries(pillar.sub_scores ?? {}).map(([name, score]) => html`<tr key=${name} class="part-of">
      <th scope="row">${words(name)}</th>
      <td class="number">${way?.[name] === 0 ? "no data" : figure(score)}</td>
      <td class="number">${way?.[name] !== undefined && html`${percent(way[name])}<span class="hidden"> of the pillar</span>`}</td>
      <td></td></tr>`)}
  </tbody>`;
}

const figure = (score) => (Number.isInteger(score) ? score : Number.isFinite(score) ? points.format(score) : String(score));

const WORDS = { sedi_insider_conviction: "Insider conviction (SEDI)" };

/** "financial_survival" as "Financial survival". */
export function words(name) {
  return WORDS[name] ?? name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");
}

/** The points of the pillars on a line from 0 to 100, and what the tilt adds to the base score or takes from it. */
function Bar({ pillars, base, overall }) {
  const [low, high] = [Math.min(base, overall), Math.max(base, overall)];
  return html`<div class="score-bar" aria-hidden="true">
      ${pillars.map(({ name, from, to }, place) =>
        html`<span key=${name} class="fill-${MARKS[place % MARKS.length]}" style=${between(from, to)}></span>`)}
      ${high > low && html`<span class=${overall > base ? "tilt-up" : "tilt-down"} style=${between(low, high)}></span>`}
      <span class="score-mark" style=${{ left: `${within(overall)}%` }}></span>
    </div>
    <div class="score-scale" aria-hidden="true">${[0, 25, 50, 75, 100].map((tick) => html`<span>${tick}</span>`)}</div>`;
}

const within = (figure) => Math.min(100, Math.max(0, figure));
const between = (from, to) => ({ left: `${within(from)}%`, width: `${Math.max(0, within(to) - within(from))}%` });

function Missing({ pillars }) {
  const missing = pillars.filter(({ isMissing }) => isMissing).map(({ name }) => words(name));
  const zeros = html`<p class="muted">A cash runway, solvency or liquidity of 0 may also stand for missing figures: then the other
    sub-scores of the pillar make up its score.</p>`;
  const hasZeros = pillars.some((pillar) => !pillar.isMissing && waysTo(pillar).length > 1);
  const many = missing.length > 1;
  return html`
    ${missing.length === pillars.length && html`<p>No pillar has data: every weight is 0, and so is the base score.</p>`}
    ${missing.length > 0 && missing.length < pillars.length && html`<p>${missing.join(", ")} ${many ? "have no data and weigh" : "has no data and weighs"} nothing.
      The weights of the other pillars are larger for it, and still make up ${percent(1)}.</p>`}
    ${hasZeros && zeros}`;
}
