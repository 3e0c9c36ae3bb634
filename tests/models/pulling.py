"""`simvoice models pull` with a manifest of its own, for tests that kill it.

python pulling.py MANIFEST [OPTION...]
"""

from __future__ import annotations

import sys
from pathlib import Path

from simvoice import paths
from simvoice.cli.models import app

if __name__ == "__main__":
    manifest_file = Path(sys.argv[1])
    paths.manifest_file = lambda: manifest_file
    app(["pull", *sys.argv[2:]])
