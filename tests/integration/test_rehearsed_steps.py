"""Jobs of real shells: what each step sees, what it leaves, and what becomes of the job."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from nanna_ci.foundation.errors import MalformedData
from nanna_ci.rehearsal.expressions.expression_value import Value
from support.rehearsed_jobs import TOKEN, RehearsedJobs, has_ended


@pytest.fixture
def jobs(tmp_path):
    return RehearsedJobs(tmp_path / "run")


def steps_of(ran) -> list[tuple[str, str, str]]:
    return [(step.name, step.outcome, step.conclusion) for step in ran.outcome.steps]


def test_what_a_step_leaves_is_there_for_later_ones(jobs):
    ran = jobs.run(
        """
        outputs:
          both: ${{ steps.one.outputs.a }}-${{ steps.one.outputs.b }}
          nothing: ${{ steps.one.outputs.c }}
          env: ${{ env.LATER }}
        steps:
          - id: one
            run: |
              echo a=1 >> "$GITHUB_OUTPUT"
              printf 'b<<E\\nx\\ny\\nE\\n' >> "$GITHUB_OUTPUT"
              echo LATER=yes >> "$GITHUB_ENV"
              mkdir "$RUNNER_TEMP/bin"
              printf '#!/bin/sh\\necho found\\n' > "$RUNNER_TEMP/bin/own-program"
              chmod +x "$RUNNER_TEMP/bin/own-program"
              echo "$RUNNER_TEMP/bin" >> "$GITHUB_PATH"
              test -z "$LATER"
          - id: two
            run: |
              echo "word=$(own-program)" >> "$GITHUB_OUTPUT"
              echo "LATER is $LATER"
              echo '# Title' >> "$GITHUB_STEP_SUMMARY"
          - if: steps.two.outputs.word == 'found' && steps.one.outcome == 'success'
            run: echo "ran ${{ env.LATER }}"
        """
    )
    assert ran.outcome.result == "success", ran.log
    assert ran.outcome.outputs == {"both": "1-x\ny", "env": "yes"}
    assert ran.outcome.summary == "# Title\n"
    assert "LATER is yes\n" in ran.log
    assert "\nran yes\n" in ran.log


def test_variables_of_workflow_job_and_step_are_merged(jobs):
    ran = jobs.run(
        """
        env: { B: job, C: job, N: 3.10, T: true, W: "${{ matrix.w }}" }
        steps:
          - env: { C: step, B2: "${{ env.B }}", GITHUB_REPOSITORY: mine }
            run: echo "$A $B $C $B2 $N $T $W $GITHUB_REPOSITORY"
          - run: echo "later $C"
        """,
        contexts={"env": {"A": "workflow", "B": "workflow"}, "matrix": {"w": "wide"}},
    )
    assert "\nworkflow job step job 3.1 true wide owner/project\n" in ran.log
    assert "\nlater job\n" in ran.log


def test_nothing_of_the_callers_environment_reaches_a_step(jobs, tmp_path):
    home = tmp_path / "home"
    (home / ".cargo").mkdir(parents=True)
    (home / ".cargo" / "config.toml").write_text("[net]\nretry = 7\n")
    (home / ".cargo" / "credentials.toml").write_text("[registry]\ntoken = 'x'\n")
    secret = "hunter2-of-the-caller"
    environ = {
        "PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "TZ": "UTC", "SHELL": "/bin/fish",
        "GITHUB_TOKEN": secret, "MY_PASSWORD": secret, "CARGO_REGISTRY_TOKEN": secret, "OWN": "leaked-value",
        "NANNA_CI_PASS_SECRETS": "MY_PASSWORD", "BASH_ENV": "/leaked-value", "GIT_DIR": "/leaked-value",
        "CARGO_NET_OFFLINE": "true", "PYTHONPATH": "/leaked-value", "https_proxy": "http://u:pass-of-proxy@p:1",
        "NANNA_CI_FLAKE": "path:/leaked-value", "PIP_INDEX_URL": "https://u:hunter2-of-pip@pip.example",
    }  # fmt: skip
    ran = jobs.run(
        """
        steps:
          - run: |
              env
              env | python3 -c 'import sys; [print(line.rstrip()[::-1]) for line in sys.stdin]'
              cat ~/.cargo/config.toml
              test ! -e ~/.cargo/credentials.toml
        """,
        environ=environ,
        contexts={"secrets": {"A": "a-secret-nobody-named"}},
    )
    assert ran.outcome.result == "success", ran.log
    for leaked in (secret, "leaked-value", "fish", "hunter2-of-pip", "a-secret-nobody-named", "pass-of-proxy", TOKEN):
        assert leaked not in ran.log
        assert leaked == "pass-of-proxy" or leaked[::-1] not in ran.log
    assert "retry = 7" in ran.log
    assert f"HOME={ran.folder / 'home'}" in ran.log
    for expected in ("CI=true", "GITHUB_ACTIONS=true", "RUNNER_OS=Linux", "LANG=C.UTF-8", "CARGO_NET_OFFLINE=true"):
        assert f"\n{expected}\n" in ran.log
    assert "pass-of-proxy"[::-1] in ran.log  # a step that reaches the network needs it, and no mask hides it reversed


def test_a_configuration_of_cargo_with_a_token_stays_where_it_is(jobs, tmp_path):
    (tmp_path / "cargo").mkdir()
    (tmp_path / "cargo" / "config.toml").write_text('[registries.own]\ntoken = "x"\n')
    ran = jobs.run(
        "steps:\n  - run: test ! -e ~/.cargo\n",
        environ={"PATH": os.environ["PATH"], "CARGO_HOME": str(tmp_path / "cargo")},
    )
    assert ran.outcome.result == "success", ran.log


def test_of_folders_for_programs_the_last_one_added_goes_first(jobs):
    ran = jobs.run(
        """
        steps:
          - run: |
              for name in a b; do
                mkdir $name; printf '#!/bin/sh\\necho from %s\\n' $name > $name/own; chmod +x $name/own
                echo "$PWD/$name" >> $GITHUB_PATH
              done
          - run: own
          - run: echo "$PWD/a" >> $GITHUB_PATH
          - run: own
        """
    )
    assert [line for line in ran.log.splitlines() if line.startswith("from")] == ["from b", "from a"]


def test_each_step_has_annotations_of_its_own(jobs):
    ran = jobs.run(
        "steps:\n  - run: for i in $(seq 12); do echo ::notice::one; done\n"
        "  - name: second\n    run: echo ::notice::two\n"
    )
    assert [(one.message, one.step == "second") for one in ran.outcome.annotations] == [
        *[("one", False)] * 10, ("two", True),
    ]  # fmt: skip


def test_the_runners_own_variables_are_those_of_github(jobs):
    ran = jobs.run(
        """
        steps:
          - id: one
            run: |
              echo "$GITHUB_JOB $GITHUB_ACTION $GITHUB_REF $GITHUB_EVENT_NAME ${{ github.workspace == env.W }}"
              test "$PWD" = "$GITHUB_WORKSPACE"
              python3 -c 'import json, os; print(json.load(open(os.environ["GITHUB_EVENT_PATH"]))["before"][:4])'
              test -d "$RUNNER_TEMP" && test -d "$TMPDIR" && test -z "$GITHUB_TOKEN"
            env:
              W: ${{ github.workspace }}
        """
    )
    assert ran.outcome.result == "success", ran.log
    assert "\njob one refs/heads/main push true\n0000\n" in ran.log


@pytest.mark.parametrize(
    ("shell", "script", "result"),
    [
        ("", "false | true", "success"),
        ("shell: bash", "false | true", "failure"),
        ("", "false; true", "failure"),
        ("shell: sh", "false; true", "failure"),
        ("shell: bash", "shopt -q login_shell && exit 3; [[ $- != *i* ]]", "success"),
        ("shell: python", "import sys; sys.exit(0)", "success"),
        ("shell: python", "import sys; sys.exit(1)", "failure"),
    ],
)
def test_each_shell_has_its_flags(jobs, shell, script, result):
    assert jobs.run(f"steps:\n  - run: '{script}'\n    {shell}\n").outcome.result == result


def test_a_job_goes_on_after_a_failure_only_where_a_step_says_so(jobs):
    ran = jobs.run(
        """
        outputs: { after: "${{ job.status }}" }
        steps:
          - id: bad
            name: Bad ${{ github.ref_name }}
            run: exit 3
          - name: skipped
            run: echo never
          - name: always
            if: always()
            run: echo "${{ steps.bad.outcome }} ${{ steps.bad.conclusion }} ${{ job.status }}"
          - name: failed
            if: ${{ failure() && steps.bad.conclusion == 'failure' }}
            run: "true"
          - name: succeeded
            if: success()
            run: echo never
        """
    )
    assert steps_of(ran) == [
        ("Bad main", "failure", "failure"),
        ("skipped", "skipped", "skipped"),
        ("always", "success", "success"),
        ("failed", "success", "success"),
        ("succeeded", "skipped", "skipped"),
    ]
    assert (ran.outcome.result, ran.outcome.outputs) == ("failure", {"after": "failure"})
    assert "\nfailure failure failure\n" in ran.log
    assert "never" not in ran.log
    assert [(one.level, one.message, one.step) for one in ran.outcome.annotations] == [
        ("error", "Process completed with exit code 3.", "Bad main")
    ]


def test_continue_on_error_changes_the_conclusion_and_not_the_outcome(jobs):
    ran = jobs.run(
        """
        steps:
          - id: bad
            continue-on-error: ${{ contains(matrix.skips, 'x') }}
            run: exit 1
          - run: test ${{ steps.bad.outcome }} = failure && test ${{ steps.bad.conclusion }} = success
        """,
        contexts={"matrix": {"skips": ["x"]}},
    )
    assert ran.outcome.result == "success", ran.log
    assert [(step.outcome, step.conclusion) for step in ran.outcome.steps] == [
        ("failure", "success"), ("success", "success"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("echo nothing >> $GITHUB_OUTPUT", "Invalid format 'nothing'"),
        ("echo 'a<<E' >> $GITHUB_ENV", "Matching delimiter not found 'E'"),
        ("echo '::set-env name=A::b'", "`set-env` command is disabled"),
        ("rm $GITHUB_ENV; mkfifo $GITHUB_ENV", "not a regular file"),
    ],
)
def test_what_the_runner_refuses_fails_the_step(jobs, line, problem):
    ran = jobs.run(f"steps:\n  - run: {line}\n")
    assert ran.outcome.result == "failure"
    assert any(problem in one.message for one in ran.outcome.annotations)


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("rm -rf $RUNNER_TEMP", "success"),
        ("rm $GITHUB_ENV; mkdir $GITHUB_ENV", "failure"),
        ("rm -rf $GITHUB_WORKSPACE", "failure"),
        ("printf 'A=x\\0y\\n' >> $GITHUB_ENV", "failure"),
    ],
)
def test_a_step_that_breaks_its_folders_breaks_steps_only(jobs, line, after):
    ran = jobs.run(f"steps:\n  - run: cd /; {line}\n  - if: always()\n    run: echo on\n")
    assert ran.outcome.result == ("success" if after == "success" else "failure")
    assert len(ran.outcome.steps) == 2


def test_node_options_are_refused_and_the_other_variables_kept(jobs):
    ran = jobs.run(
        """
        steps:
          - run: printf 'NODE_OPTIONS=-r x\\nOTHER=1\\n' >> $GITHUB_ENV
          - run: echo "<$NODE_OPTIONS> <$OTHER>"
        """
    )
    assert "\n<> <1>\n" in ran.log
    assert "Can't store NODE_OPTIONS" in ran.outcome.annotations[0].message


def test_secrets_and_masks_are_in_no_log_summary_annotation_or_output(jobs):
    ran = jobs.run(
        """
        outputs:
          secret: it is ${{ secrets.KEY }}
          masked: ${{ steps.one.outputs.word }}
          open: fine
        steps:
          - id: one
            env:
              KEY: ${{ secrets.KEY }}
            run: |
              echo "key $KEY ${{ secrets.KEY }}, token ${{ github.token }}"
              python3 -c 'import base64, os; print(base64.b64encode(os.environ["KEY"].encode()).decode())'
              echo "::add-mask::made-here"
              echo "word=made-here" >> $GITHUB_OUTPUT
              echo "::error::made-here and $KEY"
              echo "made-here $KEY" >> $GITHUB_STEP_SUMMARY
          - run: |
              echo "later ${{ steps.one.outputs.word }}"
              test "${{ steps.one.outputs.word }}" != made-here || touch real
        """,
        contexts={"secrets": {"KEY": "a-key-with-value"}},
    )
    shown = f"{ran.log}{ran.outcome.summary}{ran.outcome.annotations}{ran.outcome.outputs}"
    for hidden in ("a-key-with-value", "YS1rZXktd2l0aC12YWx1ZQ", TOKEN):
        assert hidden not in shown
    for path in ran.folder.rglob("*"):
        assert not path.is_file() or b"a-key-with-value" not in path.read_bytes(), path
    assert "made-here" not in f"{ran.outcome.summary}{ran.outcome.annotations}{ran.outcome.outputs}"
    assert "later ***" in ran.log
    assert (ran.workspace / "real").exists()
    assert ran.outcome.outputs == {"open": "fine"}
    assert [one.message for one in ran.outcome.annotations if one.level == "warning"] == [
        "Skip output 'secret' since it may contain secret.", "Skip output 'masked' since it may contain secret.",
    ]  # fmt: skip


@pytest.mark.parametrize(("masked", "outputs"), [(True, {}), (False, {"key": "ghp_" + "a1B2" * 9})])
def test_an_output_of_a_secrets_shape_is_withheld_if_it_is_masked(jobs, masked, outputs):
    key = "ghp_" + "a1B2" * 9
    ran = jobs.run(
        "outputs: { key: '${{ steps.a.outputs.key }}' }\nsteps:\n  - id: a\n    run: |\n"
        f"      echo {'::add-mask::' if masked else ''}{key}\n      echo key={key} >> $GITHUB_OUTPUT\n"
    )
    assert ran.outcome.outputs == outputs
    assert key not in ran.log.partition("##[endgroup]")[2]


def test_a_step_over_its_time_fails_and_leaves_no_process(jobs, tmp_path):
    began = time.monotonic()
    ran = jobs.run(
        f"""
        steps:
          - timeout-minutes: 0.02
            run: |
              sleep 600 & echo $! > {tmp_path}/pid
              sleep 600
          - if: failure()
            run: echo after
        """
    )
    assert time.monotonic() - began < 30
    assert [step.outcome for step in ran.outcome.steps] == ["failure", "success"]
    assert ran.outcome.result == "failure"
    assert "has timed out after 0.02 minutes" in ran.outcome.annotations[0].message
    assert has_ended(tmp_path / "pid")


def test_a_job_over_its_time_is_cancelled_and_only_cleaning_steps_run(jobs):
    ran = jobs.run(
        """
        timeout-minutes: 0.02
        steps:
          - id: long
            run: sleep 600
          - run: echo never
          - if: failure()
            run: echo never
          - if: always()
            run: sleep 1; echo "cleaned after ${{ steps.long.outcome }}"
          - if: cancelled()
            run: echo cancelled too
        """
    )
    assert [step.outcome for step in ran.outcome.steps] == ["cancelled", "skipped", "skipped", "success", "success"]
    assert ran.outcome.result == "cancelled"
    assert "\ncleaned after cancelled\n" in ran.log
    assert "never" not in ran.log


def test_a_step_that_always_runs_outlives_the_jobs_time(jobs):
    ran = jobs.run("timeout-minutes: 0.01\nsteps:\n  - if: always()\n    run: sleep 2; echo done\n")
    assert "\ndone\n" in ran.log
    assert [step.outcome for step in ran.outcome.steps] == ["success"]


def test_a_script_ended_by_a_signal_has_the_shells_code(jobs):
    ran = jobs.run("steps:\n  - run: kill -KILL $$\n")
    assert ran.outcome.annotations[0].message == "Process completed with exit code 137."


def test_a_folder_that_is_not_there_fails_the_step(jobs):
    ran = jobs.run(
        """
        steps:
          - run: mkdir sub
          - run: touch x
            working-directory: ${{ 'sub' }}
          - run: a
            working-directory: no
        """
    )
    assert (ran.workspace / "sub" / "x").exists()
    assert [step.outcome for step in ran.outcome.steps] == ["success", "success", "failure"]
    assert "No such file or directory" in ran.outcome.annotations[0].message


def test_data_that_an_expression_cannot_read_fails_the_step_only(jobs):
    ran = jobs.run(
        """
        steps:
          - run: echo ${{ fromJSON(vars.BAD).x }}
          - if: always()
            env: { A: "${{ fromJSON(vars.BAD) }}" }
            run: echo never
          - if: always()
            run: echo after
        """,
        contexts={"vars": {"BAD": "{"}},
    )
    assert [step.outcome for step in ran.outcome.steps] == ["failure", "failure", "success"]
    assert all("The template is not valid" in one.message for one in ran.outcome.annotations)


def test_an_output_that_cannot_be_evaluated_fails_the_job(jobs):
    ran = jobs.run("outputs: { a: \"${{ fromJSON('{') }}\" }\nsteps:\n  - run: 'true'\n")
    assert (ran.outcome.result, ran.outcome.outputs) == ("failure", {})


def test_hash_files_sees_the_workspace(jobs):
    ran = jobs.run(
        """
        steps:
          - run: echo x > Cargo.lock
          - run: test -n "${{ hashFiles('**/Cargo.lock') }}" && test -z "${{ hashFiles('none') }}"
        """
    )
    assert ran.outcome.result == "success", ran.log


def test_nix_is_not_on_the_path_but_what_lies_beside_it_is(jobs, tmp_path):
    for name in ("nix", "nix-store", "nixpkgs-fmt", "beside"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\necho $0\n")
        program.chmod(0o755)
    ran = jobs.run(
        "steps:\n  - run: '! command -v nix && ! command -v nix-store && beside && nixpkgs-fmt'\n",
        environ={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"},
    )
    assert ran.outcome.result == "success", ran.log


def test_a_log_of_40_mb_is_not_held_in_memory(tmp_path):
    code = f"""
