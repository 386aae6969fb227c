"""Release artifacts of one system: named executables, an archive of them, SHA256SUMS and manifest.json.

Every byte of the input is read once: hashed, copied and compressed on the way.

The size gate: the executables' sizes together, uncompressed, may be at most the limit. The archive holds the same
bytes again and the two text files are small, so neither counts: the rule can be checked with `ls`, before an hour of
compression, and does not depend on how well a compressor does.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from nanna_ci.binaries.archive import (
    LARGEST_MEMBER_BYTES,
    LONGEST_PATH_BYTES,
    ArchiveWriter,
    Member,
    open_gzip,
    verify_archive,
)
from nanna_ci.binaries.executables import parse_executable, verify_machine
from nanna_ci.binaries.headers import Executable
from nanna_ci.binaries.intake import Input, open_inputs
from nanna_ci.binaries.manifest import ArtifactExecutable, ArtifactFile, BinaryOrigin, render_manifest, render_sums
from nanna_ci.binaries.names import check_distinct, check_name
from nanna_ci.binaries.output_folder import Staging, check_replaceable, staging
from nanna_ci.binaries.sums import SUMS
from nanna_ci.binaries.targets import BuildTarget, System
from nanna_ci.foundation.errors import GateFailed, MalformedData
from nanna_ci.foundation.redact import Redactor

if TYPE_CHECKING:
    from hashlib import _Hash

MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class ArtifactsRequest:
    """What to prepare: `source` is a resolved folder, `output` the folder to write, `limit_bytes` the size gate.

    `build_folders` are where cargo may have other names of the files in `source`.
    """

    workspace: str
    binaries: tuple[str, ...]
    target: BuildTarget
    source: Path
    output: Path
    limit_bytes: int
    origin: BinaryOrigin
    build_folders: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """An executable of the input that passed: its name, where it lies, its file name here, its size and header."""

    name: str
    path: Path
    file: str
    size_bytes: int
    facts: Executable


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was written; `changed` is False if the output folder had the very same files already."""

    executables: tuple[ArtifactExecutable, ...]
    files: tuple[ArtifactFile, ...]
    changed: bool


def executable_file(name: str, system: System) -> str:
    """`harness-aarch64-linux`."""
    return f"{name}-{system.value}{system.executable_suffix}"


def archive_file(workspace: str, system: System) -> str:
    """`nanna-coder-aarch64-linux.tar.gz`; inside, `nanna-coder-aarch64-linux/harness`."""
    return f"{workspace}-{system.value}.tar.gz"


def plan_files(request: ArtifactsRequest) -> tuple[str, ...]:
    """The names of all files that are written. Raises MalformedData for names that are unsafe or collide."""
    system = request.target.system
    names = (
        *(executable_file(name, system) for name in request.binaries),
        archive_file(request.workspace, system),
        MANIFEST,
        SUMS,
    )
    for name in names:
        check_name(name, "the artifacts' names")
    check_distinct(names, "the artifacts' names")
    for name in request.binaries:
        if len(_member_path(request, name).encode()) > LONGEST_PATH_BYTES:
            raise MalformedData("the archive", f"the names {request.workspace!r} and {name!r} are too long together")
    return names


def decide_size(sizes_bytes: Sequence[int], limit_bytes: int) -> str | None:
    """Why the size gate fails, None when it passes: no executable, or more than the limit together, fails."""
    total = sum(sizes_bytes)
    if not sizes_bytes or total == 0:
        return "nothing found: there is no executable to prepare"
    if total > limit_bytes:
        over = total - limit_bytes
        return f"too large: the executables have {total} bytes together, {over} over the limit of {limit_bytes}"
    return None


def inspect(request: ArtifactsRequest) -> tuple[Checked, ...]:
    """Check everything that can be known before writing; nothing is written.

    Raises GateFailed (nothing found, wrong machine, too large), MalformedData (an input or name is refused),
    UsageError (the output folder has something else in it).
    """
    with open_inputs(request.source, request.target, request.binaries, request.build_folders) as inputs:
        return _check(request, inputs)


