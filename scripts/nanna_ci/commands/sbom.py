"""`sbom`: bills of materials of crates, closures and images."""

from __future__ import annotations

import argparse
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.containers.registry.skopeo import Skopeo
from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import ConfigError, UsageError, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.scratch import scratch_folder
from nanna_ci.foundation.verdict import Verdict
from nanna_ci.pipeline.definition import find_pipeline, load_pipeline
from nanna_ci.pipeline.vocabulary import SYSTEMS
from nanna_ci.report.blocks import Document, Facts, Notice, Tone
from nanna_ci.report.files import write_atomic
from nanna_ci.report.outcome import Outcome
from nanna_ci.store.derivation import parse_derivations
from nanna_ci.store.nix import Nix
from nanna_ci.supply_chain.bill.bill_making import (
    BillHead,
    MadeBill,
    build_closure_bill,
    closure_bill,
    crates_bill,
    image_bill,
)
from nanna_ci.supply_chain.bill.bill_report import BillReport, WrittenBill, bill_document, bill_to_json, checked_to_json
from nanna_ci.supply_chain.bill.bill_sources import BillSources, NixClosure, parse_closure
from nanna_ci.supply_chain.bill.closure_components import derivation_roots, roots_of
from nanna_ci.supply_chain.bill.crate_facts import CrateFacts, load_crate_facts
from nanna_ci.supply_chain.bill.cyclonedx import CycloneDxVersion, render_cyclonedx
from nanna_ci.supply_chain.bill.cyclonedx_check import check_cyclonedx
from nanna_ci.supply_chain.bill.spdx import SPDX_VERSION, render_spdx

_EPOCH: Final = "SOURCE_DATE_EPOCH"
_LAST_MODIFIED: Final = "NANNA_CI_LAST_MODIFIED"  # of the flake, from its app
_LIMIT_BYTES: Final = 256 * MEBIBYTE
_CONTACT: Final = re.compile(r"[^\s@/<>]+@[^\s@/<>]+\.[^\s@/<>]+|https?://[!-~]+")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Make the bill and write it. The verdict is fail where a program's own list of crates says something else."""
    if arguments.what == "check":
        return _check(arguments, context)
    _refuse_contradictions(arguments)
    request = _Request(arguments, context)
    made = {"crates": _crates, "closure": _closure, "image": _image}[arguments.what](request)
    return _write(made, request)


@dataclass(slots=True)
class _Request:
    """The command line and what it needs of the outside world."""

    arguments: argparse.Namespace
    context: Context
    _sources: BillSources | None = None

    @property
    def sources(self) -> BillSources:
        """Nix, once it is needed."""
        if self._sources is None:
            ports = self.context.ports
            nix = Nix(ports.run, environ=ports.environ)
            self._sources = BillSources(nix, ports.environ, ports.cwd, self.context.say)
        return self._sources

    @property
    def source(self) -> Path | None:
        """What --from names."""
        return None if self.arguments.source is None else self.context.ports.cwd / self.arguments.source

    def head(self, name: str | None) -> BillHead:
        """The name, the time and the creator. Nix is queried for the time only where it is needed anyway."""
        creator = self.arguments.creator
        if creator is not None and _CONTACT.fullmatch(creator) is None:
            raise UsageError(f"--creator {shorten(creator)} is neither an e-mail address nor a URL")
        stated = self.context.ports.environ.get(_EPOCH, "")
        if stated:
            if re.fullmatch(r"[0-9]{1,11}", stated) is None:
                raise ConfigError(_EPOCH, f"{shorten(stated)} is not seconds since 1970")
            return BillHead(name, int(stated), creator)
        handed = self.context.ports.environ.get(_LAST_MODIFIED, "")
        if re.fullmatch(r"[0-9]{2,11}", handed):  # 0 and 1 stand for a time that nobody knows
            return BillHead(name, int(handed), creator)
        return BillHead(name, None if self.source is not None else self.sources.last_modified_s(), creator)

    def facts(self, name: str | None) -> CrateFacts | None:
        """The crate facts that were given, or those of the flake for the target; None where there are none."""
        if self.arguments.facts is not None:
            return load_crate_facts(self.context.ports.cwd / self.arguments.facts)
        if self.source is not None:
            return None
        system = self.target() or _system_in(name) or self.sources.nix.current_system()
        folder = self.sources.facts_folder(system)
        if folder is None:
            self.context.say(f"the flake has no crate-facts-{system}: crates come from the programs' own lists alone")
        return None if folder is None else load_crate_facts(folder)

    def target(self) -> str | None:
        """--target, which must be a system that there is."""
        target: str | None = self.arguments.target
        if target is not None and target not in SYSTEMS:
            raise UsageError(f"--target {shorten(target)} is not a system", hint=f"known: {', '.join(SYSTEMS)}")
        return target


def _refuse_contradictions(arguments: argparse.Namespace) -> None:
    if arguments.build_closure and arguments.what != "closure":
        raise UsageError(f"--build-closure is of a closure, not of {arguments.what}", hint="sbom closure PACKAGE")
    if arguments.facts is not None and (arguments.what == "crates" or arguments.build_closure):
        hint = "sbom crates --from FOLDER reads them as what the bill is about" if arguments.what == "crates" else None
        raise UsageError("--facts are of the programs in a closure or image", hint=hint)
    if arguments.bom_format == "spdx" and arguments.spec_version is not None:
        raise UsageError("--spec-version is of CycloneDX", hint=f"SPDX is written as {SPDX_VERSION}")
    if arguments.name is None and arguments.source is None and arguments.what != "crates":
        example = "sbom closure nanna-coder" if arguments.what == "closure" else "sbom image harness-image"
        raise UsageError(f"sbom {arguments.what} of what?", hint=f"such as: {example}; or --from with a file")


