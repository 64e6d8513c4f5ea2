// A stock's red flags: how grave each is and why, and how they make up the composite score.
import { html } from "../preact.js";
import { percent } from "../format.js";
import { State } from "../parts.js";
import { points, words } from "./stock_score.js";

/** Whether a job's answer is a set of flags; another program may have written anything. */
export function isFlags(value) {
  return Array.isArray(value?.flags) && Number.isFinite(value.composite_score)
    && value.flags.every((flag) => typeof flag?.flag_type === "string" && Number.isFinite(flag.score) && Number.isFinite(flag.weight));
}

const STATES = { Critical: "problem", High: "problem", Moderate: "warning", Low: "ok" };

/** The contract's severity of a score. */
export const severityOf = (score) => (score > 85 ? "Critical" : score >= 60 ? "High" : score >= 30 ? "Moderate" : "Low");

export function Severity({ name }) {
  return html`<${State} state=${STATES[name] ?? "unknown"}><bdi>${name}</bdi></${State}>`;
}

export function FlagsAnswer({ value }) {
  const sum = value.flags.reduce((total, { score, weight }) => total + score * weight, 0);
  return html`<div class="table"><table class="sum">
    <thead><tr><th>Flag</th><th class="number">Score</th><th class="number">× weight</th><th class="number">= points</th></tr></thead>
    ${value.flags.map((flag) => html`<tbody key=${flag.flag_type}>
      <tr class="pillar"><th scope="row">${words(flag.flag_type)}</th><td class="number">${flag.score}</td>
        <td class="number">${percent(flag.weight)}</td><td class="number">${points.format(flag.score * flag.weight)}</td></tr>
      <tr class="part-of"><td colspan="4"><${Severity} name=${severityOf(flag.score)} />${" "}<span dir="auto">${flag.description}</span></td></tr>
    </tbody>`)}
    <tbody>
      <tr class="total"><th scope="row" colspan="3">Sum of the flags</th><td class="number">${points.format(sum)}</td></tr>
      <tr class="total"><th scope="row" colspan="3">Composite score: rounded${" "}<${Severity} name=${String(value.severity)} /></th>
        <td class="number figure">${value.composite_score}</td></tr>
    </tbody>
  </table></div>`;
}