def prepare(request: ArtifactsRequest) -> Prepared:
    """Check, then write the artifacts. Raises as `inspect`, and NannaError if the output cannot be written."""
    with open_inputs(request.source, request.target, request.binaries, request.build_folders) as inputs:
        checked = _check(request, inputs)
        with staging(request.output) as stage:
            executables, files = _write(request, checked, inputs, stage)
            return Prepared(executables, files, stage.publish())


def _check(request: ArtifactsRequest, inputs: Iterable[Input]) -> tuple[Checked, ...]:
    names = plan_files(request)
    system = request.target.system
    checked = []
    for item in inputs:
        facts = parse_executable(item.stream, str(item.path))
        verify_machine(facts, system, str(item.path))
        if item.size_bytes > LARGEST_MEMBER_BYTES:
            raise MalformedData(str(item.path), f"more than the {LARGEST_MEMBER_BYTES} bytes that fit in an archive")
        checked.append(Checked(item.name, item.path, executable_file(item.name, system), item.size_bytes, facts))
    problem = decide_size([item.size_bytes for item in checked], request.limit_bytes)
    if problem is not None:
        raise GateFailed(problem)
    check_replaceable(request.output, set(names))
    return tuple(checked)


def _write(
    request: ArtifactsRequest, checked: Iterable[Checked], inputs: Iterable[Input], stage: Staging
) -> tuple[tuple[ArtifactExecutable, ...], tuple[ArtifactFile, ...]]:
    archive_name = archive_file(request.workspace, request.target.system)
    pairs = sorted(zip(checked, inputs, strict=True), key=lambda pair: pair[0].name)
    executables = []
    with stage.create(archive_name, mode=0o644) as packed:
        with open_gzip(packed) as gzip:
            tar = ArchiveWriter(gzip)
            for item, source in pairs:
                digest = hashlib.sha256()
                with stage.create(item.file, mode=0o755) as copy:
                    chunks = _copied(source.chunks(), digest, copy)
                    tar.add(_member_path(request, item.name), item.size_bytes, chunks)
                file = ArtifactFile(item.file, item.size_bytes, digest.hexdigest())
                executables.append(ArtifactExecutable(item.name, file, item.facts))
            tar.finish()
        archive = _finish_archive(request, packed, archive_name, executables)
    manifest = render_manifest(request.workspace, request.target, request.origin, executables, archive)
    manifest = Redactor().redact(manifest)  # before it is hashed
    stage.write(MANIFEST, manifest)
    files = (*(executable.file for executable in executables), archive, _described(MANIFEST, manifest))
    sums = render_sums(files)
    stage.write(SUMS, sums)
    return tuple(executables), (*files, _described(SUMS, sums))


def _described(name: str, data: bytes) -> ArtifactFile:
    return ArtifactFile(name, len(data), hashlib.sha256(data).hexdigest())


def _copied(chunks: Iterator[bytes], digest: _Hash, copy: BinaryIO) -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        copy.write(chunk)
        yield chunk


def _finish_archive(
    request: ArtifactsRequest, packed: BufferedRandom, name: str, executables: Iterable[ArtifactExecutable]
) -> ArtifactFile:
    """Read the archive back: what is promised is what is on disk."""
    packed.seek(0)
    members = [Member(_member_path(request, e.name), e.file.size_bytes, e.file.sha256) for e in executables]
    verify_archive(packed, members, name)
    size_bytes = packed.seek(0, os.SEEK_END)
    packed.seek(0)
    return ArtifactFile(name, size_bytes, hashlib.file_digest(packed, "sha256").hexdigest())


def _member_path(request: ArtifactsRequest, name: str) -> str:
    system = request.target.system
    return f"{request.workspace}-{system.value}/{name}{system.executable_suffix}"
