"""Masks: values as they are and encoded, several lines, longest first."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from nanna_ci.rehearsal.steps.secret_masks import SecretMasks

VALUE = 'p@ss/w"ord+1'


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        base64.b64encode(VALUE.encode()).decode(),
        quote(VALUE, safe=""),
        json.dumps(VALUE)[1:-1],
    ],
)
def test_each_form_of_a_value_is_hidden(form):
    masks = SecretMasks([VALUE])
    assert form not in masks.hide_text(f"<{form}>")
    assert masks.finds(f"<{form}>")


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_base64_of_a_text_around_it_is_hidden_too(shift):
    encoded = base64.b64encode(b"x" * shift + VALUE.encode() + b"yz").decode()
    assert SecretMasks([VALUE]).hide_text(encoded) != encoded


def test_the_longest_value_goes_first():
    assert SecretMasks(["abc", "abcdef"]).hide_text("abcdefg") == "***g"


def test_a_single_character_is_hidden_but_nothing_made_of_it():
    assert SecretMasks(["x"]).hide_text("xay eA==") == "***ay eA=="


def test_blanks_hide_nothing():
    masks = SecretMasks(["", " ", "\n"])
    assert masks.hide_text("a b\n") == "a b\n"
    assert not masks.finds("a b\n")


def test_a_value_with_blanks_hides_no_text_without_them():
    masks = SecretMasks(["a b c d"])
    assert masks.hide_text("abcd a b c d") == "abcd ***"


def test_bytes_that_are_no_utf_8_stay():
    assert SecretMasks(["word"]).hide(b"\xff word") == b"\xff ***"
