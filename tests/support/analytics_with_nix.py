"""A real nix with a store of its own, a cache folder, a small graph of derivations, and `cache-analytics` on it."""

from __future__ import annotations

import functools
import http.server
import json
import os
import random
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nanna_ci
from nanna_ci.store.derivation import Derivation
from nanna_ci.store.drv_file import DerivationFiles
from nanna_ci.store.store_path import StorePath, parse_store_path
from support.fake_derivations import narinfo
from support.fake_store_paths import put_into_folder

EXPRESSION = r"""
{ flags ? "-O1", text ? "first" }:
let
  make = name: more: derivation ({
    inherit name;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    salt = "@salt@";
  } // more);
  plain = [ "-c" "echo plain > ${builtins.placeholder "out"}" ];
in rec {
  source = builtins.toFile "main-source" "${text} @salt@";
  fetched = make "fetched.tar.gz" {
    args = [ "-c" "echo @salt@ > $out" ];
    outputHashMode = "flat"; outputHashAlgo = "sha256"; outputHash = builtins.hashString "sha256" "@salt@\n";
  };
  lib = make "lib" {
    outputs = [ "out" "dev" ]; src = fetched; inherit flags;
    args = [ "-c" "echo lib > $out; echo $out > $dev" ];
  };
  tool = make "tool" { libs = [ lib.dev ]; args = [ "-c" "echo $libs > $out" ]; };
  local = make "local" {
    preferLocalBuild = true; allowSubstitutes = false; libs = [ lib ];
    args = [ "-c" "echo $libs > $out" ];
  };
  structured = make "structured" { __structuredAttrs = true; allowSubstitutes = false; libs = [ tool ]; args = plain; };
  trusting = make "trusting" { __structuredAttrs = true; libs = [ local ]; args = plain; };
  app = make "app" { inherit source; libs = [ lib tool ]; args = [ "-c" "echo $source $libs > $out" ]; };
  top = make "top" {
    outputs = [ "out" "doc" ]; libs = [ app local structured trusting tool.out ];
    args = [ "-c" "echo $libs > $out; echo doc > $doc" ];
  };
}
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that keeps its connections and says nothing."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Quiet."""


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A folder over HTTP on loopback."""
    handler = functools.partial(Quiet, directory=str(folder))
    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class Sandbox:
    """A local store, a cache folder and a working folder, all fresh."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self.cache.mkdir()
        (self.cache / "nix-cache-info").write_text("StoreDir: /nix/store\n")
        self.salt = uuid.uuid4().hex
        (folder / "default.nix").write_text(EXPRESSION.replace("@salt@", self.salt))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("NANNA_CI_", "GITHUB_"))}
        self.environ = kept | {
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": str(folder / "nix-cache"),
            "NIX_REMOTE": f"local?root={folder}/store",
            "PYTHONPATH": os.pathsep.join([str(Path(nanna_ci.__file__).parent.parent)]),
            "NO_COLOR": "1",
        }

    def run(self, *argv: str, code: int = 0, **environ: str) -> tuple[str, str]:
        """A program that must end with this code; what it printed, and said."""
        done = subprocess.run(
            argv,
            cwd=self.folder,
            env=self.environ | environ,
            capture_output=True,
            check=False,
            timeout=300,
            stdin=subprocess.DEVNULL,
        )
        stderr = done.stderr.decode(errors="replace")
        assert done.returncode == code, stderr + done.stdout.decode(errors="replace")
        return done.stdout.decode().strip(), stderr

    def nix(self, *words: str) -> str:
        return self.run("nix", "--extra-experimental-features", "nix-command flakes", *words)[0]

    def instantiate(self, attribute: str, *more: str) -> StorePath:
        return parse_store_path(self.run("nix-instantiate", "default.nix", "-A", attribute, *more)[0])

    def graph(self, root: StorePath) -> dict[StorePath, Derivation]:
        return DerivationFiles(self.folder / "store/nix/store").read_closure([root])

    def build(self, attribute: str, *more: str) -> list[str]:
        return self.run("nix-build", "default.nix", "--no-out-link", "-A", attribute, *more)[0].split()

    def analyse(self, *words: str, code: int = 0, **environ: str) -> dict[str, Any]:
        argv = [sys.executable, "-m", "nanna_ci", "cache-analytics", "--format", "json", *words]
        answer: dict[str, Any] = json.loads(self.run(*argv, code=code, **environ)[0])
        return answer

    def dry_run(self, installable: str, *options: str) -> tuple[set[str], set[str], set[str]]:
        """What nix would build, fetch, and does not know how to build, of caches that it trusts."""
        cache = str(self.folder / "fresh" / uuid.uuid4().hex)
        argv = ["nix", "--extra-experimental-features", "nix-command", "build", "--dry-run", "--no-link", installable]
        _, stderr = self.run(*argv, "--option", "require-sigs", "false", *options, XDG_CACHE_HOME=cache)
        found: dict[str, set[str]] = {"built": set(), "fetched": set(), "know": set()}
        section: set[str] | None = None
        for line in stderr.splitlines():
            if match := re.search(r"will be (built|fetched)|don't (know) how to build", line):
                section = found[match[1] or match[2]]
            elif line.startswith("  /nix/store/") and section is not None:
                section.add(line.strip())
        return found["built"], found["fetched"], found["know"]


