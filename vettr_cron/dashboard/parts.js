// What several views show alike: times, sentences, states, links, dialogs.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./preact.js";
import { ago, clock, number, utc } from "./format.js";

const TICK = 10_000; // milliseconds
const onTick = new Set(); // of all times on the page, which move on together
let ticking;

/** The time now, in milliseconds; it moves on by itself. */
export function useNow() {
  const [, setTick] = useState(0);
  useEffect(() => {
    const tick = () => setTick((count) => count + 1);
    onTick.add(tick);
    ticking ??= setInterval(() => onTick.forEach((each) => each()), TICK);
    return () => {
      onTick.delete(tick);
      if (onTick.size) return;
      clearInterval(ticking);
      ticking = undefined;
    };
  }, []);
  return Date.now();
}

/**
 * A time as "2 hours ago", or with `exact` as the clock shows it; the exact time in UTC on hover.
 *
 * `at` is text or milliseconds. What was written by a clock that is ahead is "just now", unless it is `expected`.
 */
export function Time({ at, exact = false, expected = false }) {
  const now = useNow();
  if (!at) return html`<span class="muted">never</span>`;
  const then = new Date(at).getTime();
  if (Number.isNaN(then)) return html`<bdi>${at}</bdi>`; // another program may have written anything
  const isAhead = !expected && then > now && then - now < MOST_AHEAD;
  return html`<time datetime=${new Date(then).toISOString()} title=${utc(then)}>${exact ? clock(then) : ago(isAhead ? now : then, now)}</time>`;
}

const MOST_AHEAD = 60_000; // milliseconds that the clocks of two machines may differ without a word

