"""The house stands as designed: no room imports to its right, no layer from the one below it."""

import ast
from pathlib import Path

import pytest

from lasermesh.compiled import kernel_sources

PACKAGE = Path(__file__).parents[1] / "lasermesh"

# From left to right; rooms on one row do not know each other either.
ROOMS = [
    {"scenario"},
    {"orbits"},
    {"contacts"},
    {"routing", "dtn"},
    {"traffic"},
    {"workloads", "packets"},
    {"bundles"},
    {"results"},
    {"capture", "views"},
    {"experiments"},
    {"live"},
    {"cli"},
]
RANK = {room: rank for rank, row in enumerate(ROOMS) for room in row}

# Modules beside the rooms: everybody may import these, and they may import only these.
COMMON = {
    "lasermesh",
    "lasermesh.units",
    "lasermesh.errors",
    "lasermesh.extras",
    "lasermesh.files",
    "lasermesh.compiled",
    "lasermesh.random_kernels",
    "lasermesh.machine",
    "lasermesh.shipped",
}

# Slow to import, so only inside the function that needs them: `lasermesh --help` must answer at once.
HEAVY = {"scapy", "networkx", "pyarrow", "matplotlib", "scipy"}

KERNELS_MAY_IMPORT = {"math", "typing", "numpy"}
# Atomic loads and stores are not offered by numba; this one module builds them from LLVM instructions.
KERNELS_MAY_ALSO_IMPORT = {
    "lasermesh.packets.sync_kernels": {"time", "llvmlite", "numba.core"},
    "lasermesh.routing.lane_kernels": {"llvmlite", "numba.core"},
    # Nor is a call of a compiled kernel by its address.
    "lasermesh.live.calling_kernels": {"numba", "numba.core"},
}

ROOMS_OF_DOMAIN = {"orbits", "contacts", "routing", "dtn", "traffic", "workloads", "packets", "bundles"}
ONLY_AT_THE_EDGES = {"print", "open", "input"}


def name_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
KERNELS = [name for name in MODULES if name.endswith("_kernels")]


def resolve(module, symbol):
    """`from module import symbol` imports the submodule of that name where there is one."""
    return f"{module}.{symbol}" if f"{module}.{symbol}" in MODULES else module


def imports_of(tree, name, is_package=False):
    """Every (imported module, line, whether at module level) of one source tree, relative ones resolved."""
    top_level = {id(node) for node in module_level(tree)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = name.split(".")
                parents = parts[: len(parts) - node.level + is_package]
                base = ".".join([*parents, base] if base else parents)
            modules = [resolve(base, alias.name) for alias in node.names]
        else:
            continue
        found += [(module, node.lineno, id(node) in top_level) for module in dict.fromkeys(modules)]
    return found


def module_level(tree):
    """Statements that run when the module is imported: not in functions, nor for type checkers only."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)


def all_imports(name):
    path = MODULES[name]
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return imports_of(tree, name, is_package=path.name == "__init__.py")


def room_of(name):
    """`lasermesh.orbits.frames` is in room orbits; None beside the rooms and outside the package."""
    parts = name.split(".")
    return parts[1] if parts[0] == "lasermesh" and len(parts) > 1 and parts[1] in RANK else None


def within(module, allowed):
    """Whether the module is one of the allowed ones or inside one of them."""
    return any(module == name or module.startswith(name + ".") for name in allowed)


def may_see(importer, imported):
    """Whether the house rule allows `importer` to import `imported`, both inside the package."""
    if imported in COMMON:
        return True
    if importer in COMMON:
        # The package itself hands out its Python API, lazily.
        return importer == "lasermesh" and room_of(imported) is not None
    if importer == "lasermesh.__main__":
        return room_of(imported) == "cli"
    here, there = room_of(importer), room_of(imported)
    return here is not None and there is not None and (here == there or RANK[there] < RANK[here])


@pytest.mark.parametrize("name", MODULES)
def test_no_module_imports_from_a_room_to_its_right(name):
    wrong = [
        f"{MODULES[name].name}:{line} imports {imported}"
        for imported, line, _ in all_imports(name)
        if imported.split(".")[0] == "lasermesh" and not may_see(name, imported)
    ]
    assert not wrong


def test_every_folder_of_the_package_is_a_room_or_holds_documentation():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= set(RANK) | {"docs"}


def kernel_imports(name):
    """(imported module, where) of a kernel module and of the modules inside the package that it imports."""
    found, seen, waiting = [], {"lasermesh.compiled"}, [name]
    while waiting:
        here = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        for imported, line, _ in all_imports(here):
            if imported in MODULES:
                waiting.append(imported)
            elif imported not in KERNELS_MAY_ALSO_IMPORT.get(here, ()):
                found.append((imported, f"{here}:{line}"))
    return found


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_reaches_nothing_but_numbers_and_kernels(name):
    wrong = [f"{where} imports {m}" for m, where in kernel_imports(name) if not within(m, KERNELS_MAY_IMPORT)]
    assert not wrong


@pytest.mark.parametrize("name", KERNELS)
def test_the_compile_cache_notices_an_edit_in_what_a_kernel_imports(name):
    inside = {MODULES[imported] for imported, _, _ in all_imports(name) if imported in MODULES}
    assert inside | {MODULES[name]} <= set(kernel_sources())


@pytest.mark.parametrize("name", MODULES)
def test_numba_is_imported_in_one_place_only(name):
    allowed = {"lasermesh.compiled", *KERNELS_MAY_ALSO_IMPORT}
    wrong = [line for imported, line, _ in all_imports(name) if within(imported, {"numba", "llvmlite"})]
    assert name in allowed or not wrong, f"{MODULES[name].name}, lines {wrong}"


@pytest.mark.parametrize("name", MODULES)
def test_heavy_packages_are_imported_inside_the_function_that_uses_them(name):
    wrong = [
        f"{MODULES[name].name}:{line} imports {imported}"
        for imported, line, top_level in all_imports(name)
        if top_level and within(imported, HEAVY)
    ]
    assert not wrong


@pytest.mark.parametrize("name", [name for name in MODULES if room_of(name) != "cli"])
def test_click_stays_in_the_command_line(name):
    assert not [line for imported, line, _ in all_imports(name) if within(imported, {"click"})]


@pytest.mark.parametrize("name", [name for name in MODULES if room_of(name) in ROOMS_OF_DOMAIN])
def test_rooms_that_compute_neither_print_nor_open_files(name):
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    wrong = [
        f"{MODULES[name].name}:{c.lineno} {c.func.id}()" for c in calls if c.func.id in ONLY_AT_THE_EDGES
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("importer", "statement", "allowed"),
    [
        ("lasermesh.contacts.graph", "from lasermesh.orbits import Ephemeris", True),
        ("lasermesh.orbits.ephemeris", "from lasermesh.contacts import LinkGraph", False),
        ("lasermesh.orbits.ephemeris", "from lasermesh import contacts", False),
        ("lasermesh.orbits.ephemeris", "def f():\n    import lasermesh.routing", False),
        ("lasermesh.orbits.ephemeris", "from ..packets import engine", False),
        ("lasermesh.orbits.ephemeris", "from .frames import x", True),
        ("lasermesh.capture.writer", "from lasermesh.views import plot", False),
        ("lasermesh.cli.run", "from lasermesh.experiments import running", True),
        ("lasermesh.units", "from lasermesh.scenario import load", False),
    ],
)
def test_the_reader_of_imports_sees_an_arrow_that_points_the_wrong_way(importer, statement, allowed):
    imports = imports_of(ast.parse(statement), importer)
    assert all(may_see(importer, imported) for imported, _, _ in imports) == allowed
