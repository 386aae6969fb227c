"""A repository with our own workflows, what a fork of it proposes, and a `nix` that stands in for the real one.

The stand-in answers `nix run FLAKE#APP -- WORDS` by `FLAKE/apps/APP WORDS`: whose app runs is whose flake it is, as
with Nix, but without a sandbox. `loot` is a folder outside of everything: what an attack wrote there, it reached.
"""

from __future__ import annotations

import base64
import datetime
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.results import JobResult, JobState, render_result
from nanna_ci.workflow.caller_files import caller_files
from nanna_ci.workflow.pipeline_pin import PipelinePin
from support.checked_workflows import ROOT
from support.rehearsed_repositories import RehearsedAnswer, RehearsedFolder

TOKEN: Final = "ghs_" + "Z9y8X7w6" * 5
SECRET: Final = "cachix-secret-0123456789abcdef"
PERSISTED: Final = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
UNIT: Final = "unit-x86_64-linux-stable"
FMT: Final = "fmt-x86_64-linux-stable"
PIPELINE: Final = """\
[workspace]
name = "mine"
[[test]]
kind = "unit"
runners = ["ubuntu-24.04"]
channels = ["stable"]
[[test]]
kind = "fmt"
runners = ["ubuntu-24.04"]
channels = ["stable"]
"""
_NIX: Final = """\
#!/bin/sh
[ "$1" = run ] || exit 1
flake=${2%%#*} app=${2#*#}
[ "$3" != -- ] || shift
shift 2
exec "$flake/apps/$app" "$@"
"""
_RUN_JOB: Final = """\
#!/bin/sh
mkdir -p ".nanna-ci/jobs/$1"
cp "apps/results/$1.json" ".nanna-ci/jobs/$1/result.json"
"""
# who posts says whose code it is, and shows all that it has
_POST: Final = """\
#!/bin/sh
here=$(dirname "$(dirname "$0")")
cat "$here/WHOSE" >> "@LOOT@/post-whose"
env > "@LOOT@/post-environment"
find . -not -path './.nanna-ci/source/.git/*' > "@LOOT@/post-files"
"""
_NOTE: Final = '#!/bin/sh\necho "$(basename "$0") $GITHUB_EVENT_NAME" >> "@LOOT@/apps-run"\n'


def passing(job: str) -> bytes:
    """The result of a job that passed."""
    tests = {"tests": {"passed": 3}} if job.startswith("unit-") else {}
    return render_result(JobResult(job, Verdict.PASS, 1.0, JobState.BUILT, evidence=tests))


class HostileFork(RehearsedFolder):
    """The repository. Its main branch has apps that do as they should, and our workflows with our commands; or, where
    it `adopts`, the two short workflows that call them at a commit, out of `source`.
    """

    def __init__(self, folder: Path, *, adopts: bool = False) -> None:
        self.loot = folder / "loot"
        self.programs = folder / "programs"
        self.source = folder / "source" if adopts else None
        own = {path.name: path.read_text() for path in (ROOT / ".github" / "workflows").iterdir()}
        own["ci.yml"] = own["ci.yml"].replace("workspace-input: nanna-coder, ", "")  # the repository is the workspace
        pin = PipelinePin("them/pipeline", "c" * 40, "v1.0.0", datetime.date(2026, 8, 3))
        called = {Path(path).name: text for path, text in caller_files(pin, "main").items() if path.endswith(".yml")}
        super().__init__(folder / "mine", called if adopts else own)
        self.loot.mkdir()
        self._program(self.programs / "nix", _NIX)
        self._copy_pipeline(self.folder if self.source is None else self.source)
        self.put(
            {
                "pipeline.toml": PIPELINE,
                "WHOSE": "main\n",
                "Cargo.toml": '[workspace.package]\nversion = "1.2.3"\n',
                ".gitignore": "/.nanna-ci\n",
            }
        )
        self.put({f"apps/results/{job}.json": passing(job).decode() for job in (UNIT, FMT)})
        self.put_apps({"run-job": _RUN_JOB})
        self.put_apps(dict.fromkeys(("bench", "cache-push", "cache-analytics", "metrics", "report", "release"), _NOTE))
        self.commit("What is merged")
        self.git("remote", "add", "origin", "https://github.com/me/mine.git")

    def _copy_pipeline(self, place: Path) -> None:
        shutil.copytree(ROOT / "scripts", place / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        callers = shutil.ignore_patterns("ci.yml", "ci-post.yml")  # the repository has its own
        shutil.copytree(ROOT / ".github", place / ".github", dirs_exist_ok=True, ignore=callers)
        (place / "WHOSE").write_text("the pipeline\n")
        self._program(place / "apps" / "post-summary", _POST.replace("@LOOT@", str(self.loot)))

    def put(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def put_apps(self, apps: Mapping[str, str]) -> None:
        for name, text in apps.items():
            self._program(self.folder / "apps" / name, text.replace("@LOOT@", str(self.loot)))

    def propose(
        self, files: Mapping[str, str], apps: Mapping[str, str] | None = None, branch: str = "topic"
    ) -> RehearsedAnswer:
        """Rehearse a fork's pull request with these files; the repository has a secret, and the run a token."""
        self.git("checkout", "--quiet", "-b", branch, "main")
        self.put({"WHOSE": "fork\n", **files})
        self.put_apps(apps or {})
        self.commit("What is proposed\n\n::set-output name=matrix::${{ github.token }}")
        return self.rehearse_here("fork")

    def rehearse_here(self, event: str) -> RehearsedAnswer:
        """`ci --rehearse EVENT` with the stand-in for Nix."""
        stand_ins = self.loot.parent / "stand-ins.toml"
        stand_ins.write_text(f'[secrets]\nGITHUB_TOKEN = "{TOKEN}"\nCACHIX_AUTH_TOKEN = "{SECRET}"\n')
        path = os.pathsep.join((str(self.programs), os.environ["PATH"]))
        source = {} if self.source is None else {"NANNA_CI_WORKFLOW_SOURCE": str(self.source)}
        return self.rehearse(event, "--stand-ins", str(stand_ins), PATH=path, **source)

    def looted(self, name: str) -> str:
        """What an attack wrote; "" if it did not get there."""
        path = self.loot / name
        return path.read_text() if path.exists() else ""

    @staticmethod
    def _program(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
