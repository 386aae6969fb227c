"""README and docs/: every command, flag, link, key, default and exit code in them is one that exists."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from nanna_ci.cli import main
from nanna_ci.cli.boundary import _exit_code
from nanna_ci.cli.command_line import render_help
from nanna_ci.foundation import errors
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.definition import load_pipeline
from nanna_ci.pipeline.rules import ARRAYS, TABLES
from nanna_ci.usage import COMMANDS
from support.fake_ports import FakePorts

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, *DOCS]
WORKSPACES = (ROOT / "docs/workspaces.md").read_text()
NIXW = (ROOT / "nixw").read_text()
NIX_FLAGS = {"--override-input", "-L", "--json"}
# of nixw, cargo, and a benchmark
OTHER_FLAGS = {"--check", "--manifest-path", "--plain", "--change", "--otava"}
CARGO_FLAGS = {"--workspace", "--locked", "--all-features", "--no-default-features"}
FENCE = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")
SPAN = re.compile(r"(?s)(?<!`)`([^`]+)`(?!`)")
CALL = re.compile(r"(?:(?:nix|nixw) run \.#|\bnanna-ci )([a-z][a-z-]*)(.*)", re.DOTALL)
FLAG = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def snippets(text: str) -> Iterator[str]:
    """The code of a page: what is typed in a console, the lines of other blocks, and code inside of lines."""
    for language, block in FENCE.findall(text):
        for line in block.splitlines():
            if language != "console":
                yield line
            elif line.startswith("$ "):
                yield line[2:]
    for span in SPAN.findall(FENCE.sub("", text)):
        yield " ".join(span.split()).replace(r"\|", "|")


def calls(text: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Each command that a page calls, with the flags that Nix gets and those that the command gets."""
    for snippet in snippets(text):
        found = CALL.search(snippet)
        if found is not None and "run .#" in found[0]:
            before, _, after = found[2].partition(" -- ")
            yield found[1], FLAG.findall(before), FLAG.findall(after.partition(" -- ")[0])
        elif found is not None or snippet.split(" ")[0] in COMMANDS:
            name, rest = (found[1], found[2]) if found is not None else (snippet.split(" ")[0], snippet)
            yield name, [], FLAG.findall(rest.partition(" -- ")[0])


@functools.cache
def flags_of(command: str) -> frozenset[str]:
    ports = FakePorts(ROOT)
    assert main([command, "--help"], ports.ports) == 0
    return frozenset(FLAG.findall(ports.stdout.getvalue()))


def test_the_reader_of_calls_reads_them() -> None:
    text = """
```console
$ ./nixw run .#ci --override-input a path:b -- --strict
prints --not-a-flag
```
`cache-push --watch -- nix build -L` and `nix run .#plan`, `nanna-ci run-job ID --output DIR`.
"""
    assert list(calls(text)) == [
        ("ci", ["--override-input"], ["--strict"]),
        ("cache-push", [], ["--watch"]),
        ("plan", [], []),
        ("run-job", [], ["--output"]),
    ]


@every_page
def test_every_command_of_a_page_exists_with_its_flags(page: Path) -> None:
    for command, for_nix, own in calls(page.read_text()):
        assert command in COMMANDS, f"{command} is not a command"
        assert set(for_nix) <= NIX_FLAGS, f"{command}: {for_nix} go to Nix: put -- before the command's own flags"
        assert [flag for flag in own if flag not in flags_of(command)] == [], command
    for flag in re.findall(r"nixw (--[a-z-]+)", page.read_text()):
        assert NIXW.count(f"${{1:-}} == {flag} ") == 1, flag


@every_page
def test_every_flag_that_a_page_names_alone_is_one_of_a_command(page: Path) -> None:
    known = OTHER_FLAGS | NIX_FLAGS | frozenset().union(*map(flags_of, COMMANDS))
    if page.name == "workspaces.md":
        known |= CARGO_FLAGS
    alone = {snippet.split(" ")[0] for snippet in snippets(page.read_text()) if snippet.startswith("--")} - {"--"}
    assert {flag for flag in alone if flag.partition("=")[0] not in known} == set()


@every_page
def test_every_link_and_picture_of_a_page_leads_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not target.startswith("https://")]
    for target in targets:
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.is_relative_to(ROOT), target
        assert path.exists(), target
        assert not anchor or anchor in headings(path), f"{target}: no such heading"


