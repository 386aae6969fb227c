"""What an analysis starts from: installables and jobs as nix evaluates them, and a baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TextIO

from nanna_ci.cache.analysis.baseline import Baseline, baseline_of_revision, parse_baseline
from nanna_ci.cache.analysis.substitution import WantedOutputs
from nanna_ci.cache.analysis.values import AnalysisSubject
from nanna_ci.cache.push.selection import parse_wanted
from nanna_ci.foundation.errors import MalformedData, UsageError, shorten
from nanna_ci.foundation.guarded_read import MEBIBYTE, read_file
from nanna_ci.foundation.json_data import MAX_BYTES
from nanna_ci.store.derivation import Derivation
from nanna_ci.store.nix import Nix
from nanna_ci.store.nix_graph import Installable, evaluate_installable, query_graph
from nanna_ci.store.store_path import STORE_DIR, StorePath, parse_store_path

STANDARD_INPUT: Final = "-"


def subject_of_words(nix: Nix, words: Sequence[str], cwd: Path, folder: Path | None) -> AnalysisSubject:
    """The graph behind installables, evaluated. `folder` holds the store's files, None if they are elsewhere.

    Raises:
        UsageError: a word is a store path rather than a derivation, or nix does not know it.
    """
    installables = []
    for word in words:
        if _stored(word, cwd) is not None:
            raise UsageError(f"{shorten(word)} is a store path, not a derivation", hint="--walk follows its references")
        installables.append(evaluate_installable(nix, word))
    return _subject(nix, installables, folder)


def subject_of_jobs(nix: Nix, derivations: Mapping[str, StorePath], folder: Path | None) -> AnalysisSubject:
    """The graph behind the pipeline's jobs: derivations by attribute, all their outputs."""
    return _subject(nix, [Installable(label, path, None) for label, path in derivations.items()], folder)


def _subject(nix: Nix, installables: Sequence[Installable], folder: Path | None) -> AnalysisSubject:
    roots = list(dict.fromkeys(one.derivation for one in installables))
    graph = query_graph(nix, roots, folder) if roots else {}
    return AnalysisSubject(_wanted(installables, graph), (), graph)


def _wanted(installables: Sequence[Installable], graph: Mapping[StorePath, Derivation]) -> tuple[WantedOutputs, ...]:
    wanted = []
    for one in installables:
        known = graph[one.derivation].outputs
        if strange := [name for name in one.outputs or () if name not in known]:
            raise UsageError(f"{shorten(one.text)} has no output {strange[0]}", hint=f"it has {', '.join(known)}")
        wanted.append(WantedOutputs(one.text, one.derivation, tuple(known) if one.outputs is None else one.outputs))
    return tuple(wanted)


def roots_of_words(nix: Nix, words: Sequence[str], cwd: Path) -> AnalysisSubject:
    """Where a walk begins: store paths, links to them, and the outputs of installables.

    Raises:
        UsageError: nix does not know a word, or only a build shows where its output is.
    """
    paths: list[StorePath] = []
    for word in words:
        stored = _stored(word, cwd)
        if stored is not None:
            paths.append(stored)
            continue
        one = evaluate_installable(nix, word)
        (wanted,) = _wanted([one], shown := nix.derivation_show([one.derivation], recursive=False))
        for name in wanted.outputs:
            place = shown[one.derivation].outputs[name].path
            if place is None:
                raise UsageError(f"{shorten(word)}: only a build shows where its output {name} is")
            paths.append(place)
    return AnalysisSubject((), tuple(dict.fromkeys(paths)), {})


def _stored(word: str, cwd: Path) -> StorePath | None:
    """The store path that a word names, or a link does; None for installables and derivations."""
    if "#" in word or "^" in word:
        return None
    return next(iter(parse_wanted([word], cwd).paths), None)


def read_baseline(text: str, cwd: Path) -> Baseline | None:
    """The report in a file; None if there is no such file, and so it is a flake reference.

    Raises:
        UsageError: it is called .json and is not there, or cannot be read.
        MalformedData: it is not a report of `cache-analytics`.
    """
    file = cwd / text
    if not file.is_file():
        if text.endswith(".json"):
            raise UsageError(f"--baseline {text}: there is no such file")
        return None
    try:
        return parse_baseline(read_file(file, MAX_BYTES), text)
    except OSError as error:
        raise UsageError(f"--baseline {text} cannot be read: {error.strerror}") from error


def baseline_of_words(nix: Nix, words: Sequence[str], flake: str, folder: Path | None) -> Baseline:
    """The same installables in another revision of their flake.

    Raises:
        UsageError: a word names no flake, or nix does not know it in that revision.
    """
    installables = []
    for word in words:
        if word.startswith(f"{STORE_DIR}/"):
            raise UsageError(f"{word} is not an attribute of a flake: {flake} cannot be evaluated for it")
        _, separator, attribute = word.partition("#")
        one = evaluate_installable(nix, f"{flake}{separator}{attribute}")
        installables.append(Installable(word, one.derivation, one.outputs))
    subject = _subject(nix, installables, folder)
    return baseline_of_revision(flake, subject.wanted, subject.graph)


def baseline_of_jobs(nix: Nix, derivations: Mapping[str, StorePath], folder: Path | None) -> Baseline:
    """The same jobs in another revision: `nix` is of that flake."""
    subject = subject_of_jobs(nix, derivations, folder)
    return baseline_of_revision(nix.flake, subject.wanted, subject.graph)


def read_paths(source: str, stdin: TextIO | None, cwd: Path) -> tuple[StorePath, ...]:
    """The store paths of a file, or of standard input for `-`: one a line, empty lines ignored, duplicates dropped.

    Raises:
        UsageError: the file cannot be read.
        MalformedData: with the line, if it is not a store path.
    """
    if source == STANDARD_INPUT:
        text = "" if stdin is None else stdin.read()
    else:
        try:
            text = read_file(cwd / source, 1024 * MEBIBYTE, or_pipe=True).decode("utf-8", "surrogateescape")
        except OSError as error:
            raise UsageError(f"{source} cannot be read: {error.strerror}") from error
    where = "standard input" if source == STANDARD_INPUT else source
    try:
        return tuple(dict.fromkeys([parse_store_path(word) for word in text.split()]))
    except MalformedData:
        for number, line in enumerate(text.splitlines(), start=1):
            for word in line.split():
                parse_store_path(word, f"{where}: line {number}")
        raise
