"""The actions that the rehearsal plays, in jobs that run them."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tarfile
from collections.abc import Mapping

import pytest

from nanna_ci.rehearsal.expressions.expression_value import Value
from support.rehearsed_jobs import GITHUB, TOKEN, RehearsedJobs, commit_files, git, make_repository


@pytest.fixture
def jobs(tmp_path):
    return RehearsedJobs(tmp_path / "run")


@pytest.fixture
def project(jobs, tmp_path):
    """A repository whose commits are `first` and, on main, `second`; the tag v1 and the branch side are the first."""
    folder = tmp_path / "project"
    first = make_repository(folder, {"file": "first\n"})
    git(folder, "tag", "v1")
    git(folder, "branch", "side")
    second = commit_files(folder, {"file": "second\n"})
    jobs.repositories["owner/project"] = folder
    return folder, first, second


def event(ref: str, commit: str) -> dict[str, Value]:
    return {**GITHUB, "ref": ref, "sha": commit}


def dashed(inputs: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in inputs.items()}


def step(action: str, inputs: Mapping[str, str] | None = None, *, called: str = "it", **more: str) -> str:
    given = {**(inputs or {}), **dashed(more)}
    lines = "".join(f"      {name}: {json.dumps(value)}\n" for name, value in given.items())
    return f"  - id: {called}\n    uses: {action}@v1\n" + (f"    with:\n{lines}" if lines else "")


CHECKOUT, UPLOAD, DOWNLOAD = "actions/checkout", "actions/upload-artifact", "actions/download-artifact"


@pytest.mark.parametrize(
    ("ref", "commit", "branch"),
    [
        ("refs/heads/main", 2, "main"),
        ("refs/heads/a/b", 1, "a/b"),
        ("refs/tags/v1", 1, ""),
        ("refs/pull/7/merge", 2, ""),
        ("refs/heads/gh-readonly-queue/main/pr-7-abc", 2, "gh-readonly-queue/main/pr-7-abc"),
    ],
)
def test_the_events_own_commit_is_checked_out(jobs, project, ref, commit, branch):
    ran = jobs.run(f"steps:\n{step(CHECKOUT)}", contexts={"github": event(ref, project[commit])})
    assert ran.outcome.result == "success", ran.log
    assert git(ran.workspace, "rev-parse", "HEAD") == project[commit]
    assert git(ran.workspace, "branch", "--show-current") == branch
    assert git(ran.workspace, "rev-list", "--count", "HEAD") == "1"
    assert git(ran.workspace, "status", "--porcelain") == ""
    assert ran.outcome.steps[0].stand_in == f"owner/project is the repository {project[0]} of this machine"


@pytest.mark.parametrize(("ref", "text"), [("side", "first"), ("v1", "first"), ("main", "second"), ("", "second")])
def test_a_ref_of_another_repository_is_checked_out_into_its_folder(jobs, project, ref, text):
    jobs.repositories["other/one"] = project[0]
    ran = jobs.run(f"steps:\n{step(CHECKOUT, repository='other/one', ref=ref, path='.own/source')}")
    assert ran.outcome.result == "success", ran.log
    assert (ran.workspace / ".own/source/file").read_text() == f"{text}\n"


def test_a_commit_is_checked_out_by_its_digits_and_named_in_the_outputs(jobs, project):
    ran = jobs.run(
        "outputs: { c: '${{ steps.c.outputs.commit }}' }\n"
        f"steps:\n  - id: c\n    uses: {CHECKOUT}@v7\n    with: {{ ref: '{project[1]}' }}\n"
    )
    assert ran.outcome.outputs == {"c": project[1]}
    assert git(ran.workspace, "branch", "--show-current") == ""


def test_all_history_comes_with_branches_and_tags(jobs, project):
    ran = jobs.run(
        f"steps:\n{step(CHECKOUT, fetch_depth='0')}", contexts={"github": event("refs/heads/main", project[2])}
    )
    assert git(ran.workspace, "rev-list", "--count", "HEAD") == "2"
    assert git(ran.workspace, "tag") == "v1"
    assert git(ran.workspace, "rev-parse", "origin/side") == project[1]


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"repository": "not/here"}, "this machine has no such repository"),
        ({"repository": "three/part/name"}, "Invalid repository"),
        ({"path": "../outside"}, "is not under"),
        ({"path": "/abs"}, "is not under"),
        ({"ref": "no-such-branch"}, "could not be found"),
        ({"ref": "0" * 40}, "git"),
    ],
)
def test_a_checkout_that_cannot_be_fails_its_step(jobs, project, inputs, problem):
    ran = jobs.run(f"steps:\n{step(CHECKOUT, inputs)}", contexts={"github": event("refs/heads/main", project[2])})
    assert ran.outcome.result == "failure"
    assert problem in ran.outcome.annotations[0].message


def test_credentials_stay_for_the_steps_and_are_gone_after_the_job(jobs, project):
    text = "  - run: git config --get http.https://github.example/.extraheader > ../kept\n"
    ran = jobs.run(f"steps:\n{step(CHECKOUT)}{text}", contexts={"github": event("refs/heads/main", project[2])})
    header = (ran.folder / "kept").read_text().split()[-1]
    assert base64.b64decode(header).decode() == f"x-access-token:{TOKEN}"
    assert header not in ran.log
    assert TOKEN not in (ran.workspace / ".git/config").read_text()
    assert header not in (ran.workspace / ".git/config").read_text()
    assert [one.name for one in ran.outcome.steps][-1] == "Post Run actions/checkout@v1"


def test_without_them_no_credentials_are_kept(jobs, project):
    ran = jobs.run(
        f"steps:\n{step(CHECKOUT, persist_credentials='false')}  - run: git config --list > ../kept\n",
        contexts={"github": event("refs/heads/main", project[2])},
    )
    assert "extraheader" not in (ran.folder / "kept").read_text()
    assert "remote.origin.url=https://github.example/owner/project" in (ran.folder / "kept").read_text()


def test_a_checkout_clears_what_was_there(jobs, project):
    ran = jobs.run(
        f"steps:\n  - run: mkdir -p a/b && touch a/b/c .d && ln -s a l\n{step(CHECKOUT)}",
        contexts={"github": event("refs/heads/main", project[2])},
    )
    assert sorted(path.name for path in ran.workspace.iterdir()) == [".git", "file"]


def test_a_folder_without_git_is_copied_and_can_be_written(jobs, tmp_path):
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "file").write_text("text")
    (source / "link").symlink_to("sub/file")
    (source / "sub" / "file").chmod(0o444)
    (source / "sub").chmod(0o555)
    jobs.repositories["o/p"] = source
    ran = jobs.run(
        f"steps:\n{step(CHECKOUT, repository='o/p', path='x')}  - run: echo >> x/sub/file && touch x/sub/new\n"
    )
    assert ran.outcome.result == "success", ran.log
    assert (ran.workspace / "x/link").is_symlink()
    assert all((ran.workspace / "x" / name).stat().st_mode & 0o200 for name in ("sub", "sub/file"))
    assert "is not a git repository" in (ran.outcome.steps[0].stand_in or "")


def upload(jobs, script: str, **inputs: str):
    outputs = "outputs: { id: '${{ steps.it.outputs.artifact-id }}' }\n"
    return jobs.run(f"{outputs}steps:\n  - run: {script}\n{step(UPLOAD, dashed(inputs))}")


MAKE = "mkdir -p a/b c/d .h && touch c/d/5.txt a/1.txt a/b/2.txt a/.x .h/3.txt 4.txt"


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("4.txt", ("4.txt",)),
        ("a/b/2.txt", ("2.txt",)),
        ("a", ("1.txt", "b/2.txt")),
        ("a/", ("1.txt", "b/2.txt")),
        ("a/b/*", ("2.txt",)),
        ("*.txt", ("4.txt",)),
        ("**/*.txt", ("4.txt", "a/1.txt", "a/b/2.txt", "c/d/5.txt")),
        ("c", ("d/5.txt",)),
        ("a/b/\n4.txt", ("4.txt", "a/b/2.txt")),
        ("a/1.txt\na/b/2.txt", ("1.txt", "b/2.txt")),
        ("a\n!a/b", ("1.txt",)),
        (".h/", ()),
        (".h/3.txt", ("3.txt",)),
    ],
)
def test_an_artifact_has_the_files_and_paths_that_github_gives_it(jobs, path, files):
    ran = upload(jobs, MAKE, name="x", path=path)
    stored = jobs.artifacts.get("x")
    assert (() if stored is None else stored.files) == files, ran.log
    assert ran.outcome.result == "success"
    assert ran.outcome.outputs == ({"id": "1"} if files else {})


def test_hidden_files_come_where_they_are_asked_for(jobs):
    upload(jobs, MAKE, name="x", path="a\n.h", include_hidden_files="true")
    assert jobs.artifacts.get("x").files == (".h/3.txt", "a/.x", "a/1.txt", "a/b/2.txt")


@pytest.mark.parametrize(
    ("choice", "result", "levels"),
    [
        ("warn", "success", ["warning"]),
        ("error", "failure", ["error"]),
        ("ignore", "success", []),
        ("x", "failure", ["error"]),
    ],
)  # fmt: skip
def test_nothing_found_is_what_the_input_says(jobs, choice, result, levels):
    ran = upload(jobs, "touch a", path="nothing", if_no_files_found=choice)
    assert ran.outcome.result == result
    assert [one.level for one in ran.outcome.annotations] == levels


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"path": "a", "name": "x/y"}, "artifact name is not valid"),
        ({"path": "a:b"}, "path for one of the files"),
        ({"path": "a", "overwrite": "yes"}, "Core Schema"),
        ({"path": "a", "retention-days": "91"}, "Invalid retention-days"),
        ({"path": "a", "compression-level": "10"}, "Invalid compression-level"),
        ({"path": "../x"}, "Relative pathing"),
        ({"path": "*", "archive": "false"}, "only a single file"),
        ({"path": " "}, "not supplied: path"),
    ],
)
def test_an_upload_that_github_refuses_fails(jobs, inputs, problem):
    ran = upload(jobs, "touch a a:b", **inputs)
    assert ran.outcome.result == "failure"
    assert problem in ran.outcome.annotations[0].message


def test_an_artifact_is_overwritten_only_where_that_is_asked_for(jobs):
    assert upload(jobs, "echo 1 > a", path="a").outcome.result == "success"
    assert upload(jobs, "echo 2 > a", path="a").outcome.result == "failure"
    assert upload(jobs, "echo 3 > a", path="a", overwrite="true").outcome.result == "success"
    (stored,) = jobs.artifacts.all()
    assert (stored.folder / "a").read_text() == "3\n"


def test_a_file_without_an_archive_is_its_own_name(jobs):
    upload(jobs, "touch page.html", path="page.html", name="other", archive="false")
    assert [stored.name for stored in jobs.artifacts.all()] == ["page.html"]


@pytest.fixture
def three(jobs):
    """Artifacts job-a, job-b, cache, each with a file of its name and one called `same`."""
    for name in ("job-a", "job-b", "cache"):
        upload(jobs, f"touch {name} && echo {name} > same", name=name, path="*")
    return jobs


def files_below(folder) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("inputs", "files"),
    [
        ({"name": "cache"}, ["cache", "same"]),
        ({"name": "cache", "path": "x"}, ["x/cache", "x/same"]),
        ({"name": "cache", "path": "~"}, []),
        ({"pattern": "job-*"}, ["job-a/job-a", "job-a/same", "job-b/job-b", "job-b/same"]),
        ({"pattern": "{job-b,cache}", "path": "r"}, ["r/cache/cache", "r/cache/same", "r/job-b/job-b", "r/job-b/same"]),
        ({"pattern": "job-a*", "path": "r"}, ["r/job-a", "r/same"]),
        ({"pattern": "job-*", "merge-multiple": "true"}, ["job-a", "job-b", "same"]),
        ({"pattern": "none-*", "path": "r"}, []),
        ({"artifact-ids": "1, 3", "merge-multiple": "true"}, ["cache", "job-a", "same"]),
        ({}, ["cache/cache", "cache/same", "job-a/job-a", "job-a/same", "job-b/job-b", "job-b/same"]),
    ],
)
def test_artifacts_come_into_the_folders_that_github_puts_them_in(three, inputs, files):
    ran = three.run(f"steps:\n{step(DOWNLOAD, inputs)}")
    assert ran.outcome.result == "success", ran.log
    assert files_below(ran.workspace) == files


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"name": "nothing"}, "Artifact not found for name: nothing"),
        ({"name": "cache", "artifact-ids": "1"}, "cannot be used together"),
        ({"artifact-ids": "99"}, "None of the provided artifact IDs"),
        ({"artifact-ids": "x"}, "Must be a number"),
        ({"pattern": "*", "merge-multiple": "1"}, "Core Schema"),
        ({"digest-mismatch": "x"}, "digest-mismatch"),
    ],
)
def test_a_download_that_github_refuses_fails(three, inputs, problem):
    ran = three.run(f"steps:\n{step(DOWNLOAD, inputs)}")
    assert ran.outcome.result == "failure"
    assert problem in ran.outcome.annotations[0].message


def fake_nix(folder) -> str:
    """A folder with a program called nix that shows how it was called."""
    folder.mkdir()
    (folder / "nix").write_text(
        '#!/bin/sh\nfor word; do printf "<%s>" "$word"; done; echo " $NIX_CONFIG|$NIX_REMOTE$OTHER"\n'
    )
    (folder / "nix").chmod(0o755)
    (folder / "nix-store").symlink_to("nix")
    return f"{folder}:{os.environ['PATH']}"


def test_nix_is_there_after_its_installation_with_the_rehearsals_words(jobs, tmp_path):
    ran = jobs.run(
        "steps:\n  - run: '! command -v nix'\n"
        + step("cachix/install-nix-action", {"extra_nix_config": "max-jobs = 1"})
        + "  - run: nix run .#a -- 'b c'; nix flake check; nix flake; nix --version; nix-store -q; nix store ping\n",
        environ={
            "PATH": fake_nix(tmp_path / "real"), "NIX_REMOTE": "daemon", "HOME": str(tmp_path),
            "NIX_CONFIG": "access-tokens = github.com=ghp_abc\ncores = 2", "OTHER": "x",
        },
        services={"nix_words": ("--override-input", "a", "path:/b c")},
    )  # fmt: skip
    assert ran.outcome.result == "success", ran.log
    words = "<--override-input><a><path:/b c>"
    settings = " cores = 2\nextra-experimental-features = nix-command flakes\nmax-jobs = 1\n|daemon\n"
    for called in (f"<run>{words}<.#a><--><b c>", f"<flake><check>{words}", "<flake>", "<--version>", "<store><ping>"):
        assert f"\n{called}{settings}" in ran.log
    assert "\n<-q> |" in ran.log  # under its own name, it is not wrapped
    assert "ghp_abc" not in ran.log
    assert "Nix is this machine's" in (ran.outcome.steps[1].stand_in or "")


def test_settings_of_a_step_go_before_those_of_the_machine(jobs, tmp_path):
    ran = jobs.run(
        f"steps:\n{step('cachix/install-nix-action')}"
        "  - run: |\n      printf 'NIX_CONFIG<<E\\nsubstituters = x\\nE\\n' >> $GITHUB_ENV\n"
        "      echo NIX_REMOTE=own >> $GITHUB_ENV\n"
        "  - run: nix store\n",
        environ={"PATH": fake_nix(tmp_path / "real"), "NIX_REMOTE": "daemon", "NIX_CONFIG": "substituters = y"},
    )
    expected = "substituters = y\nextra-experimental-features = nix-command flakes\nsubstituters = x|own\n"
    assert f"\n<store> {expected}" in ran.log


def test_a_machine_without_nix_cannot_install_it(jobs):
    ran = jobs.run(f"steps:\n{step('cachix/install-nix-action')}", environ={"PATH": str(jobs.folder)})
    assert ran.outcome.result == "failure"
    assert "this machine has no nix" in ran.outcome.annotations[0].message


def test_caches_have_no_entry_and_keep_none(jobs):
    ran = jobs.run(
        """
        steps:
          - id: one
            uses: actions/cache@v6
            with: { path: target, key: k }
          - id: two
            uses: nix-community/cache-nix-action@v7
            with: { primary-key: k }
          - id: three
            uses: Swatinem/rust-cache@v2
          - run: test "<${{ steps.one.outputs.cache-hit }}><${{ steps.two.outputs.hit }}>" = "<><false>"
          - run: test "${{ steps.three.outputs.cache-hit }}$CARGO_INCREMENTAL" = false0
        """
    )
    assert ran.outcome.result == "success", ran.log
    assert [step.stand_in for step in ran.outcome.steps[:3]] == ["the cache has no entry, and keeps none"] * 3
    assert [step.name[:9] for step in ran.outcome.steps[-3:]] == ["Post Run "] * 3


@pytest.mark.parametrize(
    "inputs",
    ["path: a, key: k, fail-on-cache-miss: true", "path: a, key: ''", "path: a, key: 'a,b'"],
)
def test_a_cache_that_cannot_be_used_fails(jobs, inputs):
    assert jobs.run(f"steps:\n  - uses: actions/cache@v6\n    with: {{ {inputs} }}\n").outcome.result == "failure"


def test_a_cache_is_not_kept_after_a_failure(jobs):
    ran = jobs.run("steps:\n  - uses: actions/cache@v6\n    with: { path: a, key: k }\n  - run: exit 1\n")
    assert len(ran.outcome.steps) == 2


def sarif(*runs: tuple[str, list[object]]) -> str:
    made = [{"tool": {"driver": {"name": name}}, "results": found} for name, found in runs]
    return json.dumps({"version": "2.1.0", "runs": made})


WITH = "permissions: { security-events: write, id-token: write, attestations: write, pages: write }\n"


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"f/a.sarif": sarif(("x", [{}])), "f/s/b.sarif": sarif(("y", []))}, None),
        ({"f/a.sarif": sarif(("x", [])), "f/b.sarif": sarif(("x", []))}, "multiple SARIF runs with the same category"),
        ({"f/a.txt": ""}, "No SARIF files found"),
        ({"g": ""}, "Path does not exist: f"),
        ({"f/a.sarif": "{"}, "JSON syntax error"),
        ({"f/a.sarif": '{"version": "2.0.0", "runs": []}'}, "not valid SARIF"),
        ({"f/a.sarif": '{"version": "2.1.0", "runs": [{}]}'}, "Missing 'results'"),
    ],
)
def test_findings_are_checked_as_the_upload_checks_them(jobs, project, files, problem):
    commit = commit_files(project[0], files)
    checkout = step(CHECKOUT, persist_credentials="false")
    ran = jobs.run(
        f"{WITH}steps:\n{checkout}{step('github/codeql-action/upload-sarif', {'sarif_file': 'f'}, called='up')}",
        contexts={"github": event("refs/heads/main", commit)},
    )
    if problem is None:
        assert ran.outcome.result == "success", ran.log
        assert ran.outcome.steps[1].stand_in == "1 findings were checked as SARIF and not uploaded"
    else:
        assert ran.outcome.result == "failure"
        assert problem in ran.outcome.annotations[0].message


@pytest.mark.parametrize("action", ["github/codeql-action/upload-sarif", "actions/attest", "actions/deploy-pages"])
@pytest.mark.parametrize("permissions", ["{}", "{ security-events: read, id-token: read, pages: read }"])
def test_what_publishes_needs_its_permission(jobs, action, permissions):
    ran = jobs.run(f"permissions: {permissions}\nsteps:\n{step(action)}")
    assert ran.outcome.result == "failure"
    assert "not accessible by integration" in ran.outcome.annotations[0].message


def test_permissions_of_the_caller_go_before_those_of_the_body(jobs):
    ran = jobs.run(f"{WITH}steps:\n{step('actions/deploy-pages')}", permissions={"pages": "read"})
    assert "no permission pages: write" in ran.outcome.annotations[0].message


def attested(jobs, script: str, **inputs: str):
    text = f"{WITH}steps:\n  - run: |\n      {script}\n{step('actions/attest', dashed(inputs))}"
    ran = jobs.run(text + "  - run: cp '${{ steps.it.outputs.bundle-path }}' bundle\n")
    bundle = ran.workspace / "bundle"
    return ran, json.loads(bundle.read_text())["unsignedStatement"] if bundle.exists() else None


@pytest.mark.parametrize("inputs", [{"subject-path": "a\nb*"}, {"subject-path": "a, b"}, {"subject-checksums": "SUMS"}])
def test_a_statement_is_unsigned_and_about_its_subjects(jobs, inputs):
    ran, statement = attested(jobs, "echo a > a; echo b > b; sha256sum a b > SUMS", **inputs)
    assert statement is not None, ran.log
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"] == [
        {"name": name, "digest": {"sha256": hashlib.sha256(f"{name}\n".encode()).hexdigest()}} for name in "ab"
    ]
    assert ran.outcome.steps[1].stand_in == "an UNSIGNED statement about 2 subjects"


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"subject-path": "none"}, "Could not find subject"),
        ({"subject-path": "a", "subject-digest": f"sha256:{'0' * 64}"}, "Only one of"),
        ({"subject-digest": f"sha256:{'0' * 64}"}, "subject-name must be provided"),
        ({"subject-digest": "sha256:0", "subject-name": "x"}, "must be in the format"),
        ({"subject-checksums": "zz  a"}, "Invalid digest"),
        ({"subject-path": "a", "predicate": "{}"}, "predicate-type is required"),
        ({"subject-path": "a", "predicate-type": "https://x", "predicate": "{"}, "predicate"),
        ({"subject-path": "a", "predicate-type": "https://x", "predicate-path": "no"}, "predicate file not found"),
        ({"subject-path": "a", "sbom-path": "a", "predicate": "{}"}, "Cannot specify sbom-path"),
        ({"subject-path": "a", "sbom-path": "bom"}, "Unsupported SBOM"),
    ],
)
def test_a_statement_that_the_action_refuses_fails(jobs, inputs, problem):
    ran, _ = attested(jobs, "touch a; echo {} > bom", **inputs)
    assert ran.outcome.result == "failure"
    assert problem in ran.outcome.annotations[0].message


def test_a_bill_of_materials_is_the_statements_predicate(jobs):
    _, statement = attested(
        jobs, """touch a; echo '{"bomFormat": "CycloneDX"}' > bom""", subject_path="a", sbom_path="bom"
    )
    assert statement is not None
    assert (statement["predicateType"], statement["predicate"]) == (
        "https://cyclonedx.org/bom",
        {"bomFormat": "CycloneDX"},
    )


def test_pages_are_one_archive_that_deploying_looks_for(jobs):
    ran = jobs.run(
        "steps:\n  - run: mkdir -p s/.git s/.h && touch s/index.html s/.git/x s/.h/y\n"
        + step("actions/upload-pages-artifact", path="s")
    )
    assert ran.outcome.result == "success", ran.log
    with tarfile.open(jobs.artifacts.get("github-pages").folder / "artifact.tar") as archive:
        assert sorted(archive.getnames()) == [".", "./index.html"]
    ran = jobs.run(f"{WITH}steps:\n{step('actions/deploy-pages')}")
    assert ran.outcome.result == "success", ran.log
    assert "was checked and not deployed to https://owner.github.io/project/" in (ran.outcome.steps[0].stand_in or "")


def test_pages_that_were_never_uploaded_cannot_be_deployed(jobs):
    ran = jobs.run(f"{WITH}steps:\n{step('actions/deploy-pages')}")
    assert 'No artifacts named "github-pages"' in ran.outcome.annotations[0].message


def test_no_login_of_the_caller_is_found(jobs, tmp_path):
    ran = jobs.run(
        """
        steps:
          - run: |
              test "$(cat "$REGISTRY_AUTH_FILE")" = '{"auths": {}}'
              test "$GIT_CONFIG_NOSYSTEM" = 1
              case $GIT_SSH_COMMAND in *IdentityFile=/dev/null*) ;; *) exit 1 ;; esac
              test "$(git config --global --list | wc -l)" = 0
        """,
        environ={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SSH_AUTH_SOCK": "/x", "DOCKER_CONFIG": "/y"},
    )
    assert ran.outcome.result == "success", ran.log
