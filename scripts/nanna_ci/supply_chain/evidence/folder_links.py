"""All links that the folder alone decides, in the order of the chain."""

from __future__ import annotations

from collections.abc import Iterator

from nanna_ci.supply_chain.evidence.chain import ChainLink, LinkChecks, LinkName, counted
from nanna_ci.supply_chain.evidence.evidence_index import differences
from nanna_ci.supply_chain.evidence.evidence_reader import EvidenceFolder
from nanna_ci.supply_chain.evidence.release_links import check_artifacts, check_images, check_layers
from nanna_ci.supply_chain.evidence.roles import INDEX
from nanna_ci.supply_chain.evidence.sbom_links import check_sboms
from nanna_ci.supply_chain.evidence.source_links import check_derivations, check_outputs, check_source
from nanna_ci.supply_chain.evidence.statement_links import check_sarif, check_test_results, check_vex


def check_folder(evidence: EvidenceFolder) -> Iterator[ChainLink]:
    """Each link, checked when it is taken."""
    yield check_index(evidence)
    for check in (
        check_source,
        check_derivations,
        check_outputs,
        check_artifacts,
        check_sboms,
        check_layers,
        check_images,
        check_sarif,
        check_test_results,
        check_vex,
    ):
        yield check(evidence)


def check_index(evidence: EvidenceFolder) -> ChainLink:
    """Every file is what the index says, and the index what the files give."""
    checks = LinkChecks(LinkName.INDEX)
    if INDEX in evidence.faults:
        checks.failed(INDEX, evidence.faults[INDEX])
    for path, why in differences(evidence.index, evidence.content):
        checks.failed(path, why)
    expected = {role for role in evidence.index.absent if any(file.role is role for file in evidence.index.files)}
    for role in sorted(expected, key=lambda role: role.value):
        checks.failed(INDEX, f"says that there is no {role.value}, and names one")
    if checks.checks and INDEX not in evidence.faults:
        checks.failed(INDEX, "is not what the files give: they were changed, or it was")
    if not checks.checks:
        checks.verified(INDEX, f"{counted(len(evidence.index.files), 'file')}, each as stated")
    return checks.link()