def plan_of(answer: dict[str, Any]) -> tuple[set[str], set[str], set[str]]:
    plan = answer["plan"]
    return set(plan["build"]), set(plan["download"]["storePaths"]), set(plan["unknown"])


def fill(cache: Path, graph: dict[StorePath, Derivation], chance: float, source: random.Random) -> None:
    """Some of the outputs below the root, which refer to some of their inputs. The archives are not there."""
    named = sorted(graph.values(), key=lambda one: one.name)  # paths differ from run to run, names do not
    for derivation in [one for one in named if one.name != "top"]:  # which is to be built: more is looked at then
        inputs = sorted(derivation.input_derivations.items(), key=lambda item: item[0].name)
        below = [graph[path].outputs[name].path for path, used in inputs for name in used]
        for output in derivation.outputs.values():
            assert output.path is not None
            candidates = [*below, *derivation.input_sources, output.path]
            if source.random() < chance:
                references = [path for path in candidates if path is not None and source.random() < 0.5]
                info = narinfo(output.path, references, nar_size_bytes=source.randrange(1, 9000))
                put_into_folder(cache, info)


class Signed:
    """`top` built, and all of its outputs in a signed cache."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.root = sandbox.instantiate("top")
        self.graph = sandbox.graph(self.root)
        self.keys = {name: self.make_key(name) for name in ("ours-1", "theirs-1")}
        for attribute in ("top", "top.doc", "lib.dev", "fetched"):
            self.push("ours-1", *sandbox.build(attribute))

    def make_key(self, name: str) -> str:
        secret = self.sandbox.nix("key", "generate-secret", "--key-name", name)
        (self.sandbox.folder / f"{name}.sec").write_text(secret)
        public, _ = self.sandbox.run(
            "sh", "-c", f"nix --extra-experimental-features nix-command key convert-secret-to-public < {name}.sec"
        )
        return public

    def push(self, key: str, *paths: str) -> None:
        url = f"file://{self.sandbox.cache}?secret-key={self.sandbox.folder}/{key}.sec"
        self.sandbox.nix("copy", "--to", url, *paths)

    def output(self, name: str, output: str = "out") -> StorePath:
        path = next(one for one in self.graph.values() if one.name == name).outputs[output].path
        assert path is not None
        return path

    def narinfo(self, path: StorePath) -> Path:
        return self.sandbox.cache / f"{path.hash}.narinfo"

    def analyse(self, *words: str, code: int = 0, key: str = "ours-1") -> dict[str, Any]:
        with serving(self.sandbox.cache) as url:
            flags = ["--substituter", url, "--trusted-key", self.keys[key]]
            return self.sandbox.analyse(f"{self.root}^*", *flags, *words, code=code)


FLAKE = r"""
{
  outputs = _:
    let
      all = import ./default.nix { flags = "@flags@"; };
      path = value: builtins.unsafeDiscardOutputDependency value.drvPath;
    in {
      packages.x86_64-linux = all // {
        lib-dev = all.lib.dev // { outputSpecified = true; };
        default = all.top // { meta.outputsToInstall = [ "out" "doc" ]; };
      };
      legacyPackages.x86_64-linux.pipeline = {
        unavailable."checks.x86_64-linux.audit" = "no cargo-audit here";
        derivations."checks.x86_64-linux.unit" = path all.top;
        derivations."checks.x86_64-linux.clippy" = path all.tool;
        derivations."packages.x86_64-linux.no-job" = path all.lib;
      };
    };
}
"""


def write_flakes(sandbox: Sandbox) -> tuple[str, str]:
    """Two revisions of a flake, that differ in one value."""
    urls = []
    expression = (sandbox.folder / "default.nix").read_text().replace("builtins.currentSystem", '"x86_64-linux"')
    for name, flags in (("old", "-O1"), ("new", "-O2")):
        folder = sandbox.folder / name
        folder.mkdir()
        (folder / "flake.nix").write_text(FLAKE.replace("@flags@", flags))
        (folder / "default.nix").write_text(expression)
        urls.append(f"path:{folder}")
    return urls[0], urls[1]
