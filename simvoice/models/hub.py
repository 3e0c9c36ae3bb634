"""Where a file lies on the model hub.

`huggingface_hub` knows the hub's addresses, the mirror in `HF_ENDPOINT` and the token of a
person who is logged in. The download itself is ours, because `hf_hub_download` throws away
what an interrupted download brought, and these files are gigabytes.
"""

from __future__ import annotations

from huggingface_hub import constants, hf_hub_url
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from simvoice import __version__
from simvoice.errors import FetchError
from simvoice.models.manifest import HubPath


def hub_address(file: HubPath) -> str:
    """URL of the file at its pinned revision. Raises FetchError when the hub is switched off."""
    if constants.HF_HUB_OFFLINE:
        raise FetchError(f"{file.path} of {file.repo} is on the hub; unset HF_HUB_OFFLINE")
    return hf_hub_url(file.repo, file.path, revision=file.revision)


def hub_headers() -> dict[str, str]:
    """What a request to the hub carries: who asks, and the token when there is one."""
    found = build_hf_headers(library_name="simvoice", library_version=__version__)
    return {name: value for name, value in found.items() if name.lower() != "user-agent"}
