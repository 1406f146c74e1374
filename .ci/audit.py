"""Run a pip-audit command that prints JSON.

The exit code is 1 if there is a known vulnerability. If pip-audit itself fails, the program reports that, and
the exit code is 0.
"""

import json
import subprocess
import sys
from typing import Any

_LONGEST_SECONDS = 180


def main(command: list[str]) -> int:
    """Print the findings, and return 1 if there is a known vulnerability."""
    dependencies = _ask(command)
    if dependencies is None:
        print("audit: NOT DONE: pip-audit failed, see the error above")
        return 0
    found = [(one, vuln) for one in dependencies for vuln in one.get("vulns", [])]
    unknown = sum("skip_reason" in one for one in dependencies)
    for one, vuln in found:
        fixed = ", ".join(vuln["fix_versions"]) or "no version yet"
        print(f"audit: {one['name']} {one['version']}: {vuln['id']}, fixed in {fixed}")
    if unknown:
        print(f"audit: NOT DONE for {unknown} of {len(dependencies)}: its source has no data about them")
    print(f"audit: {len(found)} known vulnerabilities in {len(dependencies) - unknown} packages")
    return int(bool(found))


def _ask(command: list[str]) -> list[dict[str, Any]] | None:
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=_LONGEST_SECONDS)
        dependencies: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        print(f"audit: {type(error).__name__}: {error}", file=sys.stderr)
        return None
    return dependencies


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
