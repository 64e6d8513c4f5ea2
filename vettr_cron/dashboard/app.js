// The page: which view is shown, the secret, and what is always in sight.
import { html, render, useEffect, useErrorBoundary, useRef, useState } from "./preact.js";
import { secret, usePolled } from "./api.js";
import { route, said, Trouble, useRoute } from "./parts.js";
import { Overview } from "./views/overview.js";
import { Trends } from "./views/trends.js";
import { Failures } from "./views/failures.js";
import { Freshness } from "./views/freshness.js";
import { Stocks } from "./views/stocks.js";
import { Stock } from "./views/stock.js";
import { Calls } from "./views/calls.js";
import { Runs } from "./views/runs.js";
import { Run } from "./views/run.js";

// Each view gets `query`, `parts` (what follows its name in the address), and `overview`, polled for all of them.
const VIEWS = {
  __proto__: null, // no name in an address is one of an object's own
  overview: Overview,
  trends: Trends,
  failures: Failures,
  freshness: Freshness,
  stocks: ({ parts, ...rest }) => (parts.length ? html`<${Stock} ticker=${parts[0]} ...${rest} />` : html`<${Stocks} ...${rest} />`),
  calls: Calls,
  runs: ({ parts, ...rest }) => (parts.length ? html`<${Run} id=${parts[0]} ...${rest} />` : html`<${Runs} ...${rest} />`),
};
const LINKS = [
  ["overview", "Overview"], ["trends", "Trends"], ["failures", "Failures"],
  ["stocks", "Stocks"], ["calls", "Calls"], ["runs", "Runs"],
];
// By a view's name: its title, of what follows its name in the address.
const TITLES = {
  __proto__: null,
  ...Object.fromEntries([...LINKS, ["freshness", "Freshness"]].map(([name, label]) => [name, () => label])),
  stocks: (ticker = "Stocks") => ticker,
  runs: (id) => (id ? `Run ${id.slice(0, 8)}` : "Runs"),
};
const SECONDS = 5; // between two looks at the whole; while a call runs, see below
const SECONDS_WHILE_RUNNING = 1;

function App() {
  const { parts, query } = useRoute();
  const [attempt, setAttempt] = useState(0);
  return html`<${Page} key=${attempt} parts=${parts} query=${query} onSecret=${() => setAttempt(attempt + 1)} />`;
}

/** Everything, for the secret that is kept now. */
function Page({ parts, query, onSecret }) {
  const [isRunning, setIsRunning] = useState(false);
  const overview = usePolled("overview", {}, isRunning ? SECONDS_WHILE_RUNNING : SECONDS);
  const { data, error } = overview;
  useEffect(() => setIsRunning(anyRuns(data)), [data]);
  const address = parts.join("/");
  const title = titleOf(parts, overview);
  useEffect(() => {
    document.title = title;
  }, [title]);
  useFocusOnChange(address);
  if (error?.status === 401) return html`<${SignIn} refused=${secret.get()} onSecret=${onSecret} />`;
  const name = parts[0] ?? "overview";
  const View = VIEWS[name];
  return html`
    <${Header} name=${name} onSignOut=${() => { secret.forget(); onSecret(); }} />
    ${error && html`<${Trouble} error=${error} isOfAll />`}
    <main id="main" tabindex="-1">
      <${Guarded} key=${address} query=${query}>
        ${View
          ? html`<${View} parts=${parts.slice(1)} query=${query} overview=${overview} />`
          : html`<p>There is no such page. <a href=${route([])}>Overview</a></p>`}
      </${Guarded}>
    </main>`;
}

/** What a tab has room for comes first: whether there is a problem, then the view, or on the overview the verdict. */
function titleOf([name = "overview", part], { data, error }) {
  if (error?.status === 401) return "Sign in – vettr-cron";
  const isWell = !error && (!data || data.verdict.state === "ok");
  const title = name === "overview" ? (error?.message ?? (data && said(data.verdict.sentence))) : (TITLES[name]?.(part) ?? "No such page");
  return `${isWell ? "" : "! "}${title ? `${title} – ` : ""}vettr-cron`;
}

