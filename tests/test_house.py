"""About the code base itself: what may import what, what is exported, how large things are."""

import ast
import importlib
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import airflow_provider_evpl
from airflow_provider_evpl import errors

PACKAGE = Path(airflow_provider_evpl.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
SHELL = {"assets.py", "hooks", "operators", "sensors", "telemetry", "triggers", "version_compat.py"}
ERRORS = {name: kind for name, kind in vars(errors).items() if name.startswith("Evpl")}

WITHOUT_AIRFLOW = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("airflow", "pandas"):
            raise ImportError(name)
sys.meta_path.insert(0, Blocker())
"""


def test_the_core_runs_without_airflow_and_pandas() -> None:
    """All but the shell imports where neither Airflow nor pandas can be."""
    core = [path for path in FILES if path.relative_to(PACKAGE).parts[0] not in SHELL]
    imports = "".join(f"import {_module(path)}\n" for path in core)
    subprocess.run([sys.executable, "-c", WITHOUT_AIRFLOW + imports], check=True, cwd=PACKAGE.parent)


@pytest.mark.contract("names.EvplError", "failing.not-published-yet", "foreign.refused", "errors.tree")
def test_the_docstring_draws_each_error_class_below_its_base() -> None:
    """The tree in the docstring of `errors.py` has each class once, below its base class."""
    drawn = list(re.finditer(r"^[ │├└─]*(Evpl\w*Error)\b", str(errors.__doc__), re.MULTILINE))
    above: dict[int, str] = {}
    parents = {}
    for one in drawn:
        depth = one.start(1) - one.start()
        parents[one[1]] = above.get(depth - 4, "Exception")
        above[depth] = one[1]
    assert len(parents) == len(drawn)
    assert parents == {name: kind.__base__.__name__ for name, kind in ERRORS.items()}


def test_each_error_class_is_permanent_or_retryable() -> None:
    """Each class that the code raises derives from one of the two."""
    leaves = [kind for kind in ERRORS.values() if not kind.__subclasses__()]
    assert all(issubclass(one, errors.EvplPermanentError | errors.EvplRetryableError) for one in leaves)


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.name != "__main__.py"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_a_module_exports_each_public_name(path: Path) -> None:
    """`__all__` holds each public class and function of a module, and each of its names exists."""
    from airflow_provider_evpl.version_compat import HAS_RETRY_POLICY

    if path.name == "retry_policy.py" and not HAS_RETRY_POLICY:
        pytest.skip("needs Airflow 3.3, as its import says")
    tree = ast.parse(path.read_text())
    public = {
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
    }
    exported = {
        element.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        for element in getattr(node.value, "elts", [])
    }
    assert public <= exported
    module = importlib.import_module(_module(path))
    assert all(hasattr(module, one) for one in exported)


def _module(path: Path) -> str:
    name = ".".join(["airflow_provider_evpl", *path.relative_to(PACKAGE).with_suffix("").parts])
    return name.removesuffix(".__init__")


def test_files_and_functions_stay_small() -> None:
    """Files under 400 lines; the median function 7 lines, nine of ten under 25."""
    assert all(len(path.read_text().splitlines()) < 400 for path in FILES)
    lengths = [length for path in FILES for length in _lengths(ast.parse(path.read_text()))]
    assert statistics.median(lengths) <= 7
    assert statistics.quantiles(lengths, n=10)[-1] < 25


def _lengths(tree: ast.Module) -> Iterator[int]:
    """Lines of code of each function: without signature and docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