import resource, sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from support.rehearsed_jobs import RehearsedJobs
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
script = "yes $(printf %01000d 0) | head -c 40000000"
ran = RehearsedJobs(Path({str(tmp_path)!r})).run("steps:\\n  - run: " + script + "\\n")
assert ran.outcome.result == "success"
print((ran.folder / "log").stat().st_size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    size_bytes, grown_kib = map(int, done.stdout.split())
    assert size_bytes > 40_000_000
    assert grown_kib < 25_000


def test_an_interrupted_job_leaves_no_process(tmp_path):
    code = f"""
import signal, sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from nanna_ci.foundation import process
from support.rehearsed_jobs import RehearsedJobs
signal.signal(signal.SIGINT, process.handle_signal)
try:
    RehearsedJobs(Path({str(tmp_path)!r})).run(
        "steps:\\n  - run: sleep 600 & echo $! > {tmp_path}/pid; sleep 600\\n"
        "  - if: always()\\n    run: touch {tmp_path}/more\\n"
    )
except process.Interrupted:
    print("interrupted")
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child.send_signal(2)
    assert child.communicate(timeout=30)[0] == "interrupted\n"
    assert has_ended(tmp_path / "pid")
    assert not (tmp_path / "more").exists()


def test_jobs_beside_each_other_do_not_meet(jobs):
    found: dict[int, list[Value]] = {}

    def run(number: int) -> None:
        ran = jobs.run(
            f'outputs: {{ a: "${{{{ steps.s.outputs.a }}}}" }}\n'
            f"steps:\n  - id: s\n    run: echo X={number} > f; sleep 0.3; sed s/X/a/ f >> $GITHUB_OUTPUT\n"
        )
        found[number] = list(ran.outcome.outputs.values())

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [str(number)] for number in range(4)}


def test_an_input_that_turns_out_unknown_stops_the_rehearsal(jobs):
    with pytest.raises(MalformedData, match="input submodules"):
        jobs.run(
            'steps:\n  - uses: actions/checkout@v7\n    with: { submodules: "${{ vars.S }}" }\n',
            contexts={"vars": {"S": "true"}},
        )
