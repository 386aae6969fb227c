"""The rules of the code, held over its syntax trees."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nanna_ci

ROOT = Path(nanna_ci.__file__).parent
DOMAINS = {
    *("store", "report", "toolchain", "pipeline", "binaries", "cache", "containers", "supply_chain", "measure"),
    *("summary", "dashboard", "workflow", "forge", "releases", "rehearsal"),
}
OTHERS = {"cli", "commands", "foundation", "jobs", "usage"}
ANYONE_MAY_IMPORT = {"store", "report", "toolchain", "forge"}
MAY_IMPORT = {
    "binaries": {"pipeline"},
    "containers": {"pipeline", "binaries"},
    "supply_chain": {"pipeline", "binaries", "containers"},
    "measure": {"pipeline"},
    "summary": {"pipeline", "measure"},
    "dashboard": {"pipeline", "measure"},
    "workflow": {"pipeline"},
    "rehearsal": {"workflow", "pipeline"},
}
# each may import those to its left
FOLDERS_OF_CONTAINERS = ("image", "registry", "engine", "models", "testing", "publish", "doctor")
READS_COMMAND_LINES = "nanna_ci.commands.workflow"  # those that workflows hold
LONGEST = 400
MAY_BE_MISSING = {"httpx", "fcntl", "resource", "sqlite3"}  # on Windows, or from a Python that was built without
NOT_FOR_HELP = {
    "nanna_ci.cli.command_line": {"nanna_ci.cli.boundary"},
    "nanna_ci.cli.parser": {"difflib"},
    "nanna_ci.foundation.errors": {"nanna_ci.foundation.redact"},
}


@dataclass(frozen=True)
class Import:
    """One imported module, absolute; `deferred`: inside of a function; `typing_only`: under `if TYPE_CHECKING`."""

    module: str
    deferred: bool
    typing_only: bool


def modules() -> dict[str, Path]:
    return {
        ".".join(("nanna_ci", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in sorted(ROOT.rglob("*.py"))
    }


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports_in(node: ast.AST, *, deferred: bool = False, typing_only: bool = False) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, deferred, typing_only) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"line {child.lineno}: a relative import"
            yield from (Import(f"{child.module}.{alias.name}", deferred, typing_only) for alias in child.names)
        else:
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            is_typing = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
            yield from imports_in(child, deferred=deferred or is_function, typing_only=typing_only or is_typing)


@functools.cache
def imports(path: Path) -> list[Import]:
    return list(imports_in(tree_of(path)))


def is_in(imported: Import, package: str) -> bool:
    return imported.module == package or imported.module.startswith(f"{package}.")


def domain_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "nanna_ci" and parts[1] in DOMAINS else None


def folder_of_containers(module: str) -> str | None:
    parts = module.split(".")
    found = parts[2] if parts[:2] == ["nanna_ci", "containers"] and len(parts) > 2 else None
    return found if found in FOLDERS_OF_CONTAINERS else None


MODULES = modules()


def every_module(rule: Callable[[str], None]) -> Callable[[], None]:
    """One test that holds a rule over all modules, and names each that breaks it.

    A test for each module and rule would be half of the suite's tests, and cost more to list than to run.
    """

    def test() -> None:
        broken = []
        for name in MODULES:
            try:
                rule(name)
            except AssertionError as error:
                broken.append(f"{name}: {error}")
        assert not broken, "\n".join(broken)

    test.__name__, test.__doc__ = rule.__name__, rule.__doc__
    return test


def test_every_folder_with_modules_is_known():
    assert {name.split(".")[1] for name in MODULES if name.count(".") > 1} == DOMAINS | OTHERS


def test_the_rules_name_nothing_that_is_not_there():
    folders = {
        name.split(".")[2] for name in MODULES if name.startswith("nanna_ci.containers.") and name.count(".") > 2
    }
    assert folders == set(FOLDERS_OF_CONTAINERS)
    assert ANYONE_MAY_IMPORT | MAY_IMPORT.keys() | set().union(*MAY_IMPORT.values()) <= DOMAINS
    named = {"nanna_ci.foundation.process", "nanna_ci.foundation.web", "nanna_ci.report.github", "nanna_ci.__main__"}
    assert named | NOT_FOR_HELP.keys() | set().union(*NOT_FOR_HELP.values()) <= MODULES.keys() | {"difflib"}


def test_the_reader_of_imports_reads_them():
    source = """
import os
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import a.b
def f():
    from c import d
