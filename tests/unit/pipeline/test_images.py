"""Images of pipeline.toml by name, as files, and in the flake."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.foundation.errors import UsageError
from nanna_ci.pipeline.definition import Pipeline, parse_pipeline
from nanna_ci.pipeline.images import choose_images, image_attribute, parse_image_files


@pytest.fixture
def pipeline() -> Pipeline:
    images = "".join(f'[[image]]\nname = "{name}"\ncontents = ["x"]\nport = 1\n' for name in ("harness", "ollama"))
    return parse_pipeline(f'[workspace]\nname = "w"\n{images}', "pipeline.toml")


@pytest.mark.parametrize(
    ("name", "architecture", "attribute"),
    [
        ("harness", "x86_64", "packages.x86_64-linux.harness-image"),
        ("harness", "aarch64", "packages.x86_64-linux.harness-image-aarch64-linux"),
        ("qwen3-container", "x86_64", "packages.x86_64-linux.qwen3-container"),
    ],
)
def test_the_flake_has_an_image_by_its_name_and_by_another_system(name: str, architecture: str, attribute: str) -> None:
    assert image_attribute(name, architecture, "x86_64-linux") == attribute


def test_no_name_means_all_images_and_a_name_said_twice_means_one(pipeline: Pipeline) -> None:
    assert [image.name for image in choose_images(pipeline, [])] == ["harness", "ollama"]
    assert [image.name for image in choose_images(pipeline, ["ollama", "ollama"])] == ["ollama"]


@pytest.mark.parametrize(
    ("name", "hint"), [("olama", "did you mean ollama?"), ("x", "pipeline.toml has: harness, ollama")]
)
def test_an_unknown_image_is_refused_with_what_there_is(pipeline: Pipeline, name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}': no such image") as caught:
        choose_images(pipeline, [name])
    assert caught.value.hint == hint


def test_files_of_images_are_pairs_in_their_order_also_of_one_image() -> None:
    words = ["app=amd64", "app=/x/a=b"]
    assert parse_image_files(words, "--from", Path("/w")) == (("app", Path("/w/amd64")), ("app", Path("/x/a=b")))


@pytest.mark.parametrize("word", ["", "=", "app", "app=", "=amd64"])
def test_a_word_that_is_not_a_pair_is_refused_with_its_flag(word: str) -> None:
    with pytest.raises(UsageError, match=r"--sbom '.*': not IMAGE=PATH"):
        parse_image_files([word], "--sbom", Path("/w"))
