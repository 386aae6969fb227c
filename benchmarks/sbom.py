"""`sbom` of a closure of 5,000 store paths and 1,000 crates over sbomnix on the same closure: at most half its time.

The closure is made up: path-info, derivation files with patches, and a program with a list of 1,000 crates, which are
in crate facts too. Nix has no such paths, so sbomnix gets what nix would have said in place of its calls of nix, and
the time that takes is not counted; it leaves out metadata and CPEs, which it would fetch from the network. It reads no
crates. Ours is a process from start to end, with the file of path-info read in it: at most 3 s and 200 MB. Both write
CycloneDX (ours 1.7, sbomnix 1.4), and are compared by the seconds of a processor that they take: both use one, and
other work on the machine does not show. Takes half a minute.

    python3 benchmarks/sbom.py [--paths N] [--crates N] [--rounds N] [--sbomnix PYTHON]

PYTHON is an interpreter that has sbomnix: pip install git+https://github.com/tiiuae/sbomnix into a virtual environment.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from side_by_side import REPO, judge, seconds

sys.path[:0] = [str(REPO / "tests"), str(REPO / "scripts")]

from nanna_ci.store.store_path import StorePath  # noqa: E402 - only now on the path
from support.fake_listed_programs import crate, elf_with, packed, root  # noqa: E402
from support.fake_store_paths import nar_hash, path  # noqa: E402

REFERENCES = 12
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"
OURS = """
import sys
from pathlib import Path
from nanna_ci.store.nix import Nix
from nanna_ci.supply_chain.bill.bill_making import BillHead, closure_bill
from nanna_ci.supply_chain.bill.bill_sources import BillSources, parse_closure
from nanna_ci.supply_chain.bill.closure_components import roots_of
from nanna_ci.supply_chain.bill.crate_facts import load_crate_facts
from nanna_ci.supply_chain.bill.cyclonedx import CycloneDxVersion, render_cyclonedx
folder = Path(sys.argv[1])
environ = {"NIX_REMOTE": f"local?root={folder}/root"}
infos = parse_closure((folder / "path-info.json").read_bytes(), "path-info")
closure = BillSources(Nix(environ=environ), environ, folder, print).look_into(roots_of(infos), infos)
made = closure_bill(closure, load_crate_facts(folder / "facts"), BillHead(None, 0, None))
assert len(closure.derivations) == len(infos)
assert [view.agreement.value for view in made.views] == ["agrees"]
data = render_cyclonedx(made.bill, CycloneDxVersion.V1_7)
Path(sys.argv[2]).write_bytes(data)
"""
PEER = """
import json, sys, time, types
from pathlib import Path
folder = Path(sys.argv[1])
spent = 0.0
started = time.process_time()
path_info = (folder / "path-info.json").read_text()
shown = json.loads((folder / "derivations.json").read_text())
outputs = {one["outputs"]["out"]["path"]: drv for drv, one in shown.items()}
spent += time.process_time() - started
import common.proc
def answer(cmd, *_, **__):
    global spent
    started = time.process_time()
    words = list(map(str, cmd))
    if "path-info" in words:
        text = path_info
    else:
        wanted = [outputs.get(word, word) for word in words if word.startswith("/nix/store/")]
        text = json.dumps({"version": 4, "derivations": {drv: shown[drv] for drv in wanted}})
    spent += time.process_time() - started
    return types.SimpleNamespace(stdout=text, stderr="", returncode=0)
common.proc.exec_cmd = answer
import sbomnix.builder, sbomnix.derivers
for module in (sbomnix.builder, sbomnix.derivers):
    module.is_loadable_deriver_path = lambda path: isinstance(path, str) and path.endswith(".drv")
