"""Which lines a change touches, by git's diff, and which of them tests ran."""

from __future__ import annotations

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.measure.coverage.patch_lines import ChangedLines, line_ranges, parse_diff, patch_coverage
from nanna_ci.measure.coverage.source_tree import SourceTree, place_files
from nanna_ci.pipeline.lcov import LcovReport

TREE = SourceTree("", {"it": ""})

DIFF = b"""\
diff --git a/src/lib.rs b/src/lib.rs
index 1..2 100644
--- a/src/lib.rs
+++ b/src/lib.rs
@@ -3,0 +4,2 @@ fn it() {
+a
+b
@@ -9 +11 @@
-old
+new
@@ -20,2 +21,0 @@
-gone
-gone
diff --git a/gone.rs b/gone.rs
deleted file mode 100644
--- a/gone.rs
+++ /dev/null
@@ -1,2 +0,0 @@
-x
-y
diff --git a/old.rs b/new.rs
similarity index 90%
rename from old.rs
rename to new.rs
--- a/old.rs
+++ b/new.rs
@@ -5 +5 @@
-x
+y
\\ No newline at end of file
diff --git a/pic.png b/pic.png
Binary files a/pic.png and b/pic.png differ
diff --git a/a b.rs b/a b.rs
new file mode 100644
--- /dev/null
+++ b/a b.rs\t
@@ -0,0 +1 @@
+x
diff --git "a/q\\"\\303\\251.rs" "b/q\\"\\303\\251.rs"
--- "a/q\\"\\303\\251.rs"
+++ "b/q\\"\\303\\251.rs"
@@ -1 +1 @@
-x
+y
"""


def test_added_and_altered_lines_are_found_by_their_new_numbers() -> None:
    assert parse_diff(DIFF) == {
        "src/lib.rs": {4, 5, 11},
        "new.rs": {5},
        "a b.rs": {1},
        'q"\u00e9.rs': {1},
    }


def test_lines_that_look_like_headers_are_lines() -> None:
    diff = b"diff --git a/x.rs b/x.rs\n--- a/x.rs\n+++ b/x.rs\n@@ -1,2 +1,3 @@\n--- a/y\n-@@ -1 +1 @@\n"
    diff += b"+++ b/y.rs\n+@@ -9 +9 @@\n+diff --git a/z b/z\n@@ -9 +10 @@\n-o\n+n\n"
    assert parse_diff(diff) == {"x.rs": {1, 2, 3, 10}}


def test_context_lines_are_no_change() -> None:
    assert parse_diff(b"+++ b/x.rs\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n") == {"x.rs": {2}}


@pytest.mark.parametrize("end", [b"", b"+a\n", b"+a\ndiff --git a/y b/y\n"])
def test_a_diff_that_is_cut_is_refused(end: bytes) -> None:
    with pytest.raises(MalformedData, match="a hunk ends before its last line"):
        parse_diff(b"+++ b/x.rs\n@@ -0,0 +1,2 @@\n" + end)


def test_a_changes_lines_that_can_be_run_are_counted_and_the_others_named() -> None:
    report = LcovReport({"src/lib.rs": {1: 0, 4: 1, 5: 0, 6: 0, 8: 0}, "tests/a.rs": {1: 0}, "new.rs": {1: 0, 2: 1}})
    changed = ChangedLines(
        "base",
        {"src/lib.rs": frozenset({3, 4, 5, 6, 8}), "tests/a.rs": frozenset({1}), "new.rs": None, "README.md": None},
    )
    patch = patch_coverage(changed, place_files(report, TREE))
    assert (patch.covered_lines, patch.lines) == (2, 6)
    assert patch.uncovered == (("new.rs", 1), ("src/lib.rs", 5), ("src/lib.rs", 6), ("src/lib.rs", 8))
    assert patch.ranges() == ["new.rs:1", "src/lib.rs:5-6", "src/lib.rs:8"]
    assert patch.unreported == ()


def test_changed_files_that_no_report_names_are_said() -> None:
    changed = ChangedLines(
        "base", {"src/unused.rs": None, "src/moved.rs": frozenset(), "tests/a.rs": None, "a.md": None}
    )
    patch = patch_coverage(changed, place_files(LcovReport({}), TREE))
    assert (patch.line_rate, patch.unreported) == (None, ("src/unused.rs",))


@pytest.mark.parametrize(
    ("lines", "ranges"),
    [([], []), ([3], ["3"]), ([1, 2, 3], ["1-3"]), ([1, 3, 4, 9], ["1", "3-4", "9"])],
)
def test_lines_that_follow_each_other_are_one_range(lines: list[int], ranges: list[str]) -> None:
    assert line_ranges(lines) == ranges
