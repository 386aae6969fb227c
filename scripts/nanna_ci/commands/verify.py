"""`verify`: the chain of evidence, link by link, offline; with --rebuild also built again."""

from __future__ import annotations

import argparse
from pathlib import Path

from nanna_ci.foundation.context import Context
from nanna_ci.foundation.errors import ConfigError, UsageError
from nanna_ci.foundation.scratch import scratch_folder
from nanna_ci.report.outcome import Outcome
from nanna_ci.store.nix import Nix
from nanna_ci.supply_chain.evidence.chain_report import ChainReport, chain_document, chain_to_json
from nanna_ci.supply_chain.evidence.cosign_blobs import CosignBlobs, SignerTrust, parse_trust
from nanna_ci.supply_chain.evidence.evidence_reader import read_evidence
from nanna_ci.supply_chain.evidence.folder_links import check_folder
from nanna_ci.supply_chain.evidence.rebuild_link import check_rebuild
from nanna_ci.supply_chain.evidence.signature_links import check_signatures


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Check every link."""
    cwd = context.ports.cwd
    trust = parse_trust(None if arguments.key is None else cwd / arguments.key, arguments.identity, arguments.issuer)
    trusted_root = _trusted_root(arguments, trust, cwd)
    folder = cwd / arguments.folder
    with scratch_folder("nanna-ci-verify-") as scratch:
        context.say("reading the folder")
        evidence = read_evidence(folder)
        links = [*check_folder(evidence)]
        links.append(check_signatures(evidence, _cosign(trust, trusted_root, scratch, context)))
        if arguments.rebuild:
            nix = Nix(context.ports.run, environ=context.ports.environ)
            links.append(check_rebuild(evidence, nix, scratch, context))
    report = ChainReport(
        str(arguments.folder), tuple(links), evidence.provenance, None if trust is None else str(trust)
    )
    outputs = {"revision": report.provenance.sources[0].revision or ""} if report.provenance is not None else {}
    return Outcome(report.verdict, chain_document(report), chain_to_json(report), outputs=outputs)


def _trusted_root(arguments: argparse.Namespace, trust: SignerTrust | None, cwd: Path) -> Path | None:
    if arguments.trusted_root is None:
        return None
    if trust is None:
        raise UsageError("--trusted-root says how to check, not whose signature: give --key or --identity too")
    file = cwd / str(arguments.trusted_root)
    if not file.is_file():
        raise ConfigError(str(file), "there is no such file", hint="`cosign trusted-root create` writes one")
    return file


def _cosign(
    trust: SignerTrust | None, trusted_root: Path | None, scratch: Path, context: Context
) -> CosignBlobs | None:
    if trust is None:
        return None
    ports = context.ports
    return CosignBlobs(ports.run, environ=ports.environ, trust=trust, trusted_root=trusted_root, scratch=scratch)