sbom = sbomnix.builder.SbomBuilder(nix_path=sys.argv[3], include_meta=False, include_cpe=False)
sbom.write_json(sys.argv[2], sbom.to_cdx_data())
print(spent, file=sys.stderr)
"""


def write_closure(folder: Path, paths: int, crates: int) -> StorePath:
    """Everything that both read; gives the root."""
    store = folder / "root/nix/store"
    store.mkdir(parents=True)
    chance = random.Random(1)  # noqa: S311 - the same closure every time
    names = [f"package{number}-1.{number % 9}.{number % 7}" for number in range(paths)]
    outputs, drvs = [path(name) for name in names], [path(f"{name}.drv") for name in names]
    infos: dict[str, Any] = {}
    shown: dict[str, Any] = {}
    for number, (out, drv) in enumerate(zip(outputs, drvs, strict=True)):
        below = {chance.randrange(number + 1, paths) for _ in range(REFERENCES)} if number + 1 < paths else set()
        below |= {number + 1} & set(range(paths))
        infos[str(out)] = {
            "narHash": str(nar_hash(out)),
            "narSize": 1000 + number,
            "references": [str(outputs[one]) for one in sorted(below)],
            "deriver": str(drv),
            "signatures": [f"cache-1:{'A' * 86}=="],
            "registrationTime": 1_700_000_000,
            "ultimate": False,
            "ca": None,
        }
        pname, _, version = names[number].partition("-")
        environment = {
            "pname": pname,
            "version": version,
            "name": names[number],
            "out": str(out),
            "system": "x86_64-linux",
        }
        environment["patches"] = f"/nix/store/{'0' * 32}-CVE-2024-{1000 + number}.patch" if number % 20 == 0 else ""
        environment["buildPhase"] = "make\n" * 400
        inputs = {str(drvs[one]): ["out"] for one in sorted(below)}
        shown[str(drv)] = {
            "name": names[number],
            "outputs": {"out": {"path": str(out)}},
            "inputs": {"srcs": [], "drvs": {one: {"outputs": ["out"], "dynamicOutputs": {}} for one in inputs}},
            "system": "x86_64-linux",
            "builder": "/bin/sh",
            "args": [],
            "env": environment,
        }
        listed = ",".join(f'("{one}",["out"])' for one in inputs)
        pairs = ",".join(f"({json.dumps(key)},{json.dumps(value)})" for key, value in sorted(environment.items()))
        text = f'Derive([("out","{out}","","")],[{listed}],[],"x86_64-linux","/bin/sh",[],[{pairs}])'
        (store / drv.base_name).write_text(text)
        (store / out.base_name / "lib").mkdir(parents=True)
    (folder / "path-info.json").write_text(json.dumps(infos))
    (folder / "derivations.json").write_text(json.dumps(shown))
    write_crates(folder / "facts", store / outputs[0].base_name / "bin/app", crates)
    return outputs[0]


def write_crates(folder: Path, program: Path, count: int) -> None:
    """Crate facts, and a program that carries the same list."""
    folder.mkdir()
    program.parent.mkdir()
    app = "path+file:///source/app#0.1.0"
    names = [f"crate{number}" for number in range(count - 1)]
    keys = [app, *(f"{REGISTRY}#{name}@1.0.0" for name in names)]
    packages = [
        {
            "id": key,
            "name": name,
            "version": key.rpartition("@")[2] if name != "app" else "0.1.0",
            "source": None if name == "app" else REGISTRY,
            "license": "MIT OR Apache-2.0",
            "authors": [f"{name} <{name}@example.org>"],
            "repository": f"https://example.org/{name}",
            "manifest_path": f"/source/{name}/Cargo.toml",
            "targets": [{"kind": ["bin" if name == "app" else "lib"], "name": name}],
        }
        for key, name in zip(keys, ["app", *names], strict=True)
    ]
    below = [[one for one in (2 * number + 1, 2 * number + 2) if one < count] for number in range(count)]
    units = [
        {
            "pkg_id": key,
            "target": package["targets"][0],
            "mode": "build",
            "features": ["default", "std"],
            "dependencies": [{"index": one} for one in needed],
        }
        for key, package, needed in zip(keys, packages, below, strict=True)
    ]
    metadata = {"workspace_root": "/source", "workspace_members": [app], "packages": packages}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    (folder / "units.json").write_text(json.dumps({"version": 1, "units": units, "roots": [0]}))
    target = {"triple": "x86_64-unknown-linux-gnu", "system": "x86_64-linux", "profile": "release"}
    (folder / "target.json").write_text(json.dumps(target))
    (folder / "Cargo.lock").write_text(
        "".join(
            f'[[package]]\nname = "{name}"\nversion = "1.0.0"\nsource = "{REGISTRY}"\nchecksum = "{"ab" * 32}"\n'
            for name in names
        )
    )
    listed = [
        root("app", dependencies=below[0]),
        *(crate(name, dependencies=one) for name, one in zip(names, below[1:], strict=True)),
    ]
    program.write_bytes(elf_with({".dep-v0": packed(listed)}))


def run(argv: list[str], environ: dict[str, str]) -> tuple[float, float, float, str]:
    """Seconds from start to end, seconds of a processor, peak memory in MB, and what it said on stderr."""
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        process = os.posix_spawn(argv[0], argv, environ, file_actions=[(os.POSIX_SPAWN_DUP2, said.fileno(), 2)])
        _, status, used = os.wait4(process, 0)
        taken = time.perf_counter() - started
        said.seek(0)
        text = said.read().decode(errors="replace")
    if status != 0:
        sys.exit(f"{argv[0]} failed: {text[-3000:]}")
    return taken, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, text


def main() -> int:
    """Prints time, memory and ratio beside their limits; 1 where one is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paths", type=int, default=5000)
    parser.add_argument("--crates", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sbomnix", metavar="PYTHON", help="an interpreter that has sbomnix")
    options = parser.parse_args()
    walls: list[float] = []
    mine: list[float] = []
    theirs: list[float] = []
    memory: list[float] = []
    digests: set[str] = set()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        closure_root = write_closure(folder, options.paths, options.crates)
        environ = {"PYTHONPATH": str(REPO / "scripts"), "PATH": os.environ["PATH"], "HOME": name}
        for _ in range(options.rounds):
            if options.sbomnix is not None:
                argv = [options.sbomnix, "-c", PEER, name, f"{name}/peer.json", str(closure_root)]
                _, worked, _, said = run(argv, {"PATH": os.environ["PATH"], "HOME": name})
                theirs.append(worked - float(said.split()[-1]))
            taken, worked, megabytes, _ = run([sys.executable, "-c", OURS, name, f"{name}/ours.json"], environ)
            walls.append(taken)
            mine.append(worked)
            memory.append(megabytes)
            digests.add(hashlib.sha256((folder / "ours.json").read_bytes()).hexdigest())
        ours = json.loads((folder / "ours.json").read_bytes())
        print(f"ours: {seconds(walls)}, {len(ours['components']):,} components; of a processor {seconds(mine)}")
        results = [
            judge(f"{options.paths:,} paths, {options.crates:,} crates", statistics.median(walls), 3.0, "s"),
            judge("peak memory", max(memory), 200, "MB"),
            judge("different bytes in all rounds", len(digests) - 1, 0, "files"),
        ]
        if theirs:
            peer = json.loads((folder / "peer.json").read_bytes())
            print(f"sbomnix: of a processor {seconds(theirs)}, {len(peer['components']):,} components")
            results.append(
                judge("ours over sbomnix", statistics.median(mine) / statistics.median(theirs), 0.5, "times")
            )
        else:
            print("n/a     ours over sbomnix: --sbomnix names no interpreter that has it")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
