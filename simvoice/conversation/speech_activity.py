"""Group frames of speech probability into stretches of voice, with hysteresis."""

from __future__ import annotations

from dataclasses import dataclass, replace

from simvoice.audio import FRAME_S, SILENT_DBFS
from simvoice.conversation.settings import TurnTakingSettings


@dataclass(frozen=True, slots=True)
class Voicing:
    """The learner's voice as of the last frame."""

    active: bool = False
    """Inside a stretch of voice, short quiet moments included."""
    start_s: float = 0.0
    """Onset of the stretch, or of voiced frames that may become one."""
    last_voice_s: float = -1.0
    """End of the last voiced frame of a stretch."""
    run_s: float = 0.0
    """Consecutive voiced seconds before the onset is confirmed."""
    voiced_s: float = 0.0
    """Voiced seconds inside the stretch."""
    level_dbfs: float = SILENT_DBFS
    """Level of the loudest frame of the stretch."""

    def off_s(self, at_s: float) -> float:
        """Seconds since the last voiced frame."""
        return at_s - self.last_voice_s

    @property
    def length_s(self) -> float:
        """Seconds from the onset to the last voiced frame."""
        return self.last_voice_s - self.start_s


@dataclass(frozen=True, slots=True)
class Edge:
    """What a frame changed: a stretch began, or one ended (known `segment_gap_s` later)."""

    began: bool = False
    ended: Voicing | None = None


def advance(
    voicing: Voicing,
    at_s: float,
    speech_prob: float,
    level_dbfs: float,
    settings: TurnTakingSettings,
) -> tuple[Voicing, Edge]:
    """Return the voicing after the frame that ended at `at_s`, and what the frame changed."""
    threshold = settings.voice_off_prob if voicing.active else settings.voice_on_prob
    if speech_prob >= threshold:
        return _voiced(voicing, at_s, level_dbfs, settings)
    if not voicing.active:
        return (replace(voicing, run_s=0.0) if voicing.run_s else voicing), Edge()
    if voicing.off_s(at_s) + 1e-9 >= settings.segment_gap_s:
        return Voicing(last_voice_s=voicing.last_voice_s), Edge(ended=voicing)
    return voicing, Edge()


def _voiced(
    voicing: Voicing, at_s: float, level_dbfs: float, settings: TurnTakingSettings
) -> tuple[Voicing, Edge]:
    if voicing.active:
        grown = replace(
            voicing,
            last_voice_s=at_s,
            voiced_s=voicing.voiced_s + FRAME_S,
            level_dbfs=max(voicing.level_dbfs, level_dbfs),
        )
        return grown, Edge()
    run_s = voicing.run_s + FRAME_S
    start_s = at_s - FRAME_S if voicing.run_s == 0.0 else voicing.start_s
    level = level_dbfs if voicing.run_s == 0.0 else max(voicing.level_dbfs, level_dbfs)
    onset = replace(voicing, run_s=run_s, start_s=start_s, level_dbfs=level)
    if run_s + 1e-9 < settings.onset_s:
        return onset, Edge()
    active = replace(onset, active=True, last_voice_s=at_s, voiced_s=run_s, run_s=0.0)
    return active, Edge(began=True)
