// Finds a stock by its ticker or its name, as one types; the address keeps what is looked for.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../preact.js";
import { get, Refused, usePolled } from "../api.js";
import { Loaded, route } from "../parts.js";
import { number, plural } from "../format.js";

const MOST = 50;
const PAUSE = 200; // milliseconds without a key, until the service is asked

export function Stocks({ query, overview }) {
  const search = query.search ?? "";
  const [text, setText] = useState(search);
  const field = useRef(null);
  const typed = useRef(null); // null once another view is shown
  typed.current = text;
  useLayoutEffect(() => {
    field.current.focus(); // a browser obeys only the first autofocus of a page
    return () => { typed.current = null; };
  }, []);
  useEffect(() => setText(search), [search]); // by back, or a link
  useEffect(() => {
    if (text === search) return undefined;
    const timer = setTimeout(() => keepInAddress(text), PAUSE);
    return () => clearTimeout(timer);
  }, [text]);
  const submit = async (event) => {
    event.preventDefault();
    if (!text.trim()) return;
    keepInAddress(text); // so that back leads here again
    try {
      const [first] = (await get("stocks", { search: text.trim(), limit: MOST })).stocks;
      if (first && typed.current === text) location.hash = route(["stocks", first.ticker]);
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // the list below says why
    }
  };
  return html`<section class="list" aria-labelledby="stocks">
    <h1 id="stocks">Stocks</h1>
    <form role="search" onSubmit=${submit}>
      <label>Ticker or name
        <input type="search" maxlength="100" ref=${field} autocomplete="off" spellcheck=${false} value=${text}
          onInput=${(event) => setText(event.target.value)} aria-describedby="search-help" /></label>
      <p id="search-help" class="muted">The beginning of a ticker, or any part of a name. Enter opens the first one found.</p>
    </form>
    <${Found} search=${search.trim()} total=${overview.data?.total_stocks} />
  </section>`;
}

// In the place of the address before, so that back leads to the view before, not through each letter.
function keepInAddress(search) {
  history.replaceState(null, "", route(["stocks"], { search }));
  dispatchEvent(new HashChangeEvent("hashchange"));
}

function Found({ search, total }) {
  const polled = usePolled(search ? "stocks" : null, { search, limit: MOST }, 60);
  return html`<div aria-busy=${polled.isBusy}>
    <p aria-live="polite">${search ? polled.data && found(polled, search) : hint(total)}</p>
    ${search && html`<${Loaded} polled=${polled}>${({ stocks }) => stocks.length > 0 && html`<${Results} stocks=${stocks} />`}</${Loaded}>`}
  </div>`;
}

function hint(total) {
  return total === 0
    ? html`There are no stocks yet; the <a href=${route([])}>overview</a> says how to load some.`
    : `Type a ticker or a name${total ? `, to find one of ${plural(total, "stock")}` : ""}.`;
}

/** How many are found, which is read out; until what is looked for now is found, it is of what was looked for before. */
function found({ data: { stocks }, isBusy }, search) {
  if (stocks.length === MOST) return `The first ${number(MOST)} that are found. Type more of the ticker or the name.`;
  if (stocks.length) return `${plural(stocks.length, "stock")} found.`;
  return isBusy ? "" : html`No ticker begins with, and no name contains, “<bdi>${search}</bdi>”. Try fewer letters.`;
}

function Results({ stocks }) {
  return html`<div class="table"><table>
    <thead><tr><th>Ticker</th><th>Name</th><th class="wide">Exchange</th><th class="wide">Sector</th><th class="number">Score</th></tr></thead>
    <tbody>${stocks.map((stock) => html`<tr key=${stock.ticker}>
      <td class="ticker"><a href=${route(["stocks", stock.ticker])}><bdi>${stock.ticker}</bdi></a></td>
      <td class="sentence" dir="auto">${stock.name}</td>
      <td class="wide" dir="auto">${stock.exchange}</td>
      <td class="wide" dir="auto">${stock.sector}</td>
      <td class="number">${number(stock.vetr_score)}</td>
    </tr>`)}</tbody>
  </table></div>`;
}
