"""The real embedded models, as `simvoice models pull` installs them."""

from __future__ import annotations

import pytest

from simvoice.models import manifest


@pytest.mark.engine
@pytest.mark.parametrize("role", manifest.ROLES)
def test_the_embedded_model_is_installed_and_every_file_is_the_pinned_one(
    role: manifest.Role,
) -> None:
    name = manifest.profile()[role]
    assert manifest.verify(name) == manifest.folder(name)
