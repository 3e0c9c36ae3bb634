"""Choose the language model: the embedded one, a larger one of the profile, or a server's.

The embedded model is the fallback of every stronger one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from simvoice.engines.llm.fallback import FIRST_S, WHOLE_S, Fallback
from simvoice.engines.llm.server import LONG_TIMEOUTS, Server
from simvoice.models import manifest
from simvoice.ports import LanguageModel

EMBEDDED = "smollm2-135m"
"""Part of every profile: judges the end of sentences, and replaces a stronger model that fails."""

_EMBEDDED_S = 0.7
"""Time limit of the embedded model; it writes a line in 0.33 s on an idle machine."""

_SHARED_BATCH = 32
"""Tokens between two checks whether an encounter needs the core: a tenth of a second."""

_KEPT_BYTES = 128 * 2**20
"""Memory for the prompts of other encounters: twelve of them, 11 MB each."""

_SLACK_S = 0.1
"""Margin beyond a server's own timeouts, whose errors name the cause."""


@dataclass(frozen=True, slots=True)
class LanguageModelChoice:
    """A chosen language model. Its engines are loaded when they are requested."""

    model: str
    """Name in the manifest."""
    server: Server | None = None
    """Used instead of the model while it answers."""

    @property
    def strong(self) -> bool:
        """True when stronger than the embedded model: it gets a chat, and more latitude."""
        return self.server is not None or manifest.model(self.model).chat

    @property
    def name(self) -> str:
        """Name for people and records."""
        if self.server is not None:
            return f"the language model's server at {self.server.name}"
        return f"the larger model {self.model}" if self.strong else "the embedded model"

    @property
    def disclosure(self) -> str:
        """Say where the words of a conversation are sent; empty when they are sent nowhere."""
        if self.server is None:
            return ""
        sentence = (
            "The words of a conversation are sent to the language model's server at "
            f"{self.server.name}."
        )
        if not self.server.is_private:
            sentence += " The connection is not encrypted: others on the network can read them."
        return sentence

    @property
    def time_limits_s(self) -> tuple[float, float]:
        """Time limits of the stronger model in seconds: for the first word, for the whole line."""
        if self.server is None:
            return FIRST_S, WHOLE_S
        timeouts = self.server.timeouts
        return timeouts.first_s + _SLACK_S, timeouts.whole_s + _SLACK_S

    @property
    def longest_s(self) -> float:
        """Longest time until a line is ready, in seconds; 0 for the embedded model alone."""
        return self.time_limits_s[1] + _EMBEDDED_S if self.strong else 0.0

    def for_encounters(self, *, shared: bool = False) -> LanguageModel:
        """Load the model for encounters. The embedded model replaces a late stronger one.

        shared: several encounters use it; see `for_one_of_several`.
        """
        if not self.strong:
            return self._embedded(self.model, shared)
        return self._with_fallback(self._embedded(EMBEDDED, shared))

    def for_one_of_several(self, shared: LanguageModel | None) -> LanguageModel | None:
        """Return the model for one of several encounters that share the one of `for_encounters`.

        A server answers several at once, so each encounter has a connection of its own; the models
        on this machine are the same for all.
        """
        if self.server is None or not isinstance(shared, Fallback):
            return shared
        return self._with_fallback(shared.second)

    def _with_fallback(self, embedded: LanguageModel) -> LanguageModel:
        first_s, whole_s = self.time_limits_s
        stronger = self._stronger(self.server)
        return Fallback(stronger, embedded, name=self.name, first_s=first_s, whole_s=whole_s)

    def _embedded(self, model: str, shared: bool) -> LanguageModel:
        # Imported here, because the heavy libraries read the environment that the app sets.
        from simvoice.engines.llm.llama import Llama
        from simvoice.engines.llm.one_at_a_time import OneAtATime

        path = manifest.locate(model)
        if not shared:
            return Llama(path)
        return OneAtATime(Llama(path, batch=_SHARED_BATCH, kept_bytes=_KEPT_BYTES))

    def for_text(self) -> LanguageModel:
        """Load the model for conversations in text.

        A stronger model has long timeouts and no fallback: a test of a case on that model must show
        its own words.
        """
        if not self.strong:
            return self.for_encounters()
        server = self.server
        return self._stronger(server and replace(server, timeouts=LONG_TIMEOUTS))

    def _stronger(self, server: Server | None) -> LanguageModel:
        if server is None:
            from simvoice.engines.llm.llama_chat import ChatLlama

            return ChatLlama(manifest.locate(self.model))
        from simvoice.engines.llm.remote import Remote

        return Remote(server)

    def for_record(self, profile: Mapping[manifest.Role, str]) -> dict[str, str]:
        """Return the models for the record's header.

        profile: role to model name. The result maps each role to the SHA-256 of its weights, or to
        the server's model and address; it never holds a key.
        """
        found = {str(r): manifest.model(name).files[0].sha256 for r, name in profile.items()}
        if self.strong:
            found["llm_fallback"] = manifest.model(EMBEDDED).files[0].sha256
        if self.server is not None:
            found["llm"] = f"{self.server.model or 'the first model'} at {self.server.url}"
        return found


def describe_trouble(llm: LanguageModel | None) -> str:
    """Return a sentence when the stronger model does not answer now; empty otherwise."""
    if not isinstance(llm, Fallback) or llm.is_up:
        return ""
    return f"{llm.name} does not answer; until it does, the embedded model speaks."


def choose_language_model(profile_model: str, server: Server | None) -> LanguageModelChoice:
    """Return the choice. With a server the embedded model replaces the profile's, as fallback."""
    return LanguageModelChoice(EMBEDDED if server is not None else profile_model, server)
