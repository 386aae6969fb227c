"""`release` over the folders that the workflow downloads: real ones of `prepare-artifacts`, an attestation, images."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nanna_ci.cli import main
from nanna_ci.foundation.errors import ToolMissing
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.measure.history.history_folder import HistoryFolder
from nanna_ci.measure.history.records import (
    BenchmarkRecord,
    BenchmarkValue,
    CoverageRecord,
    CrateCoverage,
    JobRecord,
    Metric,
    RunIdentity,
    RunRecord,
    Segment,
)
from support import json_schemas
from support.fake_executables import AARCH64, elf
from support.fake_ports import FakePorts
from support.fake_workspaces import git
from support.release_runs import TAG, ReleaseRuns
from support.stand_in_github_releases import StandInReleases, stand_in_releases

ASSETS = ".nanna-ci/assets"
WORDS = (TAG, "--assets", ASSETS, "--dry-run")
SIGNER = "nanna/ci/.github/workflows/pipeline.yml"
IMAGE = f"ghcr.io/nanna/harness@sha256:{'a' * 64}"
PIPELINE = '[workspace]\nname = "nanna-coder"\nbinaries = ["harness"]\n'
EXECUTABLES = {"x86_64-linux": elf(), "aarch64-linux": elf(machine=AARCH64)}


@pytest.fixture
def server() -> Iterator[StandInReleases]:
    with stand_in_releases() as server:
        yield server


@pytest.fixture
def release(tmp_path: Path, server: StandInReleases) -> ReleaseRuns:
    """A repository whose assets are what pipeline.yml downloads."""
    runs = ReleaseRuns(tmp_path, server)
    fake = FakePorts(tmp_path / "work")
    fake.cwd.mkdir()
    fake.run.script("git", error=ToolMissing("git", "not found"))
    (fake.cwd / "pipeline.toml").write_text(PIPELINE)
    for system, data in EXECUTABLES.items():
        (fake.cwd / system / "bin").mkdir(parents=True)
        (fake.cwd / system / "bin" / "harness").write_bytes(data)
        folder = runs.folder / ASSETS / f"artifacts-{system}"
        folder.parent.mkdir(parents=True, exist_ok=True)
        argv = ["prepare-artifacts", "--system", system, "--from", system, "--output", str(folder)]
        assert main(argv, fake.ports) == 0, fake.stderr.getvalue()
        (folder / f"sbom-{system}.cdx.json").write_text(json.dumps({"of": system}))
    for file in runs.dist.iterdir():
        file.unlink()
    attest(runs)
    publish_images(runs)
    return runs


def attest(runs: ReleaseRuns, **changed: Any) -> None:
    """The bundle of actions/attest over `artifacts/*/*`: only its envelope is like a real one."""
    files = sorted((runs.folder / ASSETS).glob("artifacts-*/*"))
    subjects = [
        {"name": path.name, "digest": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}} for path in files
    ]
    builder = {"id": f"https://github.com/{SIGNER}@refs/tags/v3"}
    statement = {"subject": subjects, "predicate": {"runDetails": {"builder": builder}}} | changed
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    bundle = {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": {"payload": payload}}
    write(runs, "attestation/provenance.sigstore.json", json.dumps(bundle) + "\n")


def publish_images(runs: ReleaseRuns, **changed: Any) -> None:
    repository, _, digest = IMAGE.partition("@")
    part = {"architecture": "x86_64", "digest": digest, "sizeBytes": 1, "revision": None}
    layers = [{"digest": digest, "sizeBytes": 1}]
    image = {"name": "harness", "repository": repository, "digest": digest, "index": None}
    answer = {
        "schemaVersion": 1,
        "command": "publish-images",
        "verdict": "pass",
        "revision": runs.head,
        "release": TAG,
        "published": True,
        "dryRun": False,
        "reason": None,
        "images": [
            {**image, "architectures": [{**part, "layers": layers}], "tags": [], "signatures": [], "attestations": []}
        ],
    }
    write(runs, "publish-images/publish-images.json", json.dumps(json_schemas.check(answer | changed)))


def write(runs: ReleaseRuns, name: str, text: str) -> None:
    path = runs.folder / ASSETS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_folders_of_the_workflow_become_one_flat_release_with_one_list_of_sums(
    release: ReleaseRuns, server: StandInReleases
) -> None:
    code, answer = release(TAG, "--assets", ASSETS)
    assert (code, answer["problems"]) == (0, [])
    names = [one["name"] for one in answer["assets"]]
    assert names == [
        "SHA256SUMS",
        "aarch64-linux.manifest.json",
        "harness-aarch64-linux",
        "harness-x86_64-linux",
        "images.json",
        "nanna-coder-aarch64-linux.tar.gz",
        "nanna-coder-x86_64-linux.tar.gz",
        "provenance.sigstore.json",
        "sbom-aarch64-linux.cdx.json",
        "sbom-x86_64-linux.cdx.json",
        "x86_64-linux.manifest.json",
    ]
    (published,) = server.releases.values()
    number = next(one["id"] for one in published["assets"] if one["name"] == "SHA256SUMS")
    sums = server.contents[number].decode()
    assert [line.partition("  ")[2] for line in sums.splitlines()] == names[1:]


def test_the_notes_name_each_image_by_digest_and_how_to_verify_a_file(release: ReleaseRuns) -> None:
    code, answer = release(*WORDS)
    assert code == 0
    assert f"\n## Images\n\n```\n{IMAGE}\n```\n" in answer["notes"]
    assert f"gh attestation verify FILE --repo nanna/coder --signer-workflow {SIGNER}\n" in answer["notes"]
    assert "## Figures" not in answer["notes"]


@pytest.mark.parametrize(
    "builder", ["https://github.com/nanna/ci", "x y", 7, None, f"https://h/{SIGNER}@v1 --repo evil/x"]
)
def test_a_signer_that_the_bundle_does_not_name_is_not_made_up(release: ReleaseRuns, builder: object) -> None:
    attest(release, predicate={"runDetails": {"builder": {"id": builder}}})
    _, answer = release(*WORDS)
    assert "gh attestation verify FILE --repo nanna/coder\n" in answer["notes"]


def test_a_file_that_is_not_what_was_attested_is_not_released(release: ReleaseRuns, server: StandInReleases) -> None:
    write(release, "artifacts-x86_64-linux/sbom-x86_64-linux.cdx.json", '{"of": "somebody else"}')
    code, answer = release(TAG, "--assets", ASSETS)
    assert code == 1
    assert answer["problems"] == ["sbom-x86_64-linux.cdx.json is not what provenance.sigstore.json attests"]
    assert server.releases == {}


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (
            {"published": False, "reason": "the registry is down"},
            "the images were not published: 'the registry is down'",
        ),
        ({"revision": "b" * 40}, "is of commit bbbbbbbbbbbb, not of "),
    ],
)
def test_images_that_are_not_those_of_the_release_are_refused(
    release: ReleaseRuns, changed: dict[str, Any], problem: str
) -> None:
    publish_images(release, **changed)
    code, answer = release(*WORDS)
    assert code == 1
    assert problem in answer["problems"][0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("publish-images/publish-images.json", "{"),
        ("publish-images/publish-images.json", '{"published": true, "images": [{"repository": "a b", "digest": "x"}]}'),
        ("attestation/provenance.sigstore.json", "[]"),
        ("attestation/provenance.sigstore.json", '{"dsseEnvelope": {"payload": "%"}}'),
        ("attestation/provenance.sigstore.json", '{"dsseEnvelope": {"payload": "e30="}}'),
    ],
)
def test_evidence_that_is_malformed_is_refused(release: ReleaseRuns, name: str, text: str) -> None:
    write(release, name, text)
    code, _ = release(*WORDS)
    assert code == 4, release.stderr


def test_a_bundle_over_several_lines_or_one_of_several_is_read(release: ReleaseRuns) -> None:
    path = release.folder / ASSETS / "attestation/provenance.sigstore.json"
    one = path.read_text()
    for text in (json.dumps(json.loads(one), indent=2), one + one):
        path.write_text(text)
        assert SIGNER in release(*WORDS)[1]["notes"]


def test_a_bundle_that_is_no_signed_statement_is_no_attestation(release: ReleaseRuns) -> None:
    write(release, "attestation/provenance.sigstore.json", '{"unsignedStatement": {}}')
    code, answer = release(*WORDS)
    assert code == 0
    assert "gh attestation" not in answer["notes"]
    assert "provenance.sigstore.json has no signed statement" in release.stderr


def test_other_files_of_our_own_folder_are_no_changes_of_the_tree(release: ReleaseRuns) -> None:
    write(release, "../source/scripts/x.py", "the workflow's own source")
    assert release(*WORDS)[0] == 0
    (release.folder / "unknown").touch()
    assert release(*WORDS)[0] == 1


# --- what changed since the last release ----------------------------------------------------------------------------


def record(
    history: HistoryFolder, run: str, commit: str, wall_s: float, size: int, covered: int, time_ns: float
) -> None:
    started = datetime.datetime(2026, 11, 28, 10, 0, tzinfo=datetime.UTC)
    origin = RunIdentity(run, "push", started, commit, "main")
    jobs = (
        JobRecord("build-x86_64-linux", Verdict.PASS, artifact_bytes=size),
        JobRecord("lint", Verdict.PASS),
        JobRecord("build-same", Verdict.PASS, artifact_bytes=7),
    )
    history.append(RunRecord(origin, Verdict.PASS, jobs, wall_s=wall_s))
    history.append(CoverageRecord(origin, None, (CrateCoverage("a", covered, 100),)))
    values = (
        BenchmarkValue("a|b @x", Metric.TIME, "ns", time_ns),
        BenchmarkValue(f"only-{run}", Metric.TIME, "ns", 1.0),
    )
    history.append(BenchmarkRecord(origin, Segment("r", "c", "t"), values))
    history.append(
        BenchmarkRecord(
            RunIdentity(f"{run}-other", "push", started, commit, "main"),
            Segment("r", run, "t"),
            (BenchmarkValue("elsewhere", Metric.TIME, "ns", time_ns),),
        )
    )


@pytest.fixture
def later(release: ReleaseRuns) -> tuple[ReleaseRuns, str]:
    """The next tag, and a history of both commits; the older one's."""
    older = release.head
    release.commit("fix: more")
    git("tag", "v1.2.1", cwd=release.folder)
    release.head = git("rev-parse", "HEAD", cwd=release.folder)
    release.server.tags["v1.2.1"] = release.head
    publish_images(release)
    history = HistoryFolder(release.folder / ".nanna-ci/history")
    record(history, "one", older, 600.0, 2_000_000, 50, 1000.0)
    record(history, "between", "f" * 40, 1.0, 1, 1, 1.0)
    record(history, "two", release.head, 660.0, 2_100_000, 51, 900.0)
    return release, older


