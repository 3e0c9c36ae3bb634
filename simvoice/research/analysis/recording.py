"""One recording made elsewhere as a conversation: sound, transcript, words, numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from simvoice import __version__
from simvoice.audio import Pcm, Pcm16
from simvoice.errors import AudioFileError
from simvoice.ports import TranscribedWord
from simvoice.research.analysis.conversation import (
    Conversation,
    ConversationUtterance,
    ConversationWord,
    InputFile,
)
from simvoice.research.analysis.recognise import heard_words, utterances_of
from simvoice.research.analysis.results import fingerprint
from simvoice.research.analysis.tables import events_of, stretches_of, turns_of, values_of
from simvoice.research.recordings.match import (
    Attributed,
    SpeakerNames,
    attribute,
    check_fits,
    clipped,
    swapped,
)
from simvoice.research.recordings.sound import Sound, sha256_of, two_channels
from simvoice.research.recordings.transcript import RecordingTranscript, read_transcripts
from simvoice.scoring.metrics.reading import read_heard
from simvoice.timing.intervals import Intervals, total_s
from simvoice.timing.measure_sound import SoundMeasurement, measure_sound
from simvoice.timing.silences import Utterance as Meant
from simvoice.timing.turns import Speaker, TimedWord

_FEWEST_QUESTIONS = 4
_MOST_QUESTIONS = 0.75
"""How many questions, and what share of all, one channel must ask before it looks like the
clinician's: in 35 consultations of PriMock57 patients ask 0 to 22 % of all, median 5 %."""


class Ear(Protocol):
    """Words with their times (`engines.whisper.Whisper` has it)."""

    def words(self, pcm: Pcm) -> Sequence[TranscribedWord]:
        """pcm: float32 [n], mono, 16 kHz, up to 30 s. Times from its start."""
        ...


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording on the disk."""

    name: str
    """As people know it: its path inside what was given, without ending."""
    files: tuple[Path, ...]
    """One of two channels, or the learner's and the patient's of one each."""
    transcripts: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """What the one who asks decides; all of it changes results."""

    learner: Literal["auto", "left", "right"] = "auto"
    """The learner's channel of a two-channel file. auto: as the transcript's labels have it, else
    left."""
    names: SpeakerNames = field(default_factory=SpeakerNames)
    transcript: bool = True
    words: bool = False
    """Ask the recogniser for words."""
    visit: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For the fingerprint."""
        found = asdict(self)
        found["names"] = [sorted(self.names.learner), sorted(self.names.patient)]
        return found


@dataclass(frozen=True, slots=True)
class RecordingIdentity:
    """A recording's identity, known before it is analysed."""

    id: str
    fingerprint: str
    transcripts: tuple[InputFile, ...]


def identify(recording: Recording, options: Options) -> RecordingIdentity:
    """Reads every byte once. Raises AudioFileError when a file cannot be read."""
    sounds = [sha256_of(_there(path)) for path in recording.files]
    texts = [
        InputFile(name=path.name, sha256=sha256_of(path), role="transcript")
        for path in (recording.transcripts if options.transcript else ())
    ]
    digests = [*sounds, *(text.sha256 for text in texts)]
    return RecordingIdentity(
        f"{slug(recording.name)}-{sounds[0][:6]}",
        fingerprint(digests, options.as_json()),
        tuple(texts),
    )