const UTC_TIME = /(\d{4}-\d\d-\d\d \d\d:\d\d) UTC/;
const COUNT = /\b\d{4,}(?= (?:of|stocks|calls)\b)/g;
const COMMAND = /`((?:flask --app wsgi )?cron [^`]+|flask [^`]+)`/;

// What a command prints, and the view that shows the same.
const VIEWS_OF_COMMANDS = [
  [/cron failures(?: --job (\S+))?$/, (job) => route(["failures"], { job })],
  [/cron calls(?: --job (\S+))?$/, (job) => route(["calls"], { job })],
  [/cron coverage --job (\S+) --stocks (\S+)$/, (job, stocks) => route(["freshness"], { job, stocks })],
  [/cron run (\S+)$/, (id) => route(["runs", id])],
];

/** [text, time, text, time, ...]: a sentence of the service, with its numbers as the page writes them. */
const pieces = (text) => text.replace(COUNT, number).split(UTC_TIME)
  .map((piece, place) => (place % 2 ? `${piece.replace(" ", "T")}:00Z` : piece));

/** A sentence of the service as plain text: times in the reader's zone, numbers as the page writes them. */
export const said = (text) => pieces(text).map((piece, place) => (place % 2 ? clock(piece) : piece)).join("");

/** The same, where the times tell their UTC on hover, and commands are shown as such. */
export function Said({ text }) {
  const parts = (text ?? "").split(COMMAND);
  return html`${parts.map((part, place) => (place % 2 ? html`<${Command} text=${part} />` : html`<${Words} text=${part} />`))}`;
}

/** A command, which leads to the view that shows what it prints. */
function Command({ text }) {
  for (const [form, to] of VIEWS_OF_COMMANDS) {
    const found = form.exec(text);
    if (found) return html`<a href=${to(...found.slice(1))}><code>${text}</code></a>`;
  }
  return html`<code>${text}</code>`;
}

function Words({ text }) {
  return html`${pieces(text).map((piece, place) => (place % 2 ? html`<${Time} at=${piece} exact />` : piece))}`;
}

const MARKS = { ok: "✓", warning: "!", problem: "✕", running: "▶", paused: "⏸", skipped: "–", unknown: "?" };

/** A state as a mark and a word, so that no one has to tell colours apart. */
export function State({ state, children }) {
  return html`<span class="state state-${state}"><span class="mark" aria-hidden="true">${MARKS[state] ?? "?"}</span>
    <span>${children ?? state}</span></span>`;
}

/** The address of a view: route(["stocks", "AAL"], { days: 7 }). What is null or "" is left out. */
export function route(parts, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const path = parts.map(encodeURIComponent).join("/");
  return `#/${path}${given.length ? `?${new URLSearchParams(given)}` : ""}`;
}

/** The view that the address names: { parts: ["stocks", "AAL"], query: { days: "7" } }. */
export function useRoute() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  const [path, query] = hash.replace(/^#\/?/, "").split("?");
  return { parts: path.split("/").filter(Boolean).map(decoded), query: Object.fromEntries(new URLSearchParams(query)) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // typed by hand, with a % that encodes nothing
  }
}

/** What a view shows until its data is there, or why it is not. Renders `children(data)` once it is. */
export function Loaded({ polled, children }) {
  const { data, error } = polled;
  if (data !== undefined) return html`${error && html`<${Trouble} error=${error} />`} ${children(data)}`;
  if (!error) return html`<p class="loading">Loading …</p>`;
  return html`<${Trouble} error=${error} />${error.isPassing && html`<p class="loading">Nothing is known yet.</p>`}`;
}

const troubles = []; // of which the page tells the first of those that read alike: [{ message, look }]

/** Why something could not be asked for, or done; told once, however many ask. One that `isOfAll` is told before others. */
export function Trouble({ error, isOfAll = false }) {
  const [isTold, setIsTold] = useState(false);
  const { message } = error;
  useLayoutEffect(() => {
    const own = { message, look: () => setIsTold(troubles.find((each) => each.message === message) === own) };
    troubles.splice(isOfAll ? 0 : troubles.length, 0, own);
    troubles.forEach(({ look }) => look());
    return () => {
      troubles.splice(troubles.indexOf(own), 1);
      troubles.forEach(({ look }) => look());
    };
  }, [message, isOfAll]);
  if (!isTold) return null;
  return html`<p class="trouble" role="alert"><${State} state="problem">${message}.${error.isPassing && " Trying again …"}</${State}></p>`;
}

const CONFIRMED = "confirmed";

/** A question before something is done; `onClose` is called with whether it was confirmed. */
export function Dialog({ title, confirm, children, onClose }) {
  const element = useRef(null);
  useLayoutEffect(() => element.current.showModal(), []);
  // Closed before it is taken away, so that the focus goes back to where it was.
  const close = (answer) => element.current.close(answer);
  const submit = (event) => {
    event.preventDefault();
    close(CONFIRMED);
  };
  return html`<dialog ref=${element} onClose=${() => onClose(element.current.returnValue === CONFIRMED)} aria-label=${title}>
    <form onSubmit=${submit}>
      <h2>${title}</h2>
      ${children}
      <div class="row end">
        <button type="button" onClick=${() => close("")}>Cancel</button>
        <button class="primary">${confirm}</button>
      </div>
    </form>
  </dialog>`;
}

/** A button that says why it would be refused, instead of being out of reach; `hint` says what it does. */
export function Action({ label, refused, busy, onClick, kind = "", hint = null }) {
  const click = () => !refused && !busy && onClick();
  return html`<button type="button" class=${kind} onClick=${click} aria-disabled=${Boolean(refused || busy)}
    title=${refused || (busy && `${busy} …`) || hint}>${label}${refused && html`<span class="hidden"> (${refused})</span>`}</button>`;
}

/** Whether a call of the job is at work, by its status. */
export const isAtWork = (status) => Boolean(status.running) || status.seconds_since_progress !== null;

/** Why a call of the job would do nothing now, by its status; "" if it would work. */
export const refusal = (status) => (status.paused ? "the job is paused" : isAtWork(status) ? "a call is running" : "");

export const JOB_TITLES = { scores: "Scores", red_flags: "Red flags" };

/** A job's name for people, by its key; of a job that was added later, its key in words. */
export function jobTitle(key) {
  return JOB_TITLES[key] ?? key.charAt(0).toUpperCase() + key.slice(1).replaceAll("_", " ");
}

/** One of the times that the timeline and the charts show, the same for all of them. */
export const RANGES = [["1", "Day"], ["7", "Week"], ["30", "Month"]];

/** Links that choose the time shown; `to(days)` is the address with it. */
export function Ranges({ days, to }) {
  return html`<nav class="choice" aria-label="Time shown">
    ${RANGES.map(([value, label]) => html`<a href=${to(value)} aria-current=${value === days ? "true" : null}>${label}</a>`)}
  </nav>`;
}
