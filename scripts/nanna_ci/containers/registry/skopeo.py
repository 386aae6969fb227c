"""The skopeo program: copies images unchanged, and says what a registry has."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from nanna_ci.containers.image.blob import digest_of
from nanna_ci.containers.image.oci_layout import ImageForm, ImageSource, Index, Layout, load_layout
from nanna_ci.containers.registry.reference import Repository
from nanna_ci.containers.registry.registry_credentials import HINT
from nanna_ci.foundation.errors import CommandFailed, MalformedData, NannaError
from nanna_ci.foundation.process import Completed
from nanna_ci.foundation.scratch import scratch_folder

PROGRAM_VARIABLE: Final = "NANNA_CI_SKOPEO"  # the one that reads what the toolkit's images are
COPY_TIMEOUT_S: Final = 3600.0
_QUERY_TIMEOUT_S: Final = 120.0
_NOT_FOUND: Final = 2  # what skopeo says of a reference that the registry does not have
_RETRIES: Final = "3"
_DENIED: Final = re.compile(
    r"unauthorized|authentication required|(?<!permission )denied|forbidden|(status:?|code:?) 40[13]\b", re.IGNORECASE
)


class AccessDenied(NannaError):
    """The registry refused the login, or there is none."""


class Skopeo:
    """Runs skopeo with the login in `login` (a folder with config.json; None: where skopeo looks by itself).

    Digests are preserved: what a layout says is what the registry has, byte for byte. Images are read from our own
    store, which no signature policy is about. The program is what NANNA_CI_SKOPEO says, else skopeo.
    Every method may raise ToolMissing, CommandFailed, CommandTimedOut and AccessDenied.
    """

    def __init__(
        self,
        run: Callable[..., Completed],
        *,
        environ: Mapping[str, str],
        login: Path | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        self._run = run
        self._environ = environ
        self._login = login
        self._secrets = tuple(secrets)
        self._executable = environ.get(PROGRAM_VARIABLE) or "skopeo"

    def query_digest(self, repository: Repository, tag_or_digest: str) -> str | None:
        """What a tag names, from the manifest's own bytes; None if the registry has no such tag or digest."""
        is_digest = tag_or_digest.startswith("sha256:")
        reference = repository.pinned(tag_or_digest) if is_digest else repository.tagged(tag_or_digest)
        argv = [
            "inspect",
            "--raw",
            "--retry-times",
            _RETRIES,
            *self._login_flags("--authfile"),
            f"docker://{reference}",
        ]
        argv += ["--tls-verify=false"] if repository.plain_http else []
        completed = self._call(argv, repository, _QUERY_TIMEOUT_S, accept=frozenset({0, _NOT_FOUND}))
        if completed.returncode == _NOT_FOUND:
            return None
        digest = digest_of(completed.stdout)
        if is_digest and digest != tag_or_digest:
            raise MalformedData(reference, f"the registry answered with {digest}")
        return digest

    def push(self, layout: Layout, repository: Repository, tag: str | None) -> None:
        """Push an image under a tag, or by its digest alone. Layers that the registry has are not sent."""
        reference = repository.pinned(layout.manifest_digest) if tag is None else repository.tagged(tag)
        self._copy(layout.path, repository, reference, ())

    def push_index(self, index: Index, repository: Repository, tag: str) -> None:
        """Push an index under a tag; what it names must be there already."""
        with scratch_folder("nanna-ci-index-") as folder:
            blobs = folder / "blobs" / "sha256"
            blobs.mkdir(parents=True)
            (blobs / index.blob.digest.removeprefix("sha256:")).write_bytes(index.data)
            entry = {"mediaType": index.blob.media_type, "digest": index.blob.digest, "size": index.blob.size_bytes}
            (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
            (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
            self._copy(folder, repository, repository.tagged(tag), ("--multi-arch", "index-only"))

    def layout_of(self, source: ImageSource, folder: Path) -> Layout:
        """The image as a verified layout; what nix2container wrote becomes one in `folder`, by its own skopeo."""
        if source.form is ImageForm.OCI_LAYOUT:
            return load_layout(source.path)
        argv = ["--insecure-policy", "copy", "--quiet", f"nix:{source.path}", f"oci:{folder}"]
        try:
            self._call(argv, None, COPY_TIMEOUT_S)
        except CommandFailed as error:
            if "transport" not in error.stderr_tail:
                raise
            hint = "use the skopeo that nix2container brings: the flake's own apps have it"
            raise CommandFailed(error.argv, error.returncode, error.stderr_tail, hint=hint) from error
        return load_layout(folder)

    def _copy(self, folder: Path, repository: Repository, reference: str, flags: Sequence[str]) -> None:
        argv = ["--insecure-policy", "copy", "--quiet", "--preserve-digests", "--retry-times", _RETRIES, *flags]
        argv += self._login_flags("--dest-authfile")
        argv += ["--dest-tls-verify=false"] if repository.plain_http else []
        self._call([*argv, f"oci:{folder}", f"docker://{reference}"], repository, COPY_TIMEOUT_S)

    def _login_flags(self, flag: str) -> list[str]:
        return [] if self._login is None else [flag, str(self._login / "config.json")]

    def _call(
        self,
        argv: Sequence[str],
        repository: Repository | None,
        timeout_s: float,
        accept: frozenset[int] = frozenset({0}),
    ) -> Completed:
        try:
            return self._run(
                [self._executable, *argv],
                timeout_s=timeout_s,
                accept=accept,
                env=self._environ,
                secrets=self._secrets,
            )
        except CommandFailed as error:
            said = _plain(error.stderr_tail)
            if repository is not None and _DENIED.search(said):
                hint = f"is the login right, and may it push? {HINT}"
                raise AccessDenied(f"{repository}: {said.splitlines()[-1]}", hint=hint) from error
            raise CommandFailed(error.argv, error.returncode, said) from error


def _plain(log: str) -> str:
    """skopeo's log without time and level."""
    lines = log.splitlines()
    found = [re.search(r'msg="((?:[^"\\]|\\.)*)"', line) for line in lines]
    return "\n".join(
        line if match is None else match[1].replace('\\"', '"') for line, match in zip(lines, found, strict=True)
    )