def slug(name: str) -> str:
    """A name that is safe for a file everywhere: plain letters, digits, `.`, `-` and `_`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", plain.replace("/", "--")).strip("-.")
    return safe[:100].strip("-.") or "recording"


def of_recording(
    recording: Recording, options: Options, scratch: Path, ear: Ear | None = None
) -> Conversation:
    """scratch: a folder with room for the sound. ear: needed for `options.words`.

    Raises AudioFileError, with a sentence, for whatever cannot be used.
    """
    this = identify(recording, options)
    paths = recording.transcripts if options.transcript else ()
    transcript = read_transcripts(paths) if paths else RecordingTranscript()
    keep = scratch if options.words and ear is not None else None
    with two_channels(recording.files, keep) as sound:
        return _analysed(recording, this, options, sound, transcript, ear)


def _analysed(
    recording: Recording,
    this: RecordingIdentity,
    options: Options,
    sound: Sound,
    transcript: RecordingTranscript,
    ear: Ear | None,
) -> Conversation:
    heard = measure_sound(sound.blocks())
    _check_somebody_speaks(recording, heard)
    is_pair = len(recording.files) == 2
    turned, remarks = _orientation(options, transcript, heard, is_pair)
    if turned:
        heard = replace(heard, learner=heard.patient, patient=heard.learner)
    voices: dict[Speaker, Intervals] = {
        "learner": heard.learner.speech,
        "patient": heard.patient.speech,
    }
    said, more = _said(transcript, options, voices, int(turned), heard.length_s)
    utterances, words = _written(said), _written_words(said)
    words_from: Literal["", "transcript", "whisper"] = "transcript" if said else ""
    if options.words and ear is not None:
        words = _recognised(ear, voices, *_turned(sound.kept(), turned))
        utterances = utterances or utterances_of(words)
        words_from = "whisper"
    if remarks and not turned:
        remarks += _who_asks(utterances)
    reading = read_heard(
        heard,
        utterances=[_meant(said) for said in utterances],
        words=[TimedWord(w.who, w.text, w.start_s, w.end_s) for w in words],
    )
    return Conversation(
        id=this.id,
        kind="recording",
        title=recording.name,
        learner="",
        patient="",
        visit=options.visit,
        length_s=heard.length_s,
        learner_channel=_channel(turned, is_pair),
        words_from=words_from,
        inputs=(*_inputs(sound), *this.transcripts),
        simvoice=__version__,
        fingerprint=this.fingerprint,
        notes=(*sound.remarks(), *remarks, *more, *_quiet(voices)),
        stretches=stretches_of(reading),
        utterances=tuple(utterances),
        words=tuple(words),
        turns=turns_of(reading, utterances),
        events=events_of(reading),
        metrics=values_of(reading),
    )


# -- who is who -----------------------------------------------------------------------------


def _orientation(
    options: Options, transcript: RecordingTranscript, heard: SoundMeasurement, is_pair: bool
) -> tuple[bool, list[str]]:
    """Whether the learner is on the second channel, and what to say about it.

    Raises AudioFileError when what was said and what the labels say contradict each other.
    """
    first, second = heard.learner.speech, heard.patient.speech
    labels = swapped(transcript.said, options.names, first, second)
    given: bool | None = None
    if is_pair:
        given = False
    elif options.learner != "auto":
        given = options.learner == "right"
    if given is not None:
        if labels is not None and labels != given:
            raise _contradiction(options, transcript, is_pair)
        return given, []
    if labels is None:
        return False, [
            "nothing says which channel is the learner's; the left was taken (if it is the right "
            "one: --learner right)"
        ]
    if labels:
        return True, [
            "the channels are swapped: the transcript's labels put the learner on the right, and "
            "so it was read"
        ]
    return False, []


def _who_asks(utterances: Sequence[ConversationUtterance]) -> list[str]:
    """A hint at swapped channels where nothing else tells them apart: clinicians ask."""
    asked = [u.who for u in utterances if u.text.rstrip().endswith("?")]
    right = sum(who == "patient" for who in asked)
    if right < _FEWEST_QUESTIONS or right < _MOST_QUESTIONS * len(asked):
        return []
    return [
        f"the right channel asks {right} of the {len(asked)} questions, as clinicians do; if it is "
        "the learner's: --learner right"
    ]


def _contradiction(
    options: Options, transcript: RecordingTranscript, is_pair: bool
) -> AudioFileError:
    names = " and ".join(repr(path.name) for path in transcript.files)
    if is_pair:
        return AudioFileError(
            f"the labels of {names} say that the first file is the patient's; give the learner's "
            "first, or analyse without them: --no-transcript"
        )
    return AudioFileError(
        f"the labels of {names} put the learner on the other channel than --learner "
        f"{options.learner}; leave one of the two out: --learner auto, or --no-transcript"
    )


def _channel(turned: bool, is_pair: bool) -> Literal["left", "right", "first file", "second file"]:
    if is_pair:
        return "first file"
    return "right" if turned else "left"


def _check_somebody_speaks(recording: Recording, heard: SoundMeasurement) -> None:
    if total_s(heard.learner.speech) + total_s(heard.patient.speech) <= 0.0:
        names = " and ".join(repr(path.name) for path in recording.files)
        raise AudioFileError(
            f"nobody speaks in {names}; check that the microphones were on when it was recorded"
        )


def _quiet(voices: dict[Speaker, Intervals]) -> list[str]:
    return [
        f"no speech was found on the {who}'s channel"
        for who, voice in voices.items()
        if total_s(voice) <= 0.0
    ]


def _turned(pair: tuple[Pcm16, Pcm16], turned: bool) -> tuple[Pcm16, Pcm16]:
    return (pair[1], pair[0]) if turned else pair


# -- words ----------------------------------------------------------------------------------


def _said(
    transcript: RecordingTranscript,
    options: Options,
    voices: dict[Speaker, Intervals],
    learner_channel: int,
    lasts_s: float,
) -> tuple[list[Attributed], list[str]]:
    if not transcript.said:
        return [], []
    found, remarks = attribute(transcript, options.names, voices, learner_channel)
    check_fits(transcript, found, voices, lasts_s)
    return clipped(found, lasts_s), remarks


def _written(said: Sequence[Attributed]) -> list[ConversationUtterance]:
    whole = [
        ConversationUtterance(
            who=entry.who,
            start_s=entry.said.start_s,
            end_s=entry.said.end_s,
            text=entry.said.text,
        )
        for entry in said
        if not entry.said.is_word
    ]
    return whole or utterances_of(_written_words(said))


def _written_words(said: Sequence[Attributed]) -> list[ConversationWord]:
    return [
        ConversationWord(
            who=entry.who,
            start_s=entry.said.start_s,
            end_s=entry.said.end_s,
            text=entry.said.text,
        )
        for entry in said
        if entry.said.is_word
    ]


def _recognised(
    ear: Ear, voices: dict[Speaker, Intervals], learner: Pcm16, patient: Pcm16
) -> list[ConversationWord]:
    lanes: tuple[tuple[Speaker, Pcm16, Intervals], ...] = (
        ("learner", learner, voices["learner"]),
        ("patient", patient, voices["patient"]),
    )
    found = [
        ConversationWord(
            who=who, start_s=word.start_s, end_s=word.end_s, text=word.text, prob=word.prob
        )
        for who, pcm, voice in lanes
        for word in heard_words(ear.words, pcm, voice)
    ]
    return sorted(found, key=lambda word: (word.start_s, word.end_s, word.who))


def _meant(said: ConversationUtterance) -> Meant:
    return Meant(said.who, said.start_s, said.end_s, said.text.rstrip().endswith("?"))


# -- files ----------------------------------------------------------------------------------


def _inputs(sound: Sound) -> list[InputFile]:
    return [
        InputFile(
            name=facts.name,
            sha256=facts.sha256,
            role="sound",
            rate=facts.rate,
            channels=facts.channels,
            subtype=facts.subtype,
            length_s=facts.length_s,
        )
        for facts in sound.files()
    ]


def _there(path: Path) -> Path:
    if not path.exists():
        raise AudioFileError(f"the sound file {str(path)!r} is not there; check the name")
    return path
