// Calls the JSON endpoints with the secret, which is kept in this tab alone, and keeps what the page shows up to date.
import { useCallback, useEffect, useRef, useState } from "./preact.js";

const SECRET = "vettr-cron-secret"; // its name in sessionStorage
const SLOWEST_SECONDS = 30; // between two attempts while the service does not answer
const LIMITS = { GET: 10_000, POST: 60_000 }; // milliseconds for an answer; a call ends within its budget of 25 s, and may wait

/** What the service, or the way to it, answered instead of data. `status` is 0 if nothing answered. */
export class Refused extends Error {
  constructor(status, message, details) {
    super(message);
    this.status = status;
    this.details = details;
  }

  /** Whether the same may be answered later: the service, or what it needs, is gone for a time. */
  get isPassing() {
    return this.status === 0 || this.status >= 500;
  }
}

export const secret = {
  get: () => sessionStorage.getItem(SECRET) ?? "",
  set: (value) => sessionStorage.setItem(SECRET, value),
  forget: () => sessionStorage.removeItem(SECRET),
};

/**
 * The data of GET /v1/cron/<path>; parameters that are null, undefined or "" are left out. Throws Refused.
 *
 * With `isFresh` it is read anew, where callers otherwise share an answer for a moment.
 */
export const get = (path, parameters = {}, isFresh = false) => request("GET", path, parameters, isFresh);

/** The data of POST /v1/cron/<path>. Throws Refused. */
export const post = (path, parameters = {}) => request("POST", path, parameters);

const known = new Map(); // by address: the last answer that had an ETag

async function request(method, path, parameters, isFresh = false) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const query = given.length ? `?${new URLSearchParams(given)}` : "";
  const address = `/v1/cron/${path}${method === "GET" ? query : ""}`;
  const headers = secret.get() ? { Authorization: `Bearer ${secretAsBytes()}` } : {};
  const before = method === "GET" ? known.get(address) : undefined;
  if (before) headers["If-None-Match"] = before.etag;
  if (isFresh) headers["Cache-Control"] = "no-cache";
  let response, text;
  try {
    const body = method === "POST" ? new URLSearchParams(given) : undefined;
    response = await fetch(address, { method, headers, body, cache: "no-store", signal: AbortSignal.timeout(LIMITS[method]) });
    text = await response.text();
  } catch {
    throw new Refused(0, "The service does not answer");
  }
  if (response.status === 304) return before.data;
  const { data, error } = parsed(text);
  if (!response.ok || data === undefined) {
    throw new Refused(response.status, error?.message ?? `The service answered ${response.status}`, error?.details);
  }
  const etag = response.headers.get("ETag");
  if (etag) known.set(address, { etag, data });
  return data;
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {}; // of a proxy before the service, say
  }
}

// A header takes one byte a character: a secret in other characters is sent as its UTF-8, as curl does.
function secretAsBytes() {
  return String.fromCharCode(...new TextEncoder().encode(secret.get()));
}

/**
 * The data of a path, asked for again every so many seconds while the page is seen, and at once with `reload()`.
 *
 * Returns { data, error, at, isBusy, reload }; `at` is when the data was answered, in milliseconds. While the service does
 * not answer, `data` is what was last known, and the next attempts follow by themselves. Without a path nothing is asked for.
 */
export function usePolled(path, parameters = {}, seconds = 15) {
  const key = path && JSON.stringify([path, parameters]);
  return useAnswer(key, (isFresh) => get(path, parameters, isFresh), seconds);
}

/**
 * What `ask(isFresh)` resolves to, as `usePolled` has it. It is asked anew once the key changes; until then `isBusy` is true
 * and `data` the answer before, so that what is shown does not go away under the reader. With `seconds` Infinity it is asked
 * until there is an answer. Without a key nothing is asked for.
 */
export function useAnswer(key, ask, seconds) {
  const [state, setState] = useState({});
  const pace = useRef(seconds);
  const polling = useRef(null); // { load, wait }, of the key
  pace.current = seconds;
  useEffect(() => {
    if (!key) return undefined;
    let timer, asked = 0, answered = 0, failures = 0, lastError, over = false;
    const wait = () => {
      clearTimeout(timer);
      if (over || asked !== answered || lastError?.status === 401) return; // another secret is needed: then all begins anew
      const pause = pauseAfter(lastError, failures, pace.current);
      if (pause !== Infinity) timer = setTimeout(() => (document.hidden ? wait() : load()), pause * 1000);
    };
    const load = async (isFresh = false) => {
      if (over) return;
      clearTimeout(timer);
      asked += 1;
      const own = asked;
      const { error, ...answer } = await ask(isFresh).then((data) => ({ data, at: Date.now() }), (error) => ({ error }));
      if (over || own !== asked) return; // whoever asked later knows better
      answered = own;
      lastError = error;
      failures = error ? failures + 1 : 0;
      wait();
      if (error && !(error instanceof Refused)) throw error;
      setState((known) => (error ? { ...(known.key === key && known), key, error } : { key, ...answer }));
    };
    const seen = () => document.hidden || lastError?.status === 401 || load();
    polling.current = { load, wait };
    document.addEventListener("visibilitychange", seen);
    load();
    return () => {
      over = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [key]);
  useEffect(() => polling.current?.wait(), [seconds]);
  const reload = useCallback(() => polling.current?.load(true), []);
  if (!key) return { isBusy: false, reload };
  const { data, at, error } = state;
  return state.key === key ? { data, at, error, isBusy: false, reload } : { data, at, isBusy: true, reload };
}

/** Seconds until the next attempt: what may pass is tried again soon at first, then more and more rarely. */
function pauseAfter(error, failures, seconds) {
  if (!error) return seconds;
  return error.isPassing ? Math.min(2 ** failures, SLOWEST_SECONDS) : Math.max(seconds, SLOWEST_SECONDS);
}