"""
    assert list(imports_in(ast.parse(source))) == [
        Import("os", deferred=False, typing_only=False),
        Import("typing.TYPE_CHECKING", deferred=False, typing_only=False),
        Import("a.b", deferred=False, typing_only=True),
        Import("c.d", deferred=True, typing_only=False),
    ]
    assert len(MODULES) > 20


@every_module
def test_only_process_starts_programs(name):
    if name == "nanna_ci.foundation.process":
        return
    assert not [found for found in imports(MODULES[name]) if is_in(found, "subprocess") or is_in(found, "pty")]
    names = {ast.unparse(node) for node in ast.walk(tree_of(MODULES[name])) if isinstance(node, ast.Attribute)}
    assert not {found for found in names if found.startswith(("os.exec", "os.spawn", "os.posix_spawn", "os.fork"))}
    assert not names & {"os.system", "os.popen", "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell"}


@every_module
def test_only_web_imports_httpx_and_only_when_it_asks(name):
    found = [imported for imported in imports(MODULES[name]) if is_in(imported, "httpx")]
    if name != "nanna_ci.foundation.web":
        assert not found
    assert all(imported.deferred or imported.typing_only for imported in found)
    others = {"urllib.request", "http.client", "requests", "aiohttp", "urllib3"}
    assert not [i for i in imports(MODULES[name]) if any(is_in(i, other) for other in others)]


@every_module
def test_only_the_report_for_github_knows_its_variables(name):
    texts = [
        node.value
        for node in ast.walk(tree_of(MODULES[name]))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    # help names them for people, and the rehearsal is the one that gives them to others
    if name != "nanna_ci.report.github" and not name.startswith(("nanna_ci.usage.", "nanna_ci.rehearsal.")):
        assert not [text for text in texts if "GITHUB_" in text]


@every_module
def test_domains_do_not_import_sideways(name):
    domain = domain_of(name)
    for imported in imports(MODULES[name]):
        if imported.typing_only or domain is None:
            continue
        other = domain_of(imported.module)
        allowed = {None, domain} | ANYONE_MAY_IMPORT | MAY_IMPORT.get(domain, set())
        assert other in allowed, f"{name} imports {imported.module}"


@every_module
def test_the_folders_of_containers_have_an_order(name):
    folder = folder_of_containers(name)
    if folder is None:
        assert not name.startswith("nanna_ci.containers."), f"{name} is in none of {FOLDERS_OF_CONTAINERS}"
        return
    allowed = FOLDERS_OF_CONTAINERS[: FOLDERS_OF_CONTAINERS.index(folder) + 1]
    for imported in imports(MODULES[name]):
        assert folder_of_containers(imported.module) in {None, *allowed}, f"{name} imports {imported.module}"


@every_module
def test_the_report_knows_no_other_domain(name):
    if domain_of(name) == "report":
        assert {domain_of(imported.module) for imported in imports(MODULES[name])} <= {None, "report"}


@every_module
def test_the_foundation_knows_nothing_but_itself(name):
    if name.startswith("nanna_ci.foundation"):
        ours = {found.module.split(".")[1] for found in imports(MODULES[name]) if is_in(found, "nanna_ci")}
        assert ours <= {"foundation"}


@every_module
def test_nothing_imports_jobs_but_jobs_and_commands(name):
    if not name.startswith(("nanna_ci.jobs", "nanna_ci.commands")):
        assert not [found for found in imports(MODULES[name]) if is_in(found, "nanna_ci.jobs")]


@every_module
def test_nothing_imports_commands_but_cli_and_commands(name):
    if name.startswith(("nanna_ci.cli", "nanna_ci.commands")):
        return
    assert not [found for found in imports(MODULES[name]) if is_in(found, "nanna_ci.commands")]


@every_module
def test_nothing_but_the_entry_points_imports_cli(name):
    if name in {"nanna_ci.__main__", READS_COMMAND_LINES} or name.startswith("nanna_ci.cli"):
        return
    assert not [found for found in imports(MODULES[name]) if is_in(found, "nanna_ci.cli")]


@every_module
def test_the_flags_of_a_command_need_nothing_but_argparse(name):
    if name.startswith("nanna_ci.usage."):
        packages = {"__future__", "argparse", "nanna_ci.usage"}
        assert not [found for found in imports(MODULES[name]) if not any(is_in(found, one) for one in packages)]


@every_module
def test_imports_stand_at_the_top_but_those_with_a_reason_of_their_own(name):
    deferred = {found.module for found in imports(MODULES[name]) if found.deferred and not found.typing_only}
    assert deferred <= MAY_BE_MISSING | NOT_FOR_HELP.get(name, set())


@every_module
def test_imports_at_run_time_are_the_standard_library_httpx_and_ourselves(name):
    allowed = sys.stdlib_module_names | {"nanna_ci", "httpx"}
    assert {found.module.split(".")[0] for found in imports(MODULES[name])} <= allowed


@every_module
def test_a_module_is_short_and_says_what_it_is(name):
    text = MODULES[name].read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST
    assert ast.get_docstring(tree_of(MODULES[name]))


@every_module
def test_no_module_looks_like_a_test_or_lies_where_tools_do_not_look(name):
    parts = name.split(".")
    assert not parts[-1].startswith("test_")
    assert not parts[-1].endswith("_test")
    assert not {"build", "dist", "data", "workspace"} & set(parts)


def test_no_two_modules_have_one_name_but_the_two_of_a_command():
    mine = [name for name, path in MODULES.items() if path.name != "__init__.py"]
    names = [name.rpartition(".")[2] for name in mine if not name.startswith("nanna_ci.usage.")]
    assert {name for name in names if names.count(name) > 1} == set()


def test_no_two_classes_have_one_name():
    names = [
        node.name
        for path in MODULES.values()
        for node in tree_of(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert {name for name in names if names.count(name) > 1} == set()


@every_module
def test_commands_never_print(name):
    calls = [node for node in ast.walk(tree_of(MODULES[name])) if isinstance(node, ast.Call)]
    printed = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
    assert all(any(keyword.arg == "file" for keyword in call.keywords) for call in printed)
    if name.startswith("nanna_ci.commands"):
        assert not printed


def test_every_import_is_of_something_that_is_there():
    """A module of ours that was renamed, imported inside of a function, fails only when it runs."""
    for name, path in MODULES.items():
        for imported in imports(path):
            if is_in(imported, "nanna_ci"):
                parent = imported.module.rpartition(".")[0]
                assert imported.module in MODULES or parent in MODULES, f"{name} imports {imported.module}"