def headings(page: Path) -> set[str]:
    """The anchors that GitHub makes of the headings of a page."""
    titles = re.findall(r"(?m)^#+ (.*)$", FENCE.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@every_page
def test_every_path_of_the_repository_that_a_page_names_exists(page: Path) -> None:
    places = r"\.?/?((?:scripts|nix|tests|benchmarks|docs|\.github|\.ci|templates)/[\w./-]+)"
    named = [found[1] for snippet in snippets(page.read_text()) if (found := re.fullmatch(places, snippet))]
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_page_is_reached_from_the_readme() -> None:
    linked = set(re.findall(r"\(docs/([\w-]+\.md)\)", README.read_text()))
    assert linked == {page.name for page in DOCS}


def test_the_readme_is_short_and_has_the_two_commands_that_everything_depends_on() -> None:
    text = README.read_text()
    assert len(text.splitlines()) <= 150
    assert "$ ./nixw run .#ci " in text
    assert "$ ./nixw run .#test " in text


@pytest.mark.parametrize("command", COMMANDS)
def test_the_common_flags_are_those_that_the_readme_says_all_commands_take(command: str) -> None:
    text = " ".join(README.read_text().split())
    sentence = re.search("All take (.+?); all but (.+?), which write a folder or a bill, take `--output FILE`", text)
    assert sentence is not None
    assert set(FLAG.findall(sentence[1])) <= flags_of(command)
    has_file = "write the result to FILE" in help_of(command)
    assert has_file == (command not in re.findall("`([a-z-]+)`", sentence[2]))


def help_of(command: str) -> str:
    ports = FakePorts(ROOT)
    main([command, "--help"], ports.ports)
    return " ".join(ports.stdout.getvalue().split())


# --- exit codes -----------------------------------------------------------------------------------------------------


def table(text: str, heading: str) -> list[list[str]]:
    """The rows of the table under a header line, each as its cells."""
    lines = text.partition(f"\n{heading}\n")[2].splitlines()[1:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    assert rows, heading
    return rows


def subclasses(of: type[errors.NannaError]) -> Iterator[type[errors.NannaError]]:
    yield of
    for one in of.__subclasses__():
        yield from subclasses(one)


def test_the_table_of_exit_codes_is_that_of_the_code_and_of_the_help() -> None:
    rows = table(README.read_text(), "| exit code | meaning |")
    listed = [int(code) for row in rows for code in row[0].split(", ")]
    raised = {error.exit_code for error in subclasses(errors.NannaError) if error.__module__.startswith("nanna_ci.")}
    assert set(listed) == {0, *raised, 128 + 2, 128 + 15}
    assert sorted(listed) == listed
    in_help = render_help().partition("exit codes:")[2]
    assert [int(code) for code in re.findall(r"\b\d+\b", in_help)] == listed


@pytest.mark.parametrize("verdict", Verdict)
def test_each_verdict_has_the_exit_code_that_the_documents_give_it(verdict: Verdict) -> None:
    code = _exit_code(verdict)
    readme = dict(table(README.read_text(), "| exit code | meaning |"))
    assert f"`{verdict.value}`" in readme[str(code)]
    assert sum(f"`{verdict.value}`" in meaning for meaning in readme.values()) == 1
    promised = dict(table((ROOT / "docs/compatibility.md").read_text(), "| verdict | exit code |"))
    assert promised[f"`{verdict.value}`"] == str(code)


# --- pipeline.toml --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES)
def test_every_key_of_pipeline_toml_is_explained_with_its_default(name: str) -> None:
    title = f"[[{name}]]" if name in ARRAYS else f"[{name}]"
    section = WORKSPACES.partition(f"\n### `{title}`\n")[2].partition("\n### ")[0]
    rows = table(section, "| key | default | what it does |")
    assert [row[0] for row in rows] == [f"`{field.name}`" for field in TABLES[name]]
    for (_, default, text), field in zip(rows, TABLES[name], strict=True):
        assert text
        if field.required or field.default is None:
            assert default == ("required" if field.required else "-"), field.name
        else:
            value = tomllib.loads(f"it = {default.strip('`')}".replace(r"\|", "|"))["it"]
            assert value == field.default, field.name


def test_every_example_of_a_pipeline_toml_is_one_that_is_read(tmp_path: Path) -> None:
    examples = [block for page in PAGES for language, block in FENCE.findall(page.read_text()) if language == "toml"]
    assert len(examples) > 5
    for number, example in enumerate(examples):
        path = tmp_path / f"{number}.toml"
        workspace = '[workspace]\nname = "example"\nbinaries = ["program"]\n'
        path.write_text(example if "[workspace]" in example else workspace + example)
        load_pipeline(path)


# --- benchmarks, troubleshooting, words -----------------------------------------------------------------------------


def test_every_figure_has_a_script_that_holds_its_limit() -> None:
    text = (ROOT / "docs/benchmarks.md").read_text()
    for what, measured, limit, script in table(text, "| what | measured | limit | script |"):
        source = (ROOT / "benchmarks" / script.strip("`")).read_text()
        assert re.search(r"\d", measured), what
        numbers = re.findall(r"[\d.]*\d", limit)
        known = [rf"(?<![\d.]){re.escape(number)}(?:\.0)?(?![\d.])" for number in numbers]
        assert not numbers or any(re.search(one, source) for one in known), f"{what}: {script} has another limit"


def test_every_issue_of_the_troubleshooting_page_has_a_command() -> None:
    text = (ROOT / "docs/troubleshooting.md").read_text()
    sections = re.split(r"(?m)^## ", text)[1:]
    assert [section.splitlines()[0] for section in sections[:3]] == [
        "Cache misses",
        "Cross-compilation failures",
        "Container build issues",
    ]
    for section in sections[:3]:
        rows = table(section, "| issue | command that answers it |")
        assert len(rows) >= 4
        assert [row[0] for row in rows if "`" not in row[1] and "the same command" not in row[1]] == []


@every_page
def test_pages_use_the_words_of_the_field(page: Path) -> None:
    text = FENCE.sub("", page.read_text()).lower()
    habits = r"\b(alive|told|tells|rooms?|one's own|knows nothing would|on the ground|talk to)\b"
    assert re.findall(habits, text) == []
    assert not re.search(r"(?m)\| asked \|", text)
