// Has jobs refresh stocks, in as many calls as it takes, and tells what came of it.
import { html, useState } from "../preact.js";
import { post, Refused } from "../api.js";
import { State } from "../parts.js";
import { number, plural, span } from "../format.js";

const SOON = 500; // milliseconds, in which most actions have ended

/**
 * One action at a time: { busy, told, act(label, what) }; `what` resolves to what is to be told, { state, text }, and
 * `told` also has `asked` and `at`, when it was asked for and when this was told.
 */
export function useAction(reload) {
  const [busy, setBusy] = useState(null); // the name of what is under way
  const [told, tell] = useState(null);
  const act = async (label, what) => {
    const asked = performance.now();
    const setTold = (came) => tell({ ...came, asked, at: performance.now() });
    setBusy(label);
    setTold({ state: "running", text: `${label} …` });
    const look = setTimeout(reload, SOON); // what runs is then looked at more often
    try {
      setTold(await what());
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setTold({ state: "problem", text: `${label}: ${error.message}` });
    } finally {
      clearTimeout(look);
      setBusy(null);
      reload();
    }
  };
  return { busy, told, act };
}

export function Told({ told }) {
  return html`<p class="told" role="status">${told && html`<${State} state=${told.state}>${told.text}</${State}>`}</p>`;
}

/**
 * Refresh stocks by the parameters of one call; all stocks in as many calls as that takes, as each goes on after the
 * one before. Returns what is to be told. Throws Refused.
 */
export async function refreshed(name, parameters) {
  const goesOn = (result) => parameters.chunks === "all" && isCut(result) && result.stocks_processed;
  return told(await inCalls(name, (result) => (!result || goesOn(result) ? parameters : null)));
}

const MOST_TICKERS = 1_000; // in one call
const MOST_CHARACTERS = 50_000; // of one call's body, which may have 65,536 bytes

/** Refresh these stocks, which fail, given in the order of the service's lists. Throws Refused. */
export async function retried(name, tickers) {
  let rest = tickers.filter(canBeNamed);
  if (!rest.length) return { state: "warning", text: "A ticker with a comma cannot be asked for" };
  let batch = [];
  const sum = await inCalls(name, (result) => {
    if (result) rest = rest.slice(hasLeft(result) ? result.stocks_processed : batch.length);
    if (result && hasLeft(result) && !result.stocks_processed) return null;
    batch = firstOf(rest);
    return batch.length ? { tickers: batch.join(",") } : null;
  });
  const left = tickers.filter((ticker) => !canBeNamed(ticker)).length;
  const came = toldOfRetry(sum);
  return left ? { state: "warning", text: `${came.text}; left out, as their tickers have commas: ${left}` } : came;
}

/** Refresh all stocks that fail, of which there are `failing`. Throws Refused. */
export async function retriedAll(name, failing) {
  let done = 0;
  // Those that failed longest ago come first, so that calls of a limited time get to all of them.
  const sum = await inCalls(name, (result) => {
    done += result?.stocks_processed ?? 0;
    const hasMore = !result || (hasLeft(result) && result.stocks_processed && done < failing);
    return hasMore ? { only: "failed" } : null;
  });
  return toldOfRetry(sum);
}

/**
 * Make calls with the parameters that `next` gives for the result before, null at first, until it gives none.
 * Returns what they did together, with the `last` result.
 */
async function inCalls(name, next) {
  const sum = { done: 0, failed: 0, milliseconds: 0, last: null };
  for (let parameters = next(null); parameters; parameters = next(sum.last)) {
    sum.last = await resultOf(name, parameters);
    if (sum.last.status === "skipped") break;
    sum.done += sum.last.stocks_processed;
    sum.failed += sum.last.failed;
    sum.milliseconds += sum.last.duration_ms;
  }
  return sum;
}

const isCut = (result) => result.stop_reason === "time_budget"; // a call ends within its budget, whatever is left
const hasLeft = (result) => isCut(result) || result.status === "failed"; // it ends with the chunk in which too many fail

// Why a call ended before its stocks were done, where that is not its time.
const CUT = {
  paused: "the job was paused",
  reset: "the cycle was reset",
  superseded: "another call took over",
  shutdown: "the service was stopped",
  already_running: "another call is running",
};

function told(sum) {
  if (sum.last.status === "skipped" && !sum.done) return toldOfSkipped(sum.last);
  if (isCut(sum.last) && !sum.done) return { state: "warning", text: "No stock was done in the time that a call has" };
  const failing = sum.failed ? `, ${number(sum.failed)} failed` : "";
  const tooMany = sum.last.status === "failed" ? ", more than is tolerated" : "";
  const cut = CUT[sum.last.stop_reason];
  const ends = sum.last.chunk_info.is_complete ? "; the cycle is complete" : cut ? `; then ${cut}` : "";
  const state = cut && gravity(sum) === "ok" ? "warning" : gravity(sum);
  return { state, text: `${plural(sum.done, "stock")} in ${span(sum.milliseconds / 1000)}${failing}${tooMany}${ends}` };
}

function toldOfRetry(sum) {
  if (sum.last.status === "skipped" || CUT[sum.last.stop_reason] || !sum.failed) return told(sum);
  const which = sum.done === 1 ? "The stock" : `${number(sum.failed)} of ${plural(sum.done, "stock")}`;
  return { state: gravity(sum), text: `${which} failed again` };
}

function toldOfSkipped({ stop_reason: reason }) {
  return { state: "warning", text: reason === "paused" ? "The job is paused" : "Another call is running" };
}

const gravity = ({ failed, last }) => (last.status === "failed" ? "problem" : failed ? "warning" : "ok");

/** Tickers are given with commas between them, and without the spaces around them. */
export const canBeNamed = (ticker) => !ticker.includes(",") && ticker.trim() === ticker;

function firstOf(tickers) {
  let characters = 0;
  const most = tickers.slice(0, MOST_TICKERS);
  const end = most.findIndex((ticker) => {
    characters += encodeURIComponent(`${ticker},`).length;
    return characters > MOST_CHARACTERS;
  });
  return end < 0 ? most : most.slice(0, end);
}

const TOO_MANY = /^\d+ of \d+ stocks failed;/;

/** A job result, also that of a call which failed for no other reason than that too many of its stocks did. */
async function resultOf(name, parameters) {
  try {
    return await post(name, parameters);
  } catch (error) {
    if (error instanceof Refused && TOO_MANY.test(error.details?.error)) return error.details;
    throw error;
  }
}
