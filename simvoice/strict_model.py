"""The base of every type that is read from a file or written to one."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """A pydantic model whose values do not change and which refuses unknown fields.

    A misspelt field is an error at once; without this it would be ignored and its default used.
    Raises pydantic's ValidationError; the module that reads the file turns it into a sentence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
