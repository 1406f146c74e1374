"""Build the distributions twice, check them, and install the wheel beside two versions of Airflow.

The distributions are in `dist/`. `release/` has the SBOM, the licenses and the contents. The exit code is 1
if a check fails.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from airflow_provider_evpl import __version__
from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.server import SandboxServer
from demo import report

ROOT = Path(__file__).resolve().parents[1]
DIST, OUT = ROOT / "dist", ROOT / "release"
PACKAGE = "airflow_provider_evpl"
NAME = f"{PACKAGE}-{__version__}"
METADATA = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
DAG_ID = "evpl_utilization_daily"
DAYS = 2
CONFIG = SandboxConfig(circuits=3, page_size=5)
ENVIRONMENTS = {"3.3": None, "2.11": ROOT / ".ci" / "matrix" / "airflow-2.11.txt"}
"""Versions of Airflow with their lock files; None: `uv.lock`."""


class CheckError(Exception):
    """A check failed."""


def main() -> int:
    """Run all checks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("uv", type=Path)
    parser.add_argument(
        "tools", type=Path, help="bin/ of the environment with the tools of the group `release`"
    )
    parser.add_argument("--tag", default="", help="of the release, v0.1.0")
    arguments = parser.parse_args()
    uv, tools = arguments.uv.absolute(), arguments.tools.absolute()
    OUT.mkdir(exist_ok=True)
    try:
        if arguments.tag:
            check_tag(arguments.tag)
        sdist, wheel = build_twice()
        check_contents(sdist, wheel)
        print(run(tools / "twine", "--no-color", "check", "--strict", sdist, wheel).strip(), flush=True)
        with tempfile.TemporaryDirectory() as folder:
            for version, lock in ENVIRONMENTS.items():
                environment = Path(folder, version)
                locked = lock or export_lock(uv, environment.with_suffix(".txt"))
                install(uv, wheel, version, locked, environment)
                if lock is None:
                    write_sbom(tools, environment, locked)
                run_daily_dag(environment, Path(folder, f"{version}-home"), version)
    except (CheckError, ValueError, subprocess.SubprocessError) as error:
        print(f"release-check: FAILED: {error}", file=sys.stderr)
        return 1
    print("release-check: ok, see dist/ and release/")
    return 0


