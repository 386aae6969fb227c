"""`sbom` from files, as the command line gives it: no nix, real crate facts, layouts made here."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nanna_ci
from nanna_ci import cli
from support.fake_bills import DATA, SYSTEMS, facts_folder
from support.fake_image_layers import write_image
from support.fake_listed_programs import elf_with
from support.fake_ports import FakePorts
from support.fake_store_paths import nar_hash, path
from support.json_schemas import check

FACTS = str(DATA / "x86_64-linux")
PROGRAM = elf_with({".dep-v0": (DATA / "x86_64-linux/harness.dep-v0").read_bytes()})
EPOCH = {"SOURCE_DATE_EPOCH": "1790000000"}


def run(ports: FakePorts, *words: str) -> int:
    ports.stdout.seek(0)
    ports.stdout.truncate()
    return cli.main(["sbom", *words], ports.ports)


def report(ports: FakePorts, *words: str) -> Any:
    run(ports, *words, "--format", "json")
    return check(json.loads(ports.stdout.getvalue()))


def bill(ports: FakePorts, *words: str) -> Any:
    assert run(ports, *words) == 0, ports.stderr.getvalue()
    return json.loads(ports.stdout.getvalue())


def path_info(*names: str) -> str:
    paths = [path(name) for name in names]
    return json.dumps(
        {
            str(one): {
                "narHash": str(nar_hash(one)),
                "narSize": 1,
                "references": list(map(str, paths[number + 1 : number + 2])),
            }
            for number, one in enumerate(paths)
        }
    )


@pytest.fixture
def image(fake_ports: FakePorts) -> Path:
    status = b"Package: libc6\nVersion: 2.41-12\nArchitecture: amd64\n"
    return write_image(fake_ports.cwd / "image", [{"var/lib/dpkg/status.d/libc6": status}, {"bin/harness": PROGRAM}])


def test_without_a_file_the_bill_goes_to_stdout_and_nothing_else_does(fake_ports: FakePorts) -> None:
    made = bill(fake_ports, "crates", "--from", FACTS)
    assert (made["specVersion"], len(made["components"])) == ("1.7", 39)
    assert "timestamp" not in made["metadata"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_crates_of_each_target_are_written_to_a_file(fake_ports: FakePorts, system: str) -> None:
    fake_ports.environ.update(EPOCH)
    words = ("crates", "ours", "--from", str(DATA / system), "--target", system, "--output", "bill.json")
    answer = report(fake_ports, *words)
    data = (fake_ports.cwd / "bill.json").read_bytes()
    assert answer["sha256"] == hashlib.sha256(data).hexdigest()
    assert (answer["written"], answer["components"]["crates"], answer["created"]) == (True, 39, "2026-09-21T14:13:20Z")
    assert json.loads(data)["metadata"]["component"]["name"] == "ours"


def test_a_closure_is_read_from_what_nix_path_info_wrote(fake_ports: FakePorts) -> None:
    (fake_ports.cwd / "paths.json").write_text(path_info("harness-0.1.0", "openssl-3.0.14"))
    made = bill(fake_ports, "closure", "--from", "paths.json", "--spec-version", "1.6", "--creator", "us@example.org")
    assert made["specVersion"] == "1.6"
    assert made["metadata"]["component"]["bom-ref"] == str(path("harness-0.1.0"))
    assert made["metadata"]["manufacturer"] == {"contact": [{"email": "us@example.org"}]}
    assert [one["cpe"] for one in made["components"]] == ["cpe:2.3:a:openssl:openssl:3.0.14:*:*:*:*:*:*:*"]


def test_a_build_closure_is_read_from_what_nix_derivation_show_wrote(fake_ports: FakePorts) -> None:
    shown = {
        str(path("a-1.drv")): {
            "outputs": {"out": {"path": str(path("a-1"))}},
            "inputSrcs": [str(path("source"))],
            "inputDrvs": {},
            "system": "x86_64-linux",
            "builder": "/bin/sh",
        }
    }
    (fake_ports.cwd / "drvs.json").write_text(json.dumps(shown))
    made = bill(fake_ports, "closure", "--build-closure", "--from", "drvs.json")
    assert made["metadata"]["lifecycles"] == [{"phase": "build"}]
    assert [one["bom-ref"] for one in made["components"]] == [str(path("source"))]


def test_an_image_is_read_from_its_layout_and_held_against_the_build(fake_ports: FakePorts, image: Path) -> None:
    answer = report(fake_ports, "image", "ours", "--from", str(image), "--facts", FACTS)
    assert answer["verdict"] == "pass"
    assert [one["agreement"] for one in answer["programs"]] == ["agrees"]
    assert answer["components"] == {
        "crates": 39,
        "storePaths": 0,
        "derivations": 0,
        "debianPackages": 1,
        "layers": 2,
        "programs": 1,
    }
    assert [layer["debianPackages"] for layer in answer["contents"]] == [["libc6 2.41-12"], []]


def test_a_program_that_is_not_what_was_built_is_exit_1_and_the_bill_is_written(
    fake_ports: FakePorts, image: Path, tmp_path: Path
) -> None:
    def change(document: Any) -> None:
        for package in document["packages"]:
            if package["name"] == "clap":
                package["version"] = "9.9.9"

    folder = facts_folder(tmp_path / "facts", metadata=change)
    words = ("image", "--from", str(image), "--facts", str(folder), "--output", "bill.json")
    assert run(fake_ports, *words) == 1
    assert "bin/harness is not what was built" in fake_ports.stdout.getvalue()
    assert "only in the build: clap 9.9.9" in fake_ports.stdout.getvalue()
    assert (fake_ports.cwd / "bill.json").exists()
    assert run(fake_ports, *words[:-2]) == 1
    assert "is not what was built" in fake_ports.stderr.getvalue()


def test_a_dry_run_writes_nothing(fake_ports: FakePorts) -> None:
    answer = report(fake_ports, "crates", "--from", FACTS, "--output", "bill.json", "--dry-run")
    assert (answer["file"], answer["written"]) == ("bill.json", False)
    assert not (fake_ports.cwd / "bill.json").exists()


def test_the_same_input_gives_the_same_bytes(fake_ports: FakePorts, image: Path) -> None:
    texts = []
    for _ in range(2):
        assert run(fake_ports, "image", "--from", str(image), "--facts", FACTS) == 0
        texts.append(fake_ports.stdout.getvalue())
    assert texts[0] == texts[1]


def test_another_process_with_other_hashes_gives_the_same_bytes(image: Path, tmp_path: Path) -> None:
    scripts = Path(nanna_ci.__file__).parents[1]
    texts = {
        subprocess.run(
            [sys.executable, "-m", "nanna_ci", "sbom", "image", "--from", image, "--facts", FACTS, *more],
            env={"PYTHONPATH": str(scripts), "PYTHONHASHSEED": seed, **EPOCH},
            cwd=tmp_path,
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2", "3")
        for more in ([], ["--bom-format", "spdx"])
    }
    assert len(texts) == 2


def test_spdx_is_written_with_a_time_and_refused_without(fake_ports: FakePorts) -> None:
    assert run(fake_ports, "crates", "--from", FACTS, "--bom-format", "spdx") == 2
    assert "SOURCE_DATE_EPOCH" in fake_ports.stderr.getvalue()
    fake_ports.environ.update(EPOCH)
    made = bill(fake_ports, "crates", "--from", FACTS, "--bom-format", "spdx")
    assert made["@context"] == "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"


def test_the_time_of_the_flake_that_its_app_hands_on_counts(fake_ports: FakePorts) -> None:
    fake_ports.environ["NANNA_CI_LAST_MODIFIED"] = "1790000000"
    assert bill(fake_ports, "crates", "--from", FACTS)["metadata"]["timestamp"] == "2026-09-21T14:13:20Z"
    fake_ports.environ["NANNA_CI_LAST_MODIFIED"] = "0"
    assert "timestamp" not in bill(fake_ports, "crates", "--from", FACTS)["metadata"]


def test_check_takes_what_was_made_and_refuses_what_was_changed(fake_ports: FakePorts) -> None:
    assert run(fake_ports, "crates", "--from", FACTS, "--output", "bill.json") == 0
    answer = report(fake_ports, "check", "bill.json")
    assert (answer["format"], answer["checked"]["components"]) == ("CycloneDX 1.7", 40)
    assert run(fake_ports, "check", "bill.json", "--spec-version", "1.6") == 4
    assert "specVersion is '1.7', not 1.6" in fake_ports.stderr.getvalue()
    document = json.loads((fake_ports.cwd / "bill.json").read_text())
    document["components"].append(document["components"][0])
    (fake_ports.cwd / "twice.json").write_text(json.dumps(document))
    assert run(fake_ports, "check", "twice.json") == 4
    assert "occurs twice" in fake_ports.stderr.getvalue()


def test_a_secret_of_the_environment_does_not_get_into_a_bill(fake_ports: FakePorts, tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2" * 9

    def change(document: Any) -> None:
        package = next(one for one in document["packages"] if one["name"] == "clap")
        package["description"] = f"with {secret} in it"

    fake_ports.environ["GITHUB_TOKEN"] = secret
    folder = facts_folder(tmp_path / "facts", metadata=change)
    assert run(fake_ports, "crates", "--from", str(folder), "--output", "bill.json") == 0
    written = (fake_ports.cwd / "bill.json").read_text()
    assert secret not in written
    assert '"description":"with ' in written


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["closure"], 2, "sbom closure of what?"),
        (["image"], 2, "such as: sbom image harness-image"),
        (["check"], 2, "sbom check of which file?"),
        (["crates", "--from", "nowhere"], 2, "is not a folder of crate facts"),
        (["closure", "--from", "nowhere"], 2, "nowhere cannot be read: No such file or directory"),
        (["image", "--from", "nowhere"], 2, "there is no image"),
        (["check", "nowhere"], 2, "nowhere cannot be read"),
        (["closure", "--from", "empty.json"], 4, "an empty closure has no bill"),
        (["closure", "--from", "text"], 4, "text: line 1 column 1"),
        (["closure", "--build-closure", "--from", "empty.json"], 4, "build closure: is empty"),
        (["crates", "--from", FACTS, "--target", "aarch64-linux"], 2, "are of x86_64-linux"),
        (["crates", "--from", FACTS, "--target", "arm"], 2, "known: x86_64-linux"),
        (["crates", "--from", FACTS, "--creator", "us"], 2, "neither an e-mail address nor a URL"),
        (["crates", "--from", FACTS, "--build-closure"], 2, "--build-closure is of a closure"),
        (["crates", "--from", FACTS, "--facts", FACTS], 2, "--facts are of the programs"),
        (["crates", "--from", FACTS, "--bom-format", "spdx", "--spec-version", "1.6"], 2, "is of CycloneDX"),
        (["crates", "--from", FACTS, "--output", "no/such/bill.json"], 2, "is not a folder"),
        (["crates", "--from", FACTS, "--config", "nowhere.toml"], 2, "nowhere.toml"),
        (["crates", "--from", FACTS, "--spec-version", "1.5"], 2, "invalid choice"),
        (["crate", "--from", FACTS], 2, "invalid choice"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "",
)
def test_bad_input_is_one_clear_line(fake_ports: FakePorts, words: list[str], code: int, said: str) -> None:
    (fake_ports.cwd / "empty.json").write_text("{}")
    (fake_ports.cwd / "text").write_text("text")
    assert run(fake_ports, *words) == code
    assert said in fake_ports.stderr.getvalue()
    assert fake_ports.stdout.getvalue() == ""


def test_an_epoch_that_is_none_is_refused(fake_ports: FakePorts) -> None:
    fake_ports.environ["SOURCE_DATE_EPOCH"] = "yesterday"
    assert run(fake_ports, "crates", "--from", FACTS) == 2
    assert "SOURCE_DATE_EPOCH: 'yesterday' is not seconds since 1970" in fake_ports.stderr.getvalue()
