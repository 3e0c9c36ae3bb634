"""Reject sound that is not the learner's speech: noise, murmurs, and the patient's own echo."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from simvoice.acknowledgements import lower_words
from simvoice.conversation.backchannels import HUMMED
from simvoice.conversation.settings import TurnTakingSettings
from simvoice.ports import Transcript
from simvoice.record.events import DeliveredWord

_NOT_WORDS = re.compile(r"[\[(*♪].*?[\])*♪]")

_INVENTED = {
    "you", "thank you", "thanks", "thanks for watching", "thank you for watching", "bye",
    "thank you very much", "please subscribe", "so", "the", "i'm", "oh",
}  # fmt: skip
"""Words that Whisper reports for breath, keyboard and hum. Spoken ones have a better
log-probability."""

_BIDS = frozenset({"wait", "stop", "sorry", "hold", "but", "what", "why", "when", "how", "no"})
"""Single words that ask for the turn, however unsurely they were recognised."""

_GUESS_LOGPROB = -1.1
"""Below this a transcript is a guess; Whisper's own code uses -1.0 as the threshold of failure."""
_DOUBTED_LOGPROB = -0.9
"""A single real word ("Wait.") has -0.7 and a no-speech probability of 0.6."""
_WEAK_LOGPROB = -0.6
_NO_SPEECH_PROB = 0.6
_COMPRESSION = 2.4
"""Whisper's own thresholds for silence and for repetition."""
_HUM_S = 1.0
"""A longer hum is a tune."""
_MURMUR_S = 0.6
"""Most acknowledgements are shorter, and a word that asks for the turn is recognised."""
_ECHO_S = 5.0
"""Longest time after which an echo can arrive. The path from the loudspeaker takes less than 1 s,
but one stretch of sound may hold the end of a clause and the next clause."""
_ECHO_SHARE = 0.7
"""Share of the patient's own last words among the words from which on they are an echo."""


def rejection_reason(
    transcript: Transcript,
    *,
    voiced_s: float,
    length_s: float,
    level_dbfs: float,
    settings: TurnTakingSettings,
) -> str | None:
    """Return why this is not the learner's speech, as a phrase for the record; None when it is.

    voiced_s: voiced seconds. length_s: from onset to the last voice. level_dbfs: loudest frame.
    """
    if voiced_s < settings.min_voice_s:
        return "too short to be a word"
    if level_dbfs < settings.min_level_dbfs:
        return "too quiet to be the learner"
    if length_s > 0 and voiced_s / length_s < 0.3:
        return "hardly any voice in it"
    spoken = " ".join(lower_words(_NOT_WORDS.sub(" ", transcript.text)))
    if not spoken:
        return "no words in it"
    if transcript.compression > _COMPRESSION:
        return "the recogniser repeats itself"
    if transcript.avg_logprob < _GUESS_LOGPROB:
        return "the recogniser was guessing"
    weak = transcript.avg_logprob < _WEAK_LOGPROB
    if transcript.no_speech_prob > _NO_SPEECH_PROB and transcript.avg_logprob < _DOUBTED_LOGPROB:
        return "the recogniser heard no speech"
    if spoken in _INVENTED and weak:
        return "words that the recogniser invents on noise"
    return None


def is_murmur(transcript: Transcript, voiced_s: float, hum: float = 0.0) -> bool:
    """Return True for a short sound without a word: "mm-hm", a cough, a breath.

    Over the patient's voice such a sound does not ask for the turn. hum: share of it that is
    hummed, 0..1.
    """
    if hum >= HUMMED and voiced_s < _HUM_S:
        return True
    words = lower_words(transcript.text)
    unsure = transcript.avg_logprob < _WEAK_LOGPROB and not _BIDS.intersection(words)
    return voiced_s < _MURMUR_S and unsure and len(words) <= 1


def is_echo(text: str, patient_words: Iterable[DeliveredWord], since_s: float) -> bool:
    """Return True when the words are the patient's own, recorded by the microphone.

    patient_words: the delivered words. since_s: when the sound began; a learner who repeats what
    the patient said earlier is not an echo. One or two words are too few to tell.
    """
    words = lower_words(text)
    if len(words) < 3:
        return False
    recent = (word.text for word in patient_words if word.end_s >= since_s - _ECHO_S)
    patient = Counter(word for piece in recent for word in lower_words(piece))
    common = sum((Counter(words) & patient).values())
    return common / len(words) >= _ECHO_SHARE
