"""One stock: how its score comes about."""

from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.dashboard import visit
from tests.e2e.web import Web
from tests.integration.bare_stocks import add_stocks
from tests.world import World
from vettr_cron.domain.rounding import rhu

# Of each pillar with several sub-scores: its score, and of each sub-score its name, itself and its weight, as shown.
PILLARS = """() => [...document.querySelectorAll("table.sum tbody")]
  .map((body) => [...body.rows].map((row) => [...row.cells].map((cell) => cell.innerText.trim().split("\\n")[0])))
  .filter((rows) => rows.length > 2 && rows[0].length === 4)
  .map(([pillar, ...parts]) => [pillar[1], parts])"""


def pillars(page: Page) -> Any:
    return page.evaluate(PILLARS)


def number(shown: str) -> float:
    return float(shown.removesuffix("%").replace(" of the pillar", "")) if shown != "no data" else 0


def test_sub_scores_times_their_weights_make_up_their_pillars(page: Page, web: Web, world: World) -> None:
    tickers = world.generate(8)
    world.data("scores")
    seen = set()
    for ticker in tickers:
        visit(page, web, f"stocks/{ticker}")
        for score, parts in pillars(page):
            assert rhu(sum(number(part) * number(weight) / 100 for _, part, weight, _ in parts) + 1e-3) == int(score)
            seen |= {name for name, *_ in parts}
    assert {"Cash runway", "Solvency", "Pedigree", "Warrant overhang", "News velocity"} <= seen


def test_a_sub_score_without_data_weighs_nothing(page: Page, web: Web, world: World) -> None:
    add_stocks(world, 1)
    world.data("scores")
    visit(page, web, "stocks/T00000")
    expect(page.get_by_role("row", name="Liquidity")).to_have_accessible_name("Liquidity no data 0% of the pillar")
    expect(page.get_by_role("row", name="Short squeeze")).to_contain_text("36.36% of the pillar")
