"""The real embedded models, as `simvoice models pull` brought them here."""

from __future__ import annotations

import pytest

from simvoice.models import manifest


@pytest.mark.engine
@pytest.mark.parametrize("role", manifest.ROLES)
def test_the_embedded_model_is_here_and_every_file_is_the_pinned_one(role: manifest.Role) -> None:
    name = manifest.profile()[role]
    assert manifest.verify(name) == manifest.folder(name)
