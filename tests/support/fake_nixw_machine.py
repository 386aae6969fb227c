"""A machine that has never seen nixw, with stand-ins for what takes minutes: mmdebstrap and bwrap.

Each test runs the real ./nixw, and the real apt against a mirror on loopback, with a cache folder of its own.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.stand_in_debian_mirror import Key, Weather, fair_weather, serve_mirror, write_apt_of_machine, write_mirror

REPO = Path(__file__).resolve().parents[2]

# A stand-in for mmdebstrap: runs the setup hook where the real one makes a Debian. $MODE says how it should go.
MMDEBSTRAP = """#!/bin/bash
for argument; do
  case $argument in
    *.partial) root=$argument ;;
    --setup-hook=*) hook=${argument#--setup-hook=} ;;
    --include=*) echo "${argument#--include=}" >"$LOG.include" ;;
  esac
done
mkdir -p "$root/etc"
sh -c "$hook" hook "$root"
echo half >"$root/etc/half"
echo made >>"$LOG"
case ${MODE:-} in
  full) echo 'E: write error: No space left on device' >&2; exit 1 ;;
  broken) echo 'E: some package could not be configured' >&2; exit 1 ;;
  slow) sleep "${SLOW:-60}" ;;
esac
"""
# A stand-in for bwrap: prints what it was to run; for input.sh it answers a store path, whose folder it makes below
# the cache, with a reason in it for each name in $LACKS.
BWRAP = """#!/bin/bash
[[ ${MODE:-} == pipe && " $* " == *" nix "* ]] && kill -PIPE $$
[[ ${MODE:-} == killed && " $* " == *" tools"* ]] && exit 3
previous=
for argument; do
  if [[ $previous == */input.sh ]]; then
    echo "$argument" >>"$LOG.inputs"
    store=$XDG_CACHE_HOME/nanna-ci/nix/store/00000000000000000000000000000000-$argument
    rm -rf "$store"
    mkdir -p "$store"
    if [[ " ${LACKS:-} " == *" $argument "* ]]; then mkdir "$store/missing"; echo why >"$store/missing/$argument"; fi
    echo "/nix/store/00000000000000000000000000000000-$argument" && exit 0
  fi
  previous=$argument
done
printf '%s\\n' "$@" >"$LOG.bwrap"
printf '%s' "$NANNA_CI_OVERRIDES" >"$LOG.overrides"
"""


class Machine:
    """A machine that has never seen nixw, as far as nixw can see. `apt` is its apt's configuration file."""

    def __init__(self, folder: Path, apt: Path) -> None:
        self.apt = apt
        self.cache = folder / "cache"
        self.log = folder / "log"
        self.programs = folder / "programs"
        self.programs.mkdir()
        for name, text in {"mmdebstrap": MMDEBSTRAP, "bwrap": BWRAP}.items():
            self.add(name, text)
        # the real nix of the root must not be found: this machine has none
        self.path = f"{self.programs}:{folder / 'host'}"
        (folder / "host").mkdir()
        for source in ("/usr/bin", "/bin", "/usr/sbin"):
            for program in Path(source).iterdir():
                link = folder / "host" / program.name
                if not program.name.startswith("nix") and not link.is_symlink():
                    link.symlink_to(program)

    def add(self, name: str, text: str) -> None:
        path = self.programs / name
        path.write_text(text)
        path.chmod(0o755)

    def environment(self, **extra: str) -> dict[str, str]:
        return {
            "PATH": self.path,
            "HOME": str(self.cache.parent),
            "XDG_CACHE_HOME": str(self.cache),
            "LOG": str(self.log),
            "APT_CONFIG": str(self.apt),
            **extra,
        }

    def start(self, *arguments: str, cwd: Path = REPO, **extra: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(REPO / "nixw"), *arguments],
            env=self.environment(**extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=cwd,
        )

    def run(self, *arguments: str, cwd: Path = REPO, **extra: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, cwd=cwd, **extra)
        stdout, stderr = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    def roots(self) -> list[str]:
        return sorted(path.name for path in (self.cache / "nanna-ci").glob("debian-*"))

    def installed(self) -> set[str]:
        """The packages that mmdebstrap was to install."""
        return set(Path(f"{self.log}.include").read_text().strip().split(","))

    def handed_over(self) -> set[str]:
        """The package files that mmdebstrap found in its root."""
        return {path.name for path in self.cache.glob("nanna-ci/debian-*/var/cache/apt/archives/*.deb")}

    def inputs_made(self) -> list[str]:
        """The toolkit's inputs that were requested, in order."""
        path = Path(f"{self.log}.inputs")
        return path.read_text().split() if path.exists() else []

    def overrides(self) -> dict[str, str]:
        """What the last command was given for the flake's inputs."""
        return dict(json.loads(Path(f"{self.log}.overrides").read_text()))

    def times_made(self) -> int:
        """How often mmdebstrap was started."""
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


@contextmanager
def machine_in(folder: Path, key: Key, weather: Weather | None = None) -> Iterator[Machine]:
    """A machine whose mirror holds, and does, what the weather says."""
    weather = weather or fair_weather()
    write_mirror(folder / "mirror", weather, key)
    with serve_mirror(folder / "mirror", weather) as address:
        yield Machine(folder, write_apt_of_machine(folder / "apt", address, [key.public]))
