import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import gymnasium as gym

from semore_gym.scenarios import SCENARIOS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent


def test_every_package_on_disk_is_in_the_wheel():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    inits = [
        path for top in ("semore_gym", "wrappers", "policies") for path in (ROOT / top).rglob("__init__.py")
    ]
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in inits}
    found = {name if name.startswith("semore_gym") else f"semore_gym.{name}" for name in found}
    assert sorted(listed) == sorted(found)


def test_import_is_light():
    code = "import sys, semore_gym; print([m for m in ('torch', 'panda3d', 'carla') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_reports_and_evaluations_need_no_data_frames():
    code = "import sys, semore_gym.report, semore_gym.evaluation; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"rliable", "arch", "scipy", "pandas", "seaborn"} & set(done.stdout.split())


def test_every_scenario_is_an_environment():
    for name in SCENARIOS:
        assert gym.spec(f"SemoreCarla-{name}-v0").kwargs == {"scenario": name}


def imports():
    """Of each module, those of ours that it imports, wherever in the file."""
    files = {}
    for top in ("semore_gym", "wrappers", "policies"):
        for path in (ROOT / top).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts if top == "semore_gym" else ("semore_gym", *parts))
            files[name.removesuffix(".__init__")] = path
    for name, path in files.items():
        found = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                whole = [f"{node.module}.{each.name}" for each in node.names]
                found |= {each if each in files else node.module for each in whole}
        yield name, found & files.keys() - {name}


def test_no_imports_go_round_in_a_circle():
    modules = dict(imports())
    TopologicalSorter(modules).prepare()  # raises CycleError
    packages = {}
    for name, found in modules.items():
        package = ".".join(name.split(".")[:2])
        others = {".".join(each.split(".")[:2]) for each in found} - {package, "semore_gym"}
        packages.setdefault(package, set()).update(others)
    TopologicalSorter(packages).prepare()