/** After a change of the view the focus is on its heading, unless the view has put it elsewhere. */
function useFocusOnChange(address) {
  const last = useRef(address);
  useEffect(() => {
    if (last.current === address) return;
    last.current = address;
    const main = document.getElementById("main");
    if (!main || main.querySelector(":focus")) return;
    const heading = main.querySelector("h1");
    if (heading) heading.tabIndex = -1;
    (heading ?? main).focus();
  }, [address]);
}

/** A view that fails says so, and leaves the rest of the page to work; another address in it is another attempt. */
function Guarded({ query, children }) {
  const address = JSON.stringify(query);
  const failedAt = useRef(null);
  const [error, again] = useErrorBoundary((failure) => {
    failedAt.current = address;
    console.error(failure);
  });
  useEffect(() => {
    if (error && failedAt.current !== address) again();
  }, [address]);
  if (!error) return children;
  return html`<section role="alert"><h1>This view failed</h1>
    <p>It could not show what the service answered: <bdi>${String(error.message ?? error)}</bdi>. The service itself goes on, and so do the other views.</p>
    <button type="button" class="primary" onClick=${again}>Try again</button></section>`;
}

const anyRuns = (data) =>
  Object.values(data?.jobs ?? {}).some(({ status }) => status.running || status.seconds_since_progress !== null);

function Header({ name, onSignOut }) {
  return html`<header>
    <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <a class="brand" href=${route([])}>vettr-cron</a>
    <nav aria-label="Pages">
      ${LINKS.map(([key, label]) =>
        html`<a href=${key === "overview" ? route([]) : route([key])} aria-current=${key === name ? "page" : null}>${label}</a>`)}
    </nav>
    <span class="grow"></span>
    <a href="/docs">API</a>
    <${Theme} />
    ${secret.get() && html`<button type="button" class="quiet" onClick=${onSignOut}>Sign out</button>`}
  </header>`;
}

function skip(event) {
  event.preventDefault(); // the address names the view
  document.getElementById("main").focus();
}

const THEMES = { "": "Theme: system", light: "Theme: light", dark: "Theme: dark" };

/** The colours: the system's choice, or light or dark, kept in this browser. */
function Theme() {
  const [theme, setTheme] = useState(localStorage.getItem("theme") ?? "");
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("theme", theme);
  }, [theme]);
  const names = Object.keys(THEMES);
  const next = names[(names.indexOf(theme) + 1) % names.length];
  return html`<button type="button" class="quiet" onClick=${() => setTheme(next)} title="Change to ${THEMES[next].toLowerCase()}">
    ${THEMES[theme] ?? THEMES[""]}</button>`;
}

function SignIn({ refused, onSecret }) {
  const [value, setValue] = useState("");
  const field = useRef(null);
  useEffect(() => field.current.focus(), []); // a browser obeys only the first autofocus of a page
  const submit = (event) => {
    event.preventDefault();
    secret.set(value.trim());
    onSecret();
  };
  return html`<main class="sign-in">
    <h1>vettr-cron</h1>
    <form onSubmit=${submit}>
      <label>Secret <input type="password" name="secret" autocomplete="current-password" required ref=${field}
        value=${value} onInput=${(event) => setValue(event.target.value)} aria-describedby="about-secret" /></label>
      ${refused && html`<p class="trouble" role="alert">This secret is wrong: it is not the service's CRON_SECRET.</p>`}
      <p id="about-secret" class="muted">The service's CRON_SECRET. It is kept in this tab until you close it or sign out,
        and sent to this service alone.</p>
      <button class="primary">Sign in</button>
    </form>
  </main>`;
}

const place = document.getElementById("app");
place.replaceChildren(); // Preact leaves what it has not rendered
render(html`<${App} />`, place);
