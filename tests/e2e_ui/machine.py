"""What `make e2e-ui` needs of the machine: Debian's Chromium."""

import sys

from tests.e2e.machine import install, lacking

_PACKAGES = {"chromium": "chromium", "setpriv": "util-linux"}

if __name__ == "__main__":
    sys.exit(install("make e2e-ui", lambda: lacking(_PACKAGES)))