def notes_with_history(release: ReleaseRuns, place: str = ".nanna-ci/history") -> str:
    words = ("--dry-run", "--version", "1.2.1", "--history", place)
    code, answer = release("v1.2.1", "--assets", ASSETS, *words)
    assert (code, answer["problems"]) == (0, []), release.stderr
    return str(answer["notes"])


def test_the_notes_say_what_changed_of_what_both_releases_have(later: tuple[ReleaseRuns, str]) -> None:
    section = notes_with_history(later[0]).partition("\n## Figures\n")[2]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in section.splitlines() if "%" in line]
    assert rows == [
        ["size of build-x86\\_64-linux", "2.0 MB", "2.1 MB", "&#43;5.0 %"],
        ["time of the pipeline, push", "10 min 00 s", "11 min 00 s", "&#43;10.0 %"],
        ["coverage of lines", "50.0 %", "51.0 %", "&#43;2.0 %"],
        ["a\\|b <span>@</span>x (time)", "1 µs", "900 ns", "&#45;10.0 %"],
    ]


def test_without_records_of_both_there_are_no_figures(later: tuple[ReleaseRuns, str]) -> None:
    for series in ("runs", "coverage", "benchmarks"):
        path = later[0].folder / ".nanna-ci/history" / f"{series}.jsonl"
        path.write_text("".join(line for line in path.read_text().splitlines(True) if later[1] not in line))
    assert "## Figures" not in notes_with_history(later[0])


def test_runs_of_other_jobs_are_no_measure_of_the_pipelines_time(later: tuple[ReleaseRuns, str]) -> None:
    path = later[0].folder / ".nanna-ci/history/runs.jsonl"
    *lines, last = path.read_text().splitlines(True)
    path.write_text("".join(lines) + last.replace('"lint"', '"lint-more"'))
    assert "time of the pipeline" not in notes_with_history(later[0])


@pytest.mark.parametrize("place", [".nanna-ci/broken", "branch:history"])
def test_a_history_that_cannot_be_read_costs_the_figures_alone(later: tuple[ReleaseRuns, str], place: str) -> None:
    (later[0].folder / ".nanna-ci/broken").mkdir()
    (later[0].folder / ".nanna-ci/broken/runs.jsonl").write_text("{\n")
    assert "## Images" in notes_with_history(later[0], place)
    assert "the notes have no figures: " in later[0].stderr


def test_verify_takes_no_history(release: ReleaseRuns) -> None:
    assert release(TAG, "--verify", "--history", "x")[0] == 2
