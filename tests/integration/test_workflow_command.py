"""`workflow check` as a command: exit codes, what it writes, and what GitHub shows beside the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanna_ci.cli import main
from support.checked_workflows import check_folder, copy_repository
from support.fake_ports import FakePorts

CI = ".github/workflows/ci.yml"
PIPELINE = ".github/workflows/pipeline.yml"
JOBS = ".github/workflows/run-jobs.yml"
CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1"
WITH = "        with:\n          persist-credentials: false\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return copy_repository(tmp_path)


def break_mechanically(repository: Path) -> str:
    """A version that is missing and a checkout that keeps its token; gives the text as it was."""
    file = repository / PIPELINE
    text = file.read_text()
    broken = text.replace(f"{CHECKOUT} # v7.0.1\n{WITH}", f"{CHECKOUT}\n", 1)
    assert broken != text
    file.write_text(broken)
    return text


def test_a_finding_says_where_which_rule_and_how_to_mend_it(repository: Path) -> None:
    file = repository / JOBS
    text = file.read_text()
    file.write_text(text.replace("    timeout-minutes: 45\n", ""))
    line = text.splitlines().index("  run:", text.splitlines().index("jobs:")) + 1
    fake = FakePorts(repository)
    assert main(["workflow", "check"], fake.ports) == 1
    assert f"{JOBS}:{line}: time-limit: job run has no time limit from 1 to 360 minutes" in " ".join(
        fake.stdout.getvalue().split()
    )
    assert "fix: give it `timeout-minutes:`" in " ".join(fake.stdout.getvalue().split())


def test_github_shows_a_finding_beside_its_line(repository: Path) -> None:
    break_mechanically(repository)
    checked = check_folder(repository, GITHUB_ACTIONS="true")
    line = (repository / PIPELINE).read_text().splitlines().index(f"      - uses: {CHECKOUT}") + 1
    assert f"::error file={PIPELINE},line={line},title=" in checked.log
    assert checked.log.count("::error file=") == len(checked.findings) == 2


def test_fix_mends_what_is_mechanical_and_checks_again(repository: Path) -> None:
    text = break_mechanically(repository)
    assert [one["isFixable"] for one in check_folder(repository).findings] == [True, True]
    mended = check_folder(repository, "--fix")
    assert (mended.code, mended.places) == (0, [])
    assert [one["path"] for one in mended.answer["changes"]] == [PIPELINE]
    assert (repository / PIPELINE).read_text() == text
    assert check_folder(repository, "--fix").answer["changes"] == []


def test_a_dry_run_shows_the_difference_and_writes_nothing(repository: Path) -> None:
    break_mechanically(repository)
    before = (repository / PIPELINE).read_bytes()
    tried = check_folder(repository, "--fix", "--dry-run")
    assert (tried.code, len(tried.findings)) == (1, 2)
    assert f"+      - uses: {CHECKOUT} # v7.0.1\n" in tried.answer["changes"][0]["diff"]
    assert "+          persist-credentials: false\n" in tried.answer["changes"][0]["diff"]
    assert (repository / PIPELINE).read_bytes() == before


def test_fix_keeps_the_mode_and_a_text_that_looks_like_a_secret(repository: Path) -> None:
    break_mechanically(repository)
    token = "ghp_" + "a1B2" * 9
    (repository / PIPELINE).write_text(f"# {token}\n" + (repository / PIPELINE).read_text())
    (repository / PIPELINE).chmod(0o640)
    check_folder(repository, "--fix")
    assert (repository / PIPELINE).read_text().startswith(f"# {token}\n")
    assert (repository / PIPELINE).stat().st_mode & 0o777 == 0o640


def test_of_some_files_only_these_are_judged(repository: Path) -> None:
    other = repository / ".github/workflows/other.yaml"
    other.write_text("on: push\npermissions: {}\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps: []\n")
    rules = {"job-permissions", "time-limit", "concurrency"}
    assert check_folder(repository, "--file", ".github/workflows/other.yaml").rules == rules
    assert check_folder(repository, "--file", CI).rules == set()
    assert check_folder(repository).rules == rules


def test_without_a_table_no_action_is_known(repository: Path) -> None:
    (repository / ".github/workflow.toml").unlink()
    checked = check_folder(repository, "--file", PIPELINE)
    assert checked.rules == {"pin-known", "summary-needs"}


def test_a_pipeline_that_no_workflow_runs_is_a_finding(repository: Path) -> None:
    (repository / CI).write_text("on: push\njobs: {}\n")
    assert "job-place" in check_folder(repository).rules


def test_what_an_adopter_plans_needs_no_more_than_its_own_jobs(repository: Path) -> None:
    (repository / "pipeline.toml").write_text('[workspace]\nname = "mine"\n')
    assert check_folder(repository).places == []


@pytest.mark.parametrize(
    ("path", "text", "code", "problem"),
    [
        (CI, "on: push\njobs: &x {}\n", 4, f"{CI}: line 2: an anchor is not read"),
        (CI, "on: push\n", 4, f"{CI}: jobs is missing"),
        (CI, "jobs: {}\n", 4, "no triggers"),
        (CI, "- a\n", 4, "line 1: the workflow is not a mapping"),
        (CI, "on: push\njobs:\n  a: b\n", 4, "line 3: job a is not a mapping"),
        (CI, "on: push\njobs:\n  a:\n    steps: b\n", 4, "line 4: the steps of job a are no list"),
        (".github/workflow.toml", "x = 1\n", 2, "unknown key 'x'"),
        ("pipeline.toml", "x = 1\n", 2, "pipeline.toml"),
    ],
)
def test_what_cannot_be_read_is_refused(repository: Path, path: str, text: str, code: int, problem: str) -> None:
    (repository / path).write_text(text)
    checked = check_folder(repository)
    assert checked.code == code
    assert problem in checked.error


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--dry-run"], "--dry-run is for what --fix would write"),
        (["--file", "nothing.yml"], "nothing.yml: cannot be read: No such file or directory"),
        (["--file", ".github"], ".github: cannot be read: it is a directory"),
    ],
)
def test_a_wrong_call_is_a_usage_error(repository: Path, words: list[str], problem: str) -> None:
    checked = check_folder(repository, *words)
    assert (checked.code, checked.error) == (2, problem)


def test_a_folder_without_workflows_is_a_usage_error(repository: Path) -> None:
    for path in (repository / CI).parent.iterdir():
        path.unlink()
    assert check_folder(repository).error == ".github/workflows has no workflow"
    assert check_folder(repository).code == 2


@pytest.mark.parametrize(
    ("condition", "rules"),
    [
        ("github.event_name == 'push'", set()),
        ("${{ !cancelled() && github.event_name == 'push' }}", set()),
        ("!(github.event_name == 'push')", {"write-on-pull-request"}),
        ("${{ !(always() && github.event_name == 'push') }}", {"write-on-pull-request"}),
        ("github.event_name == 'push' == false", {"write-on-pull-request"}),
        ("github.event_name == 'push' || github.actor == 'me'", {"write-on-pull-request"}),
        ("github.event_name == 'push' || github.event_name == 'schedule' && always()", set()),
        ("(github.event_name == 'push' || always()) && github.event_name == 'push'", {"write-on-pull-request"}),
        ("github.event.workflow_run.event == 'pull_request'", set()),
        ("github.event_name != 'pull_request'", {"write-on-pull-request"}),
        ("github.event_name == 'pull_request_target'", {"write-on-pull-request"}),
    ],
)
def test_only_a_condition_that_surely_excludes_pull_requests_counts(
    repository: Path, condition: str, rules: set[str]
) -> None:
    file = repository / PIPELINE
    text = file.read_text()
    changed = text.replace("    if: github.event_name == 'schedule'\n", f'    if: "{condition}"\n')
    assert changed != text
    file.write_text(changed)
    assert check_folder(repository).rules == rules


@pytest.mark.parametrize("word", ["SECRETS.CACHIX_AUTH_TOKEN", "Secrets [ 'X' ]", "secrets['X']"])
def test_github_does_not_mind_the_case_of_secrets_and_neither_does_the_rule(repository: Path, word: str) -> None:
    file = repository / PIPELINE
    own = "PYTHONPATH: .nanna-ci/source/scripts"
    file.write_text(file.read_text().replace(own, f"T: ${{{{ {word} }}}}\n          {own}", 1))
    assert {"secret-environment", "secret-on-pull-request"} <= check_folder(repository).rules


def test_an_app_of_ones_own_is_named_in_the_table(repository: Path) -> None:
    file, table = repository / PIPELINE, repository / ".github/workflow.toml"
    file.write_text(file.read_text().replace("run: .ci/run", "run: nix run .#mine -- --flag"))
    assert check_folder(repository).rules == {"command-line"}
    table.write_text(table.read_text() + '\n[pipeline]\napps = ["mine"]\n')
    assert check_folder(repository).rules == set()
