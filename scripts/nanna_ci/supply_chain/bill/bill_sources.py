"""What a bill is made from, as nix has it: outputs, built where they are not there, with closures and derivations."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanna_ci.containers.image.oci_layout import Layout, open_image
from nanna_ci.containers.registry.skopeo import Skopeo
from nanna_ci.foundation.errors import CommandFailed, ConfigError, MalformedData, ToolMissing, UsageError
from nanna_ci.foundation.json_data import as_object, load_json
from nanna_ci.store.derivation import Derivation, DerivationHead
from nanna_ci.store.drv_file import DerivationFiles
from nanna_ci.store.local_store import store_folder
from nanna_ci.store.nix import QUERY_TIMEOUT_S, Nix
from nanna_ci.store.nix_graph import evaluate_installable, query_graph
from nanna_ci.store.path_info import PathInfo, parse_path_info
from nanna_ci.store.store_path import STORE_DIR, StorePath, parse_base_name, parse_store_path
from nanna_ci.supply_chain.bill.image_bill import find_origins
from nanna_ci.supply_chain.bill.layer_contents import LayerContents, read_layer
from nanna_ci.supply_chain.bill.nix_identity import VARIABLES, attributes_of
from nanna_ci.supply_chain.bill.program import PROGRAM_FOLDERS, Program, listed_programs_in, programs_in

_RUNNABLE: Final = frozenset({*PROGRAM_FOLDERS, "lib"})
_LAYER_INPUTS: Final = "packages"  # the attribute of our own layers' derivations: whose files they took


@dataclass(frozen=True, slots=True)
class NixClosure:
    """A closure with all that is known of it. `roots` are what was requested; `programs` those of the roots, and of
    other paths those that carry a list of crates. `executables` says which paths hold something to run."""

    roots: tuple[StorePath, ...]
    infos: Mapping[StorePath, PathInfo]
    derivations: Mapping[StorePath, DerivationHead]
    programs: tuple[Program, ...] = ()
    executables: Mapping[StorePath, bool] | None = None


class BillSources:
    """Questions to nix and its store. `say` gets a line of progress. Methods raise what Nix raises."""

    def __init__(self, nix: Nix, environ: Mapping[str, str], cwd: Path, say: Callable[[str], None]) -> None:
        self.nix = nix
        self._folder = store_folder(environ)
        self._cwd = cwd
        self._say = say

    def derivation_of(self, name: str) -> StorePath | None:
        """The derivation of a package; None for a store path that was not built here, or not by a derivation."""
        path = self._store_path(name)
        if path is None:
            return evaluate_installable(self.nix, self._installable(name)).derivation
        if path.is_derivation:
            return path
        info = self.nix.path_info([path])[path]
        return None if info is None else info.deriver

    def outputs_of(self, name: str) -> tuple[StorePath, ...]:
        """The outputs of a package, built where they are not in the store.

        Raises:
            UsageError: there is no such package or path.
        """
        path = self._store_path(name)
        if path is not None and not path.is_derivation:
            if self.nix.path_info([path])[path] is None:
                raise UsageError(f"{path} is not in the store", hint="build or fetch it first: nix build PATH")
            return (path,)
        found = evaluate_installable(self.nix, self._installable(name) if path is None else str(path))
        outputs = self.nix.derivation_show([found.derivation], recursive=False)[found.derivation].outputs
        wanted = [outputs[one].path for one in found.outputs or outputs if one in outputs]
        paths = tuple(sorted({one for one in wanted if one is not None}))
        if len(paths) != len(wanted) or None in self.nix.path_info(paths).values():
            self._say(f"building {name}")
            result = self.nix.build([f"{found.derivation}^{','.join(found.outputs or ('*',))}"], keep_going=False)
            if not result.success:
                raise CommandFailed(["nix"], 1, f"{name} cannot be built: {result.first_reason}")
            paths = tuple(
                sorted({one for built in result.results for one in built.outputs.values() if one is not None})
            )
        return paths

    def closure(self, roots: tuple[StorePath, ...]) -> NixClosure:
        """The runtime closure of paths that are in the store."""
        flags = ["--json-format", "2"] if self.nix.version().has_json_format else []
        argv = ["path-info", "--json", "--recursive", "--offline", *flags, *map(str, roots)]
        infos = parse_closure(self.nix.call(argv, QUERY_TIMEOUT_S).stdout, "nix path-info")
        return self.look_into(roots, infos)

    def look_into(self, roots: tuple[StorePath, ...], infos: Mapping[StorePath, PathInfo]) -> NixClosure:
        """A closure with what its derivations and files say, as far as they are on this machine."""
        derivations = self.read_derivations(infos.values())
        folder = self._folder
        if folder is None or not all((folder / root.base_name).exists() for root in roots):
            return NixClosure(roots, infos, derivations)
        programs = [one for root in roots for one in programs_in(folder / root.base_name, root)]
        executables = {}
        for path in sorted(infos):
            names = _names_in(f"{folder}/{path.base_name}")
            executables[path] = not _RUNNABLE.isdisjoint(names)
            if path not in roots and not PROGRAM_FOLDERS.isdisjoint(names):
                programs += listed_programs_in(folder / path.base_name, path)
        return NixClosure(roots, infos, derivations, tuple(programs), executables)

    def known_of(self, paths: Sequence[StorePath]) -> NixClosure:
        """What the store knows of paths, without looking into them; those that it lacks are left out."""
        known = self.nix.path_info(paths) if paths else {}
        infos = {path: info for path, info in known.items() if info is not None}
        return NixClosure((), infos, self.read_derivations(infos.values()))

    def read_derivations(self, infos: Iterable[PathInfo]) -> dict[StorePath, DerivationHead]:
        """The derivations of paths whose file is in the store. Of what was fetched there often is none."""
        if self._folder is None:
            return {}
        files = DerivationFiles(self._folder)
        wanted = {info.deriver for info in infos if info.deriver is not None}
        return {
            one: files.read_head(one, VARIABLES) for one in sorted(wanted) if one.is_derivation and files.holds(one)
        }

    def build_graph(self, derivation: StorePath) -> dict[StorePath, Derivation]:
        """All derivations that a build needs."""
        return query_graph(self.nix, [derivation], self._folder)

    def layer_sources(self, image: StorePath) -> dict[StorePath, tuple[Program, ...]]:
        """The programs of the packages that our own image's layers took files from; none where nothing says so."""
        folder = self._folder
        info = self.nix.path_info([image])[image]
        if folder is None or info is None or info.deriver is None:
            return {}
        files = DerivationFiles(folder)
        if not files.holds(info.deriver):
            return {}
        found: dict[StorePath, tuple[Program, ...]] = {}
        for layer in files.read_one(info.deriver).input_derivations:
            packages = (
                attributes_of(files.read_head(layer, ["__json"])).get(_LAYER_INPUTS) if files.holds(layer) else None
            )
            for text in packages if isinstance(packages, list) else []:
                path = parse_store_path(str(text), f"{layer}: {_LAYER_INPUTS}")
                if (folder / path.base_name).is_dir():
                    found[path] = programs_in(folder / path.base_name, path)
        return found

    def image(
        self, path: Path, output: StorePath | None, skopeo: Skopeo, scratch: Path
    ) -> tuple[Layout, list[LayerContents], NixClosure]:
        """An image at `path` with its layers read, and what the store knows of the paths in them.

        `output` is the store path that it is; None for one that is not from this store. An image that is no OCI layout
        is converted into `scratch`.
        """
        layout = skopeo.layout_of(open_image(path.resolve()), scratch)
        layers = [read_layer(layout.path, *one) for one in zip(layout.layers, layout.diff_ids, strict=True)]
        if output is None:
            return layout, layers, NixClosure((), {}, {})
        find_origins(layers, self.layer_sources(output))
        return layout, layers, self.known_of(sorted({one for layer in layers for one in layer.store_paths}))

    def facts_folder(self, system: str) -> Path | None:
        """The crate facts of the flake for a target, built; None where it has none."""
        try:
            outputs = self.outputs_of(f"crate-facts-{system}")
        except (UsageError, ConfigError):
            return None
        return Path(str(outputs[0])) if outputs else None

    def last_modified_s(self) -> int | None:
        """When the flake was last modified: the commit's time, of a flake in git. None where only the store's own
        time is left."""
        argv = ["flake", "metadata", "--json", *self.nix.flake_flags(), self.nix.flake]
        try:
            answer = self.nix.call(argv, QUERY_TIMEOUT_S).stdout
        except (CommandFailed, ToolMissing):
            return None
        value = as_object(load_json(answer, "nix flake metadata"), "nix flake metadata", "it").get("lastModified")
        return value if isinstance(value, int) and value > 1 else None

    def _store_path(self, name: str) -> StorePath | None:
        """The store path that a text or a link names."""
        if name.startswith(f"{STORE_DIR}/"):
            return parse_base_name(name.removeprefix(f"{STORE_DIR}/").partition("/")[0], "store path")
        if "/" not in name or "#" in name:
            return None
        target = (self._cwd / name).resolve()
        return (
            parse_base_name(target.relative_to(STORE_DIR).parts[0]) if target.is_relative_to(f"{STORE_DIR}") else None
        )

    def _installable(self, name: str) -> str:
        return name if "#" in name else f"{self.nix.flake}#{name}"


def parse_closure(data: bytes, source: str) -> dict[StorePath, PathInfo]:
    """`nix path-info --json --recursive`, all of whose paths must be there. Raises MalformedData."""
    infos: dict[StorePath, PathInfo] = {}
    for path, info in parse_path_info(data, source).items():
        if info is None:
            raise MalformedData(source, f"{path} is not in the store")
        infos[path] = info
    if not infos:
        raise MalformedData(source, "names no store path: an empty closure has no bill")
    return infos


def _names_in(place: str) -> set[str]:
    """What is in a store path; of one that is a file that may be run, that it is."""
    try:
        return set(os.listdir(place))  # noqa: PTH208 - twice as fast, and a closure has thousands
    except NotADirectoryError:
        return {"bin"} if os.access(place, os.X_OK) else set()
    except OSError:
        return set()
