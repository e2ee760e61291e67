"""P50 and P90 come from many runs through the network; dispatchers compute them, pages read them."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError

from checklists import services
from checklists.board import Board
from checklists.forecast import make_forecast
from checklists.forecast.network import Task
from checklists.forecast.simulated import refresh_forecasts, store_simulation
from checklists.forecast.simulation import Spread, simulate
from checklists.models import Cutover, SimulatedForecast
from checklists.models.audit import database_now
from checklists.revision import Revision
from tests.benchmarks.bench_forecast import measure
from tests.checklists.forecast.test_completion import TIMED
from tests.checklists.histories import item_of, make_cutover, person

WIDE = Spread(100, 0.5)


def odds_of(*tasks: Task, spread: Spread = WIDE, seed: int = 7) -> Any:
    keys = {task.key for task in tasks}
    return simulate(tasks, dict.fromkeys(keys, spread), {"all": keys}, seed=seed)["all"]


class TestRuns:
    def test_one_task_gives_the_percentiles_of_its_distribution(self) -> None:
        found = odds_of(Task("a", (), 100))
        assert found.p50 == pytest.approx(100, rel=0.03)
        assert found.p90 == pytest.approx(100 * math.exp(1.2816 * 0.5), rel=0.03)

    def test_a_chain_adds_up_and_two_at_once_end_with_the_slower(self) -> None:
        chain = odds_of(Task("a", (), 100), Task("b", ("a",), 100))
        assert chain.p50 > 200
        both = odds_of(Task("a", (), 100), Task("b", (), 100))
        assert 115 < both.p50 < 150  # the slower of two is slower than one

    def test_one_person_does_two_tasks_one_after_the_other(self) -> None:
        alone = odds_of(Task("a", (), 100, worker="ama"), Task("b", (), 100, worker="ama"))
        assert alone.p50 > 200

    def test_nothing_begins_before_it_may(self) -> None:
        assert odds_of(Task("a", (), 100, earliest=5000)).p50 > 5000

    def test_what_runs_already_takes_longer_than_it_has_run(self) -> None:
        running = Spread(100, 0.5, elapsed=150)
        found = odds_of(Task("a", (), 0), spread=running)
        assert 10 < found.p50 < 80
        assert odds_of(Task("a", (), 0), spread=Spread(100, 0.5, elapsed=10_000)).p90 == 0

    def test_the_same_seed_gives_the_same_and_another_one_hardly_differs(self) -> None:
        task = Task("a", (), 100)
        assert odds_of(task) == odds_of(task)
        assert odds_of(task) != odds_of(task, seed=8)
        assert odds_of(task, seed=8).p90 == pytest.approx(odds_of(task).p90, rel=0.05)

    def test_ten_thousand_runs_take_hardly_longer_than_their_random_numbers(self) -> None:
        took, ratio = measure(133)
        assert ratio < 12, (took, ratio)


@pytest.mark.django_db
class TestStored:
    @pytest.fixture
    def cutover(self) -> Cutover:
        return make_cutover("announced", text=TIMED)

    def test_pages_show_the_latest_simulation_of_each_moment(self, cutover: Cutover) -> None:
        assert make_forecast(Board.load(cutover)).writable.likely_at is None
        row = store_simulation(cutover, Revision(), seed=3)
        assert (row.seed, row.runs) == (3, 10_000)
        found = make_forecast(Board.load(cutover))
        for moment in (found.writable, found.window_done, found.all_done):
            assert moment.likely_at < moment.nearly_sure_at
        assert found.writable.nearly_sure_at < found.window_done.nearly_sure_at
        assert abs(found.writable.likely_at - found.writable.at) < timedelta(minutes=4)
        again = store_simulation(cutover, Revision(), seed=3)
        assert again.moments.keys() == row.moments.keys()
        assert SimulatedForecast.objects.count() == 1

    def test_an_old_simulation_is_not_shown(self, cutover: Cutover) -> None:
        store_simulation(cutover, Revision())
        SimulatedForecast.objects.update(at=database_now() - timedelta(minutes=3))
        assert make_forecast(Board.load(cutover)).writable.likely_at is None

    def test_one_of_before_the_order_says_nothing_about_the_way_back(self, cutover: Cutover) -> None:
        store_simulation(cutover, Revision())
        services.order_rollback(cutover=cutover, by=person("ama"), reason="It is red.")
        cutover.refresh_from_db()
        assert make_forecast(Board.load(cutover)).all_done.likely_at is None

    def test_what_was_reached_has_no_odds(self) -> None:
        cutover = make_cutover("changed", text=TIMED)
        assert "service_restored" not in store_simulation(cutover, Revision()).moments

    def test_it_is_computed_anew_after_a_change_at_most_every_two_seconds(self, cutover: Cutover) -> None:
        assert (refresh_forecasts(), refresh_forecasts()) == (1, 0)
        services.claim_item(item=item_of(cutover, "celebrate"), by=person("ama"))
        assert refresh_forecasts() == 0  # two seconds have not passed
        SimulatedForecast.objects.update(at=database_now() - timedelta(seconds=2))
        assert (refresh_forecasts(), refresh_forecasts()) == (1, 0)
        SimulatedForecast.objects.update(at=database_now() - timedelta(seconds=10))
        assert refresh_forecasts() == 0  # nothing changed
        SimulatedForecast.objects.update(at=database_now() - timedelta(seconds=21))
        assert refresh_forecasts() == 1

    def test_a_cutover_that_goes_meanwhile_does_not_end_the_dispatcher(
        self, cutover: Cutover, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(error: Exception) -> None:
            def store(*args: object) -> None:
                raise error

            monkeypatch.setattr("checklists.forecast.simulated.store_simulation", store)

        fail(IntegrityError("its cutover is gone"))
        assert refresh_forecasts() == 1
        fail(OperationalError("the server is away"))
        with pytest.raises(OperationalError):  # the loop connects again
            refresh_forecasts()

    def test_a_closed_cutover_is_left_alone(self, cutover: Cutover) -> None:
        services.close_cutover(cutover=cutover, status="ABANDONED", by=person("ama"), reason="Not tonight.")
        assert refresh_forecasts() == 0
