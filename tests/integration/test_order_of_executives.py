"""Executives come to the rules in the platform's order, whatever the order of their rows, on every database."""

from uuid import UUID

import pytest

from tests.integration.bare_stocks import add_stocks
from tests.jobs import THE_TWO
from tests.world import World
from vettr_cron.repositories.universe import Beyond
from vettr_cron.services.clock import utc_now

PEOPLE = [(4, 9.4, ["A"]), (3, 11.2, ["B", "C"]), (7, 19.9, ["D"]), (2, 0.3, []), (1, 0.3, ["E"])]


def add_people(world: World, order: list[int]) -> None:
    add_stocks(world, 1)
    (stock,) = world.table("stocks")
    common = {"stock_id": stock["id"], "name": "N", "title": "CEO"}
    for place in order:
        number, years, companies = PEOPLE[place]
        row = {"id": UUID(int=number), "years_at_company": years, "previous_companies": companies}
        world.add("executives", {**common, **row})


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 4, 1, 3, 0]])
def test_the_longest_at_the_company_come_first_and_then_the_order_of_ids(world: World, order: list[int]) -> None:
    add_people(world, order)
    with world.services.database.index_reads() as connection:
        (item,) = THE_TWO["scores"].load(connection, Beyond(None, 10), utc_now()).items
    assert [(each.years_at_company, each.previous_companies) for each in item.inputs.executives] == [
        (19.9, ["D"]),
        (11.2, ["B", "C"]),
        (9.4, ["A"]),
        (0.3, ["E"]),
        (0.3, []),
    ]


def test_a_sum_that_is_a_half_but_for_its_last_bit_rounds_as_the_platforms(world: World) -> None:
    add_people(world, [0, 1, 2])
    world.data("scores")
    (row,) = world.table("vetr_score_history")
    assert row["pedigree_sub_score"] == 62
