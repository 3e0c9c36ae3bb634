"""The real embedded models, as `simvoice models pull` brought them here."""

from __future__ import annotations

import pytest

from simvoice import models


@pytest.mark.engine
@pytest.mark.parametrize("role", models.ROLES)
def test_the_embedded_model_is_here_and_every_file_is_the_pinned_one(role: models.Role) -> None:
    name = models.profile()[role]
    assert models.verify(name) == models.folder(name)
