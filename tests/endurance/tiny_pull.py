"""A process that pulls the tiny models of a local index, for `scripts/kills`.

python -m tests.endurance.tiny_pull MANIFEST INDEX

The manifest, the index and the hub are local; everything else is `simvoice models pull`.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

import huggingface_hub

from simvoice import paths
from simvoice.cli import main as simvoice
from simvoice.models import sources


def main(manifest_file: Path, index: str) -> None:
    """Run `simvoice models pull` with this manifest and this index."""
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "UV_DEFAULT_INDEX"):
        os.environ.pop(name, None)
    os.environ |= {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_INDEX_URL": f"{index}/simple/",
    }
    paths.manifest_file = lambda: manifest_file  # type: ignore[assignment]
    sources.hf_hub_url = partial(huggingface_hub.hf_hub_url, endpoint=index)  # type: ignore[assignment]
    sys.argv = ["simvoice", "models", "pull"]
    simvoice()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
