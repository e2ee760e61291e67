"""Tasks are placed by their needs and their workers, and the chain that decides the end is named."""

from __future__ import annotations

from checklists.forecast.network import Task, critical_path, order_tasks, place_tasks, slack_of


def ends(*tasks: Task) -> dict[str, float]:
    return {key: placed.ends for key, placed in place_tasks(tasks).items()}


def test_a_task_begins_when_all_that_it_needs_has_ended() -> None:
    assert ends(Task("c", ("a", "b"), 1), Task("a", (), 3), Task("b", (), 5)) == {"a": 3, "b": 5, "c": 6}


def test_needs_outside_count_as_done_and_nothing_begins_before_it_may() -> None:
    assert ends(Task("a", ("gone",), 2), Task("b", ("a",), 1, earliest=10)) == {"a": 2, "b": 11}


def test_a_person_takes_what_can_begin_first_whatever_the_order_of_the_file() -> None:
    late, soon = Task("late", ("long",), 10, worker="ama"), Task("soon", (), 5, worker="ama")
    assert ends(late, Task("long", (), 100), soon) == {"soon": 5, "long": 100, "late": 110}


def test_two_tasks_of_one_person_follow_each_other_and_those_of_two_do_not() -> None:
    assert ends(Task("a", (), 5, worker="ama"), Task("b", (), 5, worker="ama")) == {"a": 5, "b": 10}
    assert ends(Task("a", (), 5, worker="ama"), Task("b", (), 5, worker="efua")) == {"a": 5, "b": 5}


def test_what_is_less_urgent_waits_for_its_person() -> None:
    later = Task("later", (), 100, worker="ama", rank=1)
    b = Task("b", ("a",), 5, worker="ama")
    assert ends(later, Task("a", (), 5), b) == {"a": 5, "b": 10, "later": 110}
    later = Task("later", ("x",), 100, worker="ama", rank=1)
    assert ends(Task("x", (), 1), later, Task("a", (), 5), b) == {"x": 1, "a": 5, "b": 10, "later": 110}


def test_a_circle_is_broken_at_its_first_task_and_everything_is_placed_once() -> None:
    found = ends(Task("a", ("c",), 1), Task("b", ("a",), 2), Task("c", ("b",), 4), Task("d", ("c",), 1))
    assert found == {"a": 1, "b": 3, "c": 7, "d": 8}
    assert order_tasks({"a": Task("a", ("a",), 1)}) == ["a"]


def test_the_critical_path_follows_needs_and_people_and_the_rest_has_slack() -> None:
    tasks = [
        Task("a", (), 5, worker="ama"),
        Task("b", (), 5, worker="ama"),
        Task("c", (), 2),
        Task("d", ("b", "c"), 1),
        Task("beside", (), 1),
    ]
    placed = place_tasks(tasks)
    assert critical_path(placed, "d") == ["a", "b", "d"]
    assert slack_of(placed, tasks, "d") == {"a": 0, "b": 0, "c": 8, "d": 0}
