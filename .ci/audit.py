"""Run pip-audit, given as a command that prints JSON: a known vulnerability fails, no answer is said."""

import json
import subprocess
import sys
from typing import Any

_LONGEST_SECONDS = 180


def main(command: list[str]) -> int:
    """Say what was found; 1 where a vulnerability is known."""
    dependencies = _ask(command)
    if dependencies is None:
        print("audit: NOT DONE: pip-audit gave no answer; above is why")
        return 0
    found = [(one, vuln) for one in dependencies for vuln in one.get("vulns", [])]
    unknown = sum("skip_reason" in one for one in dependencies)
    for one, vuln in found:
        fixed = ", ".join(vuln["fix_versions"]) or "no version yet"
        print(f"audit: {one['name']} {one['version']}: {vuln['id']}, fixed in {fixed}")
    if unknown:
        print(f"audit: NOT DONE for {unknown} of {len(dependencies)}: its source doesn't know them")
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
