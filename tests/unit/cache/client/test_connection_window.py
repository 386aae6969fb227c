"""The number of connections to a host: how it grows, and how it shrinks."""

from __future__ import annotations

from nanna_ci.cache.client.connection_window import ConnectionLimits, ConnectionWindow


def answered(window: ConnectionWindow, times: int, seconds: float = 0.02) -> ConnectionWindow:
    for _ in range(times):
        window.succeed(seconds)
    return window


def test_every_answer_allows_one_more_so_that_each_round_doubles_them() -> None:
    window = ConnectionWindow(8, 400)
    assert window.limit == 8
    for expected in (16, 32, 64, 128, 256, 400, 400):
        assert answered(window, window.limit).limit == expected


def test_neither_start_nor_growth_goes_over_the_most() -> None:
    assert ConnectionWindow(64, 3).limit == 3
    assert answered(ConnectionWindow(64, 3), 100).limit == 3
    assert ConnectionWindow(0, 0).limit == 1


def test_a_failure_halves_and_from_there_each_round_adds_one() -> None:
    window = answered(ConnectionWindow(64, 100), 36)
    window.halve(sent_s=1.0, now_s=2.0)
    assert window.limit == 50
    answered(window, 50)
    assert window.limit == 50
    answered(window, 3)
    assert window.limit == 51


def test_requests_that_were_under_way_at_a_halving_do_not_halve_again() -> None:
    window = ConnectionWindow(64, 64)
    window.halve(sent_s=1.0, now_s=2.0)
    for sent_s in (0.5, 1.0, 1.9):
        window.halve(sent_s, now_s=2.1)
    assert window.limit == 32
    window.halve(sent_s=2.0, now_s=2.2)
    assert window.limit == 16


def test_one_connection_always_remains() -> None:
    window = ConnectionWindow(4, 4)
    for number in range(20):
        window.halve(sent_s=float(number), now_s=float(number))
    assert window.limit == 1


def test_growth_pauses_while_answers_take_more_than_twice_as_long() -> None:
    window = answered(ConnectionWindow(8, 400), 8, seconds=0.02)
    slow = answered(window, 200, seconds=0.1).limit
    assert slow < 30
    assert answered(window, 200, seconds=0.1).limit == slow
    assert answered(window, 400, seconds=0.02).limit > 200


def test_near_hosts_get_more_connections() -> None:
    limits = ConnectionLimits(near_start=64, near_most=400, far_start=8, far_most=50)
    assert answered(limits.window(is_near=True), 1000).limit == 400
    assert answered(limits.window(is_near=False), 1000).limit == 50
    assert (limits.window(is_near=True).limit, limits.window(is_near=False).limit) == (64, 8)
