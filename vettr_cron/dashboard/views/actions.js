// What a person can have a job do, with what came of it.
import { html, useState } from "../preact.js";
import { post } from "../api.js";
import { Action, Dialog, jobTitle, refusal } from "../parts.js";
import { plural } from "../format.js";
import { refreshed, retriedAll, Told, useAction } from "./refresh.js";

export function Actions({ jobKey, job, total, reload }) {
  const { busy, told, act } = useAction(reload);
  const change = useAction(reload); // by itself, so that a long run can be paused
  const [asking, setAsking] = useState(null); // "pause" or "reset"
  const { name, status, counts } = job;
  const works = refusal(status) || (total ? "" : "there are no stocks");
  const rest = status.cycle.offset ? "Rest of the cycle" : "Whole cycle";
  return html`<div class="actions">
    <div class="row wrap">
      <${Action} label="Next chunk" kind="primary" refused=${works} busy=${busy} hint="Refresh the next stocks, as a scheduled call does"
        onClick=${() => act("Next chunk", () => refreshed(name, {}))} />
      <${Action} label=${rest} refused=${works} busy=${busy} hint="Refresh all stocks, to the end of the list"
        onClick=${() => act(rest, () => refreshed(name, { chunks: "all" }))} />
      <${Action} label="Retry failed" refused=${works || (counts?.failing ? "" : "no stock fails")} busy=${busy}
        onClick=${() => act("Retry failed", () => retriedAll(name, counts.failing))} />
      ${status.paused
        ? html`<${Action} label="Resume" busy=${change.busy} onClick=${() => change.act("Resume", () => resumed(name))} />`
        : html`<${Action} label="Pause" busy=${change.busy} hint="Have calls do nothing until it is resumed" onClick=${() => setAsking("pause")} />`}
      <${Action} label="Reset" refused=${status.cycle.offset ? "" : "no cycle is under way"} busy=${change.busy}
        hint="Have the next call start with the first stock"
        onClick=${() => setAsking("reset")} />
    </div>
    <${Told} told=${latest(change.told, told)} />
    ${asking === "pause" && html`<${PauseDialog} job=${jobTitle(jobKey)} onClose=${(reason) => {
      setAsking(null);
      if (reason !== null) change.act("Pause", () => paused(name, reason));
    }} />`}
    ${asking === "reset" && html`<${Dialog} title="Start the cycle of ${jobTitle(jobKey)} again?" confirm="Reset" onClose=${(yes) => {
      setAsking(null);
      if (yes) change.act("Reset", () => wasReset(name));
    }}><p>The next call begins with the first stock again. ${plural(status.cycle.offset, "stock")} of this cycle keep their
      results.</p></${Dialog}>`}
  </div>`;
}

/** Which to tell. A call that a change ends may answer before the change does, and has more to say of it. */
function latest(change, told) {
  const at = change?.state === "problem" ? change.at : change?.asked;
  return (at ?? 0) > (told?.at ?? 0) ? change : told;
}

function PauseDialog({ job, onClose }) {
  const [reason, setReason] = useState("");
  return html`<${Dialog} title="Pause ${job}" confirm="Pause" onClose=${(yes) => onClose(yes ? reason : null)}>
    <p>Calls do nothing until it is resumed. A running call stops before its next chunk.</p>
    <label>Reason, for whoever looks next
      <input maxlength="500" value=${reason} onInput=${(event) => setReason(event.target.value)} /></label>
  </${Dialog}>`;
}

async function paused(name, reason) {
  await post("pause", { job: name, reason });
  return { state: "paused", text: "Paused" };
}

async function resumed(name) {
  await post("resume", { job: name });
  return { state: "ok", text: "Resumed" };
}

async function wasReset(name) {
  await post("reset", { job: name });
  return { state: "ok", text: "The next call starts a new cycle" };
}
