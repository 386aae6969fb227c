"""Sending in batches: one path that fails keeps no other back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import pytest

from nanna_ci.cache.push.sending import BATCH, COLLECTED, GIVE_UP_AFTER, send_paths
from nanna_ci.foundation.errors import CommandFailed, CommandTimedOut
from nanna_ci.store.store_path import StorePath
from support.fake_store_paths import path

PATHS = [path(f"p{number}") for number in range(450)]


class Program:
    """Takes batches, but none with a path that is bad; remembers every batch."""

    def __init__(self, bad: Collection[StorePath] = ()) -> None:
        self.bad = set(bad)
        self.batches: list[list[StorePath]] = []

    def __call__(self, paths: Sequence[StorePath]) -> None:
        self.batches.append(list(paths))
        if wrong := [path for path in paths if path in self.bad]:
            raise CommandFailed(["nix"], 1, f"error: {wrong[0].name} is bad")


def nobody(_: Sequence[StorePath]) -> set[StorePath]:
    return set()


def quiet(_: str) -> None:
    pass


def test_without_failures_there_are_a_few_large_batches() -> None:
    program = Program()
    sent = send_paths(PATHS, program, nobody, quiet)
    assert (sent.accepted, sent.failed) == (tuple(PATHS), {})
    assert [len(batch) for batch in program.batches] == [BATCH, BATCH, 50]


def test_nothing_to_send_starts_nothing() -> None:
    program = Program()
    assert send_paths([], program, nobody, quiet).accepted == ()
    assert program.batches == []


def test_one_bad_path_fails_alone_with_the_programs_words() -> None:
    program = Program([PATHS[3]])
    said: list[str] = []
    sent = send_paths(PATHS, program, nobody, said.append)
    assert sent.failed == {PATHS[3]: "was not pushed: nix exited with 1: error: p3 is bad"}
    assert set(sent.accepted) == set(PATHS) - {PATHS[3]}
    assert "p3 is bad; 200 paths again, one by one" in said[0]


def test_paths_collected_meanwhile_are_named_and_the_rest_goes_as_one_batch_again() -> None:
    gone = {PATHS[1], PATHS[2]}
    program = Program(gone)
    sent = send_paths(PATHS[:5], program, lambda paths: gone & set(paths), quiet)
    assert sent.failed == dict.fromkeys([PATHS[1], PATHS[2]], COLLECTED)
    assert program.batches == [PATHS[:5], [PATHS[0], PATHS[3], PATHS[4]]]


def test_a_bad_path_beside_a_collected_one_is_still_found() -> None:
    program = Program([PATHS[1], PATHS[2]])
    sent = send_paths(PATHS[:4], program, lambda _: {PATHS[1]}, quiet)
    assert set(sent.failed) == {PATHS[1], PATHS[2]}
    assert set(sent.accepted) == {PATHS[0], PATHS[3]}


def test_all_of_a_batch_collected_leaves_nothing_to_try() -> None:
    program = Program(PATHS[:2])
    assert send_paths(PATHS[:2], program, set, quiet).accepted == ()
    assert len(program.batches) == 1


def test_many_failures_in_a_row_end_it_and_every_path_is_accounted_for() -> None:
    program = Program(PATHS)
    sent = send_paths(PATHS, program, nobody, quiet)
    assert len(program.batches) == 1 + GIVE_UP_AFTER
    assert set(sent.failed) == set(PATHS)
    assert sent.failed[PATHS[-1]] == f"was not tried: {GIVE_UP_AFTER} failures in a row before it"


def test_a_success_between_failures_starts_the_count_anew() -> None:
    bad = [path for number, path in enumerate(PATHS) if number % GIVE_UP_AFTER]
    sent = send_paths(PATHS, Program(bad), nobody, quiet)
    assert not [reason for reason in sent.failed.values() if "not tried" in reason]
    assert set(sent.accepted) == set(PATHS) - set(bad)


@pytest.mark.parametrize("error", [CommandTimedOut(["nix"], 1.0, ""), KeyboardInterrupt()])
def test_what_is_not_an_answer_of_the_program_goes_on(error: BaseException) -> None:
    def send(_: Sequence[StorePath]) -> None:
        raise error

    unused: Callable[[Sequence[StorePath]], set[StorePath]] = nobody
    with pytest.raises(type(error)):
        send_paths(PATHS[:1], send, unused, quiet)
