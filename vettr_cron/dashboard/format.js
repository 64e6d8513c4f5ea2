// How numbers and times are written: as the reader's language writes them and in the reader's zone, but with English words.

const numbers = new Intl.NumberFormat();
const rates = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const percentages = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 2 });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const today = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const thisYear = new Intl.DateTimeFormat(undefined, {
  weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
});
const anyYear = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];
const SHORT = [["d", 86_400], ["h", 3_600], ["min", 60]];

export const number = (value) => (value === null || value === undefined ? "–" : numbers.format(value));
export const rate = (value) => (value === null || value === undefined ? "–" : rates.format(value));

/** A share from 0 to 1; one that is not whole is never shown as 100 %. */
export function percent(share) {
  if (share === null || share === undefined) return "–";
  return percentages.format(share < 1 ? Math.min(share, 0.9999) : share);
}

/** "2 hours ago", "in 5 minutes". */
export function ago(moment, now = Date.now()) {
  const seconds = (new Date(moment) - now) / 1000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size * 1.5) ?? UNITS.at(-1);
  return Math.abs(seconds) < 1.5 ? "just now" : relative.format(Math.round(seconds / size), unit);
}

/** A duration in seconds: "40 ms", "2.4 s", "3 min 20 s", "2 h 5 min", "3 d 4 h". */
export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds > 0 && seconds < 0.9995) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 10) return `${rates.format(seconds)} s`;
  const whole = Math.round(seconds);
  const place = SHORT.findIndex(([, size]) => whole >= size);
  if (place < 0) return `${whole} s`;
  const [unit, size] = SHORT[place];
  const [smaller, part] = SHORT[place + 1] ?? ["s", 1];
  const rest = Math.floor((whole % size) / part);
  return `${Math.floor(whole / size)} ${unit}${rest ? ` ${rest} ${smaller}` : ""}`;
}

/** The time in the reader's zone, with as much of the date as it takes. */
export function clock(moment, now = new Date()) {
  const then = new Date(moment);
  if (then.toDateString() === now.toDateString()) return today.format(then);
  return (then.getFullYear() === now.getFullYear() ? thisYear : anyYear).format(then);
}

/** The exact time: "2026-11-27 18:00:04 UTC". */
export const utc = (moment) => `${new Date(moment).toISOString().slice(0, 19).replace("T", " ")} UTC`;

export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;
