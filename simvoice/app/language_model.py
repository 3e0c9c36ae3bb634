"""Which language model speaks: the embedded one, a larger one of the profile, or a server's.

Whatever is stronger than the embedded model has it standing by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from simvoice.engines.llm.fallback import FIRST_S, WHOLE_S, Fallback
from simvoice.engines.llm.server import LONG_TIMEOUTS, Server
from simvoice.models import manifest
from simvoice.ports import LanguageModel

EMBEDDED = "smollm2-135m"
"""Every profile has it, for the last words; it speaks when a stronger one does not."""

_EMBEDDED_S = 0.7
"""It says a line in a third of a second on a quiet machine."""

_SLACK_S = 0.1
"""Between a server's own limits, which know what took so long, and being overruled."""


@dataclass(frozen=True, slots=True)
class LanguageModelChoice:
    """The choice; the engines that come of it are loaded when they are asked for."""

    model: str
    """Of the manifest."""
    server: Server | None = None
    """Used in place of the model while it answers."""

    @property
    def strong(self) -> bool:
        """Stronger than the embedded model: it is given the scene as a chat, and more room."""
        return self.server is not None or manifest.model(self.model).chat

    @property
    def name(self) -> str:
        """For people and records."""
        if self.server is not None:
            return f"the language model's server at {self.server.name}"
        return f"the larger model {self.model}" if self.strong else "the embedded model"

    @property
    def patience_s(self) -> tuple[float, float]:
        """Seconds that the stronger model has for its first word and for the whole line."""
        if self.server is None:
            return FIRST_S, WHOLE_S
        timeouts = self.server.timeouts
        return timeouts.first_s + _SLACK_S, timeouts.whole_s + _SLACK_S

    @property
    def needs_s(self) -> float:
        """Seconds until there is a line of some model's; 0 where the floor's own number holds."""
        return self.patience_s[1] + _EMBEDDED_S if self.strong else 0.0

    def live(self) -> LanguageModel:
        """For encounters: a stronger model gives way to the embedded one."""
        # These import the heavy libraries, which read the environment that the app has set.
        from simvoice.engines.llm.llama import Llama

        if not self.strong:
            return Llama(manifest.locate(self.model))
        first_s, whole_s = self.patience_s
        embedded = Llama(manifest.locate(EMBEDDED))
        stronger = self._stronger(self.server)
        return Fallback(stronger, embedded, name=self.name, first_s=first_s, whole_s=whole_s)

    def unhurried(self) -> LanguageModel:
        """For conversations in text. Whoever tries a case on a stronger model wants that model's
        words: it has long, and nothing stands in for it.
        """
        if not self.strong:
            return self.live()
        server = self.server
        return self._stronger(server and replace(server, timeouts=LONG_TIMEOUTS))

    def _stronger(self, server: Server | None) -> LanguageModel:
        if server is None:
            from simvoice.engines.llm.llama_chat import ChatLlama

            return ChatLlama(manifest.locate(self.model))
        from simvoice.engines.llm.remote import Remote

        return Remote(server)

    def recorded(self, profile: Mapping[manifest.Role, str]) -> dict[str, str]:
        """For the record's header: role to SHA-256 of the weights of all models of the profile,
        or to name and address; never a key.
        """
        found = {str(r): manifest.model(name).files[0].sha256 for r, name in profile.items()}
        if self.strong:
            found["llm_fallback"] = manifest.model(EMBEDDED).files[0].sha256
        if self.server is not None:
            found["llm"] = f"{self.server.model or 'the first model'} at {self.server.url}"
        return found


def describe_trouble(llm: LanguageModel | None) -> str:
    """A sentence when the stronger model does not answer now; empty when all is well."""
    if not isinstance(llm, Fallback) or llm.is_up:
        return ""
    return f"{llm.name} does not answer; until it does, the embedded model speaks."


def choose_language_model(profile_model: str, server: Server | None) -> LanguageModelChoice:
    """With a server, the profile's own language model is not needed: the embedded one stands by."""
    return LanguageModelChoice(EMBEDDED if server is not None else profile_model, server)
