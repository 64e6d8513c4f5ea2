"""PostgreSQL: rows that a policy might hide are not taken for missing; who wants its policies to apply says so."""

import pytest

from tests.integration.policies import as_role, secure
from tests.integration.replies import error_of
from tests.world import World
from vettr_cron.services.doctor.doctor import Check, State

STOCKS = 30


@pytest.fixture
def owner(postgres_world: World) -> World:
    """A universe that was refreshed once, whose every score was then set to another."""
    postgres_world.generate(STOCKS)
    postgres_world.data("refresh-all?chunks=all")
    postgres_world.execute("UPDATE stocks SET vetr_score = -7")
    return postgres_world


def database_check(world: World) -> Check:
    (found,) = [check for check in world.services.doctor.examine().checks if check.name == "database"]
    return found


def unscored(world: World) -> int:
    return sum(row["vetr_score"] == -7 for row in world.table("stocks"))


def test_inputs_that_a_policy_may_hide_fail_the_run_and_change_no_score(owner: World) -> None:
    secure(owner, "executives")
    with as_role(owner) as world:
        error = error_of(world.call("scores?chunks=all"), 500, "JOB_FAILED")
        assert "Row security may hide rows of executives" in error["message"] + str(error.get("details"))
        assert "CRON_ROW_SECURITY=on" in str(error)
    assert unscored(owner) == STOCKS


@pytest.mark.parametrize("table", ["stocks", "cron_pauses", "cron_job_runs"])
def test_a_call_that_could_not_see_what_it_goes_by_does_not_begin(owner: World, table: str) -> None:
    secure(owner, table)
    with as_role(owner) as world:
        error = error_of(world.call("scores"), 503, "SERVICE_UNAVAILABLE")
        assert f"Row security may hide rows of {table}" in error["message"]
    assert unscored(owner) == STOCKS


def test_doctor_names_every_table_that_a_policy_may_hide(owner: World) -> None:
    secure(owner, "filings")
    secure(owner, "stocks", "USING (true)")
    with as_role(owner) as world:
        check = database_check(world)
    assert check.state is State.PROBLEM
    assert "Row security may hide rows of filings, stocks" in check.found
    assert "CRON_ROW_SECURITY=on" in (check.fix or "")
    with as_role(owner, cron_row_security="on") as world:
        assert database_check(world).state is State.OK


def test_who_says_so_has_the_policies_applied(owner: World) -> None:
    first, *_ = owner.tickers()
    secure(owner, "executives", "USING (true)")
    secure(owner, "stocks", f"USING (ticker <> '{first}')")
    with as_role(owner, cron_row_security="on") as world:
        assert world.data("scores?chunks=all")["succeeded"] == STOCKS - 1
    assert unscored(owner) == 1


def test_the_owner_of_the_tables_is_under_no_policy(owner: World) -> None:
    secure(owner, "executives")
    assert owner.data("scores?chunks=all")["succeeded"] == STOCKS


def test_a_view_over_a_table_under_a_policy_is_a_problem_too(owner: World) -> None:
    owner.execute("ALTER TABLE financial_data RENAME TO kept_data")
    owner.execute("CREATE VIEW financial_data WITH (security_invoker) AS SELECT * FROM kept_data")
    secure(owner, "kept_data")
    with as_role(owner) as world:
        (check,) = [check for check in world.services.doctor.examine().checks if check.name == "universe"]
        assert check.state is State.PROBLEM
        assert "Row security may hide rows of kept_data" in check.found


def test_triggers_may_write_tables_under_policies(owner: World) -> None:
    owner.execute("CREATE TABLE audit (ticker text)")
    secure(owner, "audit", "USING (true) WITH CHECK (true)")
    owner.execute(
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO audit VALUES (NEW.stock_ticker); RETURN NEW; END $$"
    )
    owner.execute("CREATE TRIGGER note BEFORE INSERT ON vetr_score_history FOR EACH ROW EXECUTE FUNCTION note()")
    with as_role(owner) as world:
        assert world.data("scores?chunks=all")["succeeded"] == STOCKS
    assert len(owner.rows("SELECT ticker FROM audit")) == STOCKS


def test_a_row_that_a_policy_refuses_fails_its_stock_alone(owner: World) -> None:
    first, *_ = owner.tickers()
    secure(owner, "vetr_score_history", f"USING (true) WITH CHECK (stock_ticker <> '{first}')")
    with as_role(owner, cron_row_security="on") as world:
        data = world.data("scores?chunks=all")
        assert (data["succeeded"], [failure["ticker"] for failure in data["failures"]]) == (STOCKS - 1, [first])


def test_scores_that_a_policy_keeps_from_being_written_fail_their_stocks(owner: World) -> None:
    secure(owner, "stocks", "FOR SELECT USING (true)")
    owner.execute("DELETE FROM vetr_score_history")
    with as_role(owner, cron_row_security="on") as world:
        details = error_of(world.call("scores?chunks=all"), 500, "JOB_FAILED")["details"]
    assert (details["succeeded"], details["failed"]) == (0, STOCKS)
    assert details["failures"][0]["error"].startswith("stocks: the database accepted the row but did not keep it")
    assert unscored(owner) == STOCKS
    assert not owner.table("vetr_score_history")
