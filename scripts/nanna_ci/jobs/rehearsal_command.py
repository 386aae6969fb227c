"""What `ci --rehearse EVENT` does: rehearse, report, keep the files."""

from __future__ import annotations

import argparse
import platform
import sys

from nanna_ci.binaries import targets
from nanna_ci.foundation.context import Context
from nanna_ci.pipeline.run_folder import outcome_files
from nanna_ci.rehearsal.rehearsal_folder import create_rehearsal_folder
from nanna_ci.rehearsal.rehearsal_report import RehearsalReport, rehearsal_document, rehearsal_to_json, summaries
from nanna_ci.rehearsal.rehearse import rehearse
from nanna_ci.rehearsal.rehearsed_event import RehearsedEvent
from nanna_ci.rehearsal.stand_in_file import StandIns, read_stand_ins
from nanna_ci.report.outcome import Outcome


def execute_rehearsal(arguments: argparse.Namespace, context: Context) -> Outcome:
    """The rehearsal's verdict. A signal leaves the partial results in its folder, and goes on."""
    ports = context.ports
    stand_ins = StandIns() if arguments.stand_ins is None else read_stand_ins(ports.cwd / arguments.stand_ins)
    event = RehearsedEvent(arguments.rehearse)
    folder = create_rehearsal_folder(ports.cwd, event, ports.now())
    started = ports.clock()
    host = targets.host_system(sys.platform, platform.machine())
    run = rehearse(event, stand_ins, folder, None if host is None else host.value, context)
    report = RehearsalReport(run, ports.clock() - started, arguments.strict, str(folder.path))
    document, data = rehearsal_document(report), rehearsal_to_json(report)
    outcome = Outcome(report.verdict, document, data).redacted(context.redactor)
    (result, body), (summary, text) = outcome_files("ci", outcome)
    texts = "".join(context.redactor.redact_text(one) for one in summaries(report))
    folder.write(((result, body), (summary, text + texts.encode(errors="replace"))))
    context.say(report.line)
    if run.interrupted is not None:
        context.say(f"partial results: {folder.path}")
        raise run.interrupted
    return outcome
