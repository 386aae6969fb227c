"""Whatever NIX_CONFIG says: joined by our lines it keeps every line of its own, and stays as it is from then on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nanna_ci.cache.settings import Setting, merge_nix_config

WORDS = st.sampled_from(
    ["https://a.example.org", "https://b.example.org/", "https://b.example.org", "k-1:x", "300", "0"]
)
NAMES = st.sampled_from(
    ["extra-substituters", "extra-trusted-public-keys", "tarball-ttl", "substituters", "binary-caches", "cores", "# x"]
)
LINES = st.builds(
    lambda name, words, end: f"{name} = {' '.join(words)}{end}",
    NAMES,
    st.lists(WORDS, max_size=3),
    st.sampled_from(["", " # c"]),
)
TEXTS = st.builds(
    lambda lines, end: "\n".join(lines) + end, st.lists(LINES | st.text(max_size=8)), st.sampled_from(["", "\n"])
)
SETTINGS = st.lists(
    st.builds(
        lambda name, words: Setting(name, tuple(words)),
        st.sampled_from(["extra-substituters", "extra-trusted-public-keys"]),
        st.lists(WORDS, min_size=1, max_size=3, unique=True),
    )
    | st.builds(lambda word: Setting("tarball-ttl", (word,)), WORDS),
    unique_by=lambda setting: setting.name,
    max_size=3,
)


@given(TEXTS, SETTINGS)
def test_every_line_stays_and_a_second_merge_changes_nothing(existing: str, settings: list[Setting]) -> None:
    merged = merge_nix_config(existing, settings)
    assert merged.text.startswith(existing)
    again = merge_nix_config(merged.text, settings)
    assert again.text == merged.text
    assert again.kept == merged.kept