def _crates(request: _Request) -> MadeBill:
    folder = request.source
    if folder is None:
        system = request.target() or request.sources.nix.current_system()
        folder = request.sources.facts_folder(system)
        if folder is None:
            hint = "--from FOLDER takes the facts of cargo as files"
            raise ConfigError(f"flake {request.sources.nix.flake}", f"has no package crate-facts-{system}", hint=hint)
    facts = load_crate_facts(folder)
    target = request.target()
    if target is not None and target != facts.system:
        raise UsageError(f"--target {target}: the facts in {folder} are of {facts.system}")
    return crates_bill(facts, request.head(request.arguments.name or _workspace_name(request.context)))


def _workspace_name(context: Context) -> str | None:
    ports = context.ports
    try:
        return load_pipeline(find_pipeline(context.config, ports.environ, ports.cwd)).workspace.name
    except ConfigError:
        if context.config is not None:
            raise
        return None


def _closure(request: _Request) -> MadeBill:
    name, file = request.arguments.name, request.source
    if request.arguments.build_closure:
        return _build_closure(request)
    if file is None:
        closure = request.sources.closure(request.sources.outputs_of(name))
    else:
        infos = parse_closure(_read(file), str(file))
        closure = NixClosure(roots_of(infos), infos, {})
    return closure_bill(closure, request.facts(name), request.head(name))


def _build_closure(request: _Request) -> MadeBill:
    name, file = request.arguments.name, request.source
    if file is not None:
        graph = parse_derivations(_read(file), str(file))
        return build_closure_bill(graph, derivation_roots(graph), request.head(name))
    derivation = request.sources.derivation_of(name)
    if derivation is None:
        raise UsageError(f"{shorten(name)} has no derivation in this store", hint="name the package, not its output")
    return build_closure_bill(request.sources.build_graph(derivation), [derivation], request.head(name))


def _image(request: _Request) -> MadeBill:
    arguments, ports = request.arguments, request.context.ports
    output = None if request.source is not None else request.sources.outputs_of(arguments.name)[0]
    path = request.source if output is None else Path(str(output))
    assert path is not None
    with scratch_folder("nanna-ci-sbom-") as scratch:
        skopeo = Skopeo(ports.run, environ=ports.environ)
        layout, layers, known = request.sources.image(path, output, skopeo, scratch / "layout")
        head = request.head(_image_name(arguments.name))
        return image_bill(layout, layers, known, request.facts(arguments.name), head)


def _image_name(given: str | None) -> str | None:
    """What an image is called by the attribute that it is of; None for a path."""
    return None if given is None or given.startswith(("/", ".")) else given.rpartition("#")[2].rpartition(".")[2]


def _system_in(name: str | None) -> str | None:
    """The system that a package's name ends with: `harness-aarch64-linux`."""
    return next((system for system in SYSTEMS if name is not None and name.endswith(f"-{system}")), None)


def _read(path: Path) -> bytes:
    try:
        return read_file(path, _LIMIT_BYTES, or_pipe=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _write(made: MadeBill, request: _Request) -> Outcome:
    arguments, context = request.arguments, request.context
    if arguments.bom_format == "spdx":
        kind, data = f"SPDX {SPDX_VERSION}", render_spdx(made.bill)
    else:
        version = CycloneDxVersion(arguments.spec_version or "1.7")
        kind, data = f"CycloneDX {version.value}", render_cyclonedx(made.bill, version)
    data = context.redactor.redact(data)
    is_written = arguments.file is not None and not context.dry_run
    if is_written:
        target = context.ports.cwd / arguments.file
        if not target.parent.is_dir():
            raise UsageError(f"{target.parent} is not a folder", hint="make it first: the bill is written into it")
        write_atomic(target, data)
    written = WrittenBill(kind, len(data), hashlib.sha256(data).hexdigest(), arguments.file, is_written)
    report = BillReport(arguments.what, made.bill, written, made.views, made.contents)
    outputs = {"sbom": arguments.file, "sha256": written.sha256} if is_written else {}
    text = None
    if arguments.file is None and not context.dry_run:
        text = data.decode("utf-8")
        for line in (
            report.reason,
            *(f"{view.program.path} carries no list of its crates" for view in report.unlisted),
        ):
            if line is not None:
                context.say(line)
    return Outcome(report.verdict, bill_document(report), bill_to_json(report), outputs=outputs, text=text)


def _check(arguments: argparse.Namespace, context: Context) -> Outcome:
    named = arguments.name or arguments.source
    if named is None:
        raise UsageError("sbom check of which file?", hint="such as: sbom check nanna-coder.cdx.json")
    wanted = None if arguments.spec_version is None else CycloneDxVersion(arguments.spec_version)
    data = _read(context.ports.cwd / named)
    checked = check_cyclonedx(data, named, wanted)
    facts = (
        ("Format", f"CycloneDX {checked.version.value}"),
        ("Subject", checked.subject),
        ("Components", f"{checked.components:,}"),
        ("Dependencies", f"{checked.edges:,}"),
    )
    document = Document(f"{named} holds together", (Notice(Tone.GOOD, "Every reference closes."), Facts(facts)))
    return Outcome(Verdict.PASS, document, checked_to_json(named, checked, data))