def check_tag(tag: str) -> None:
    """Compare the tag with the version, and look for a dated section of the changelog."""
    if tag != f"v{__version__}":
        raise CheckError(f"The tag {tag} is not v{__version__}. Set __version__, or move the tag.")
    heading = rf"^## \[?{re.escape(__version__)}\]?\s.*\d{{4}}-\d\d-\d\d"
    if not re.search(heading, (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE):
        raise CheckError(f"CHANGELOG.md has no section of {__version__} with a date.")


def build_twice() -> tuple[Path, Path]:
    """Build from the checkout, then from the unpacked sdist in another folder. Require equal hashes."""
    with tempfile.TemporaryDirectory() as folder:
        hatchling(ROOT, DIST)
        sdist, wheel = DIST / f"{NAME}.tar.gz", DIST / f"{NAME}-py3-none-any.whl"
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        again = Path(folder, "again")
        hatchling(Path(folder, NAME), again)
        for built in (sdist, wheel):
            first, second = (
                hashlib.sha256(one.read_bytes()).hexdigest() for one in (built, again / built.name)
            )
            if first != second:
                raise CheckError(f"{built.name}: the second build has another hash, {second}, not {first}.")
            print(f"{built.name}: sha256 {first}, twice", flush=True)
    return sdist, wheel


def hatchling(source: Path, target: Path) -> None:
    """Build both distributions."""
    run(sys.executable, "-m", "hatchling", "build", "--clean", "-d", target, cwd=source)


def check_contents(sdist: Path, wheel: Path) -> None:
    """Require exactly the tracked files, list them in `release/contents.txt`."""
    tracked = set(run("git", "ls-files").splitlines())
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = set(archive.namelist())
    with tarfile.open(sdist) as packed:
        in_sdist = {one.name.removeprefix(f"{NAME}/") for one in packed if one.isfile()}
    modules = {one for one in tracked if one.startswith(f"{PACKAGE}/")}
    compare("wheel", in_wheel, modules | {f"{NAME}.dist-info/{one}" for one in METADATA})
    compare("sdist", in_sdist, {one for one in tracked if not is_left_out(one)} | {"PKG-INFO"})
    lists = (
        f"{name}: {one}"
        for name, found in (("wheel", in_wheel), ("sdist", in_sdist))
        for one in sorted(found)
    )
    (OUT / "contents.txt").write_text("\n".join(lists) + "\n")
    print(f"contents: {len(in_wheel)} files in the wheel, {len(in_sdist)} in the sdist", flush=True)


def is_left_out(path: str) -> bool:
    """Return whether a tracked file is not for the sdist: settings of the repository."""
    return path.startswith((".github/", ".editorconfig", ".gitattributes", ".pre-commit"))


def compare(name: str, found: set[str], expected: set[str]) -> None:
    """Raise if the files differ."""
    if found != expected:
        raise CheckError(f"{name}: too many {sorted(found - expected)}, missing {sorted(expected - found)}")


def export_lock(uv: Path, lock: Path) -> Path:
    """Write the locked versions of what a user without extras installs."""
    run(uv, "export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--no-hashes", "-o", lock)
    return lock


def install(uv: Path, wheel: Path, version: str, lock: Path, environment: Path) -> None:
    """Install the wheel, without extras, into an empty environment, with the versions of a lock file."""
    run(uv, "venv", "--quiet", "--no-project", "--python", sys.executable, environment)
    into = ("--quiet", "--python", environment, "--constraint", lock)
    run(uv, "pip", "install", *into, f"apache-airflow=={version}.*", wheel)
    run(uv, "pip", "check", "--quiet", "--python", environment)


def write_sbom(tools: Path, environment: Path, lock: Path) -> None:
    """Write the SBOM and the licenses of an environment. Each component must be in the lock file."""
    sbom = OUT / "sbom.cdx.json"
    options = ("--pyproject", ROOT / "pyproject.toml", "--mc-type", "library")
    run(tools / "cyclonedx-py", "environment", *options, "--output-file", sbom, environment)
    components = json.loads(sbom.read_text())["components"]
    locked = {line.partition(";")[0].strip() for line in lock.read_text().splitlines()}
    if foreign := {pinned(one) for one in components} - locked:
        raise CheckError(f"Not in the lock file: {sorted(foreign)}.")
    licenses = {pinned(one): sorted(set(licenses_of(one))) for one in components}
    lines = [f"{name}: {', '.join(found) or 'UNKNOWN'}" for name, found in sorted(licenses.items())]
    (OUT / "licenses.txt").write_text("\n".join(lines) + "\n")
    unknown = [name for name, found in licenses.items() if not found]
    print(f"SBOM: {len(components)} components; without a declared license: {unknown or 'none'}", flush=True)


def pinned(component: dict[str, Any]) -> str:
    """Return a component as a lock file has it: `name==version`."""
    return f"{canonicalize_name(component['name'])}=={component['version']}"


def licenses_of(component: dict[str, Any]) -> Iterator[str]:
    """Yield the names of a component's licenses."""
    for one in component.get("licenses", []):
        named = one.get("license", {})
        yield str(one.get("expression") or named.get("id") or named.get("name"))


def run_daily_dag(environment: Path, home: Path, version: str) -> None:
    """Run the daily example against the sandbox, and compare the lake with the samples of the sandbox."""
    home.mkdir()
    lake = home / "lake"
    with SandboxServer(CONFIG) as sandbox:
        env = {
            "PATH": os.defpath,
            "HOME": str(home),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_CONN_EVPL_DEFAULT": json.dumps(sandbox.connection()),
            "EVPL_LAKE_ROOT": lake.as_uri(),
            "NO_PROXY": "127.0.0.1",
        }
        (home / "dags").mkdir()
        (home / "dags" / f"{DAG_ID}.py").write_bytes((ROOT / "dags" / f"{DAG_ID}.py").read_bytes())
        airflow = environment / "bin" / "airflow"
        run(airflow, "db", "migrate", cwd=home, env=env)
        run(airflow, "dags", "test", DAG_ID, "2026-11-22T03:00:00+00:00", cwd=home, env=env)
    landed = report.read_lake(lake)
    rows = report.check(landed, CONFIG)
    if len(landed.objects) != DAYS:
        raise CheckError(f"Airflow {version}: {len(landed.objects)} days landed, not {DAYS}.")
    print(f"Airflow {version}: the daily DAG landed {rows:,} rows, each as the sandbox serves it", flush=True)


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    """Run a command, without the checkout in its PYTHONPATH, and return its output."""
    if env is None:
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    if done.returncode:
        raise CheckError(
            f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-4000:]}"
        )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
