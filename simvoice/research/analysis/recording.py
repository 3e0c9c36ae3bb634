"""Analyse a recording made outside simvoice: measure the sound, attach transcript and words."""

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
from simvoice.reading.reading import read_measured_sound
from simvoice.research.analysis.conversation import (
    Conversation,
    ConversationUtterance,
    ConversationWord,
    InputFile,
)
from simvoice.research.analysis.recognise import recognise_words, utterances_of
from simvoice.research.analysis.results import fingerprint
from simvoice.research.analysis.tables import events_of, stretches_of, turns_of, values_of
from simvoice.research.recordings.file_names import shown_name
from simvoice.research.recordings.match import (
    Attributed,
    attribute,
    check_fits,
    clipped,
    files_of,
    swapped,
)
from simvoice.research.recordings.sound import Sound, sha256_of, two_channels
from simvoice.research.recordings.speaker_names import SpeakerNames
from simvoice.research.recordings.transcript import RecordingTranscript, read_transcripts
from simvoice.timing.intervals import Intervals, total_s
from simvoice.timing.measure_sound import SoundMeasurement, measure_sound
from simvoice.timing.silences import Utterance as SilenceUtterance
from simvoice.timing.turns import Speaker, TimedWord

_FEWEST_QUESTIONS = 4
_MOST_QUESTIONS = 0.75
"""The number of questions, and their share of all, from which a channel looks like the clinician's:
in 35 consultations of PriMock57 patients ask 0 to 22 % of all questions, median 5 %."""


class WordRecogniser(Protocol):
    """Recognises words with their times, as `engines.stt.whisper.Whisper` does."""

    def words(self, pcm: Pcm) -> Sequence[TranscribedWord]:
        """Return the words, timed from the start. pcm: float32 [n], mono, 16 kHz, up to 30 s."""
        ...


@dataclass(frozen=True, slots=True)
class Recording:
    """The files of one recording."""

    name: str
    """The displayed name: its path inside the given folder, without ending."""
    files: tuple[Path, ...]
    """One file of two channels, or the learner's and the patient's of one channel each."""
    transcripts: tuple[Path, ...] = ()
    remarks: tuple[str, ...] = ()
    """Sentences about how its files were found."""


@dataclass(frozen=True, slots=True)
class Options:
    """The settings that change results."""

    learner: Literal["auto", "left", "right"] = "auto"
    """The learner's channel of a two-channel file. auto: as the transcript's labels tell, else
    left."""
    names: SpeakerNames = field(default_factory=SpeakerNames)
    transcript: bool = True
    """Whether to read the transcripts."""
    words: bool = False
    """Whether to recognise the words."""
    visit: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the options as JSON data, for the fingerprint."""
        found = asdict(self)
        found["names"] = [sorted(self.names.learner), sorted(self.names.patient)]
        return found


@dataclass(frozen=True, slots=True)
class RecordingIdentity:
    """Id and fingerprint of a recording, known before it is analysed."""

    id: str
    fingerprint: str
    transcripts: tuple[InputFile, ...]


def identify(recording: Recording, options: Options) -> RecordingIdentity:
    """Hash all files. Raises AudioFileError when a file cannot be read."""
    sounds = [sha256_of(path) for path in recording.files]
    texts = [
        InputFile(name=shown_name(path), sha256=sha256_of(path), role="transcript")
        for path in (recording.transcripts if options.transcript else ())
    ]
    digests = [*sounds, *(text.sha256 for text in texts)]
    return RecordingIdentity(
        f"{slug(recording.name)}-{sounds[0][:6]}",
        fingerprint(digests, options.as_json()),
        tuple(texts),
    )


def slug(name: str) -> str:
    """Return a name that is safe for a file on any system: A-Z, a-z, 0-9, `.`, `-` and `_`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", plain.replace("/", "--")).strip("-.")
    return safe[:100].strip("-.") or "recording"


def analyse_recording(
    recording: Recording, options: Options, scratch: Path, recogniser: WordRecogniser | None = None
) -> Conversation:
    """Return the conversation of a recording. Raises AudioFileError when it cannot be analysed.

    scratch: a folder with enough free space for the sound. recogniser: needed for `options.words`.
    """
    identity = identify(recording, options)
    paths = recording.transcripts if options.transcript else ()
    transcript = read_transcripts(paths, options.names) if paths else RecordingTranscript()
    copies = scratch if options.words and recogniser is not None else None
    with two_channels(recording.files, copies) as sound:
        return _analysed(recording, identity, options, sound, transcript, recogniser)


def _analysed(
    recording: Recording,
    identity: RecordingIdentity,
    options: Options,
    sound: Sound,
    transcript: RecordingTranscript,
    recogniser: WordRecogniser | None,
) -> Conversation:
    measured = measure_sound(sound.blocks())
    _check_speech(recording, measured)
    is_pair = len(recording.files) == 2
    is_swapped, remarks = _find_learner(options, transcript, measured, is_pair)
    if is_swapped:
        measured = replace(measured, learner=measured.patient, patient=measured.learner)
    voices: dict[Speaker, Intervals] = {
        "learner": measured.learner.speech,
        "patient": measured.patient.speech,
    }
    entries, left_out = _attributed(transcript, options, voices, int(is_swapped), measured.length_s)
    utterances, words = _transcribed_utterances(entries), _transcribed_words(entries)
    words_from: Literal["", "transcript", "whisper"] = (
        "transcript" if any(each.entry.text for each in entries) else ""
    )
    if options.words and recogniser is not None:
        first, second = sound.whole_channels()
        learner, patient = (second, first) if is_swapped else (first, second)
        words = _recognised(recogniser, voices, learner, patient)
        utterances = utterances or utterances_of(words)
        words_from = "whisper"
    if remarks and not is_swapped:
        remarks += _swap_hint(utterances)
    reading = read_measured_sound(
        measured,
        utterances=[_for_reading(utterance) for utterance in utterances],
        words=[TimedWord(w.who, w.text, w.start_s, w.end_s) for w in words],
    )
    return Conversation(
        id=identity.id,
        kind="recording",
        title=recording.name,
        learner="",
        patient="",
        visit=options.visit,
        length_s=measured.length_s,
        learner_channel=_channel(is_swapped, is_pair),
        words_from=words_from,
        inputs=(*_inputs(sound), *identity.transcripts),
        simvoice=__version__,
        fingerprint=identity.fingerprint,
        notes=(
            *recording.remarks,
            *sound.remarks(),
            *transcript.remarks,
            *remarks,
            *left_out,
            *_silent_channels(voices),
        ),
        stretches=stretches_of(reading),
        utterances=tuple(utterances),
        words=tuple(words),
        turns=turns_of(reading, utterances),
        events=events_of(reading),
        metrics=values_of(reading),
    )


# -- which channel is the learner's ---------------------------------------------------------


def _find_learner(
    options: Options, transcript: RecordingTranscript, measured: SoundMeasurement, is_pair: bool
) -> tuple[bool, list[str]]:
    """Return whether the learner is on the second channel, and remarks about it.

    Raises AudioFileError when the options and the transcript's labels contradict each other.
    """
    first, second = measured.learner.speech, measured.patient.speech
    labels = swapped(transcript.entries, options.names, first, second)
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
            "nothing tells which channel is the learner's; the left one was used (if it is the "
            "right one: --learner right)"
        ]
    if labels:
        return True, [
            "the learner is on the right channel, as the transcript's labels show; the channels "
            "were swapped"
        ]
    return False, []


def _swap_hint(utterances: Sequence[ConversationUtterance]) -> list[str]:
    """Return a remark when the right channel asks most questions, as clinicians do."""
    asked = [u.who for u in utterances if u.text.rstrip().endswith("?")]
    right = sum(who == "patient" for who in asked)
    if right < _FEWEST_QUESTIONS or right < _MOST_QUESTIONS * len(asked):
        return []
    return [
        f"{right} of the {len(asked)} questions are on the right channel, and clinicians ask most "
        "questions; if it is the learner's: --learner right"
    ]


def _contradiction(
    options: Options, transcript: RecordingTranscript, is_pair: bool
) -> AudioFileError:
    names = files_of(transcript)
    if is_pair:
        return AudioFileError(
            f"the labels of {names} show that the first file is the patient's; give the learner's "
            "first, or analyse without the transcript: --no-transcript"
        )
    return AudioFileError(
        f"the labels of {names} contradict --learner {options.learner}: they put the learner on "
        "the other channel; use either --learner auto or --no-transcript"
    )


def _channel(
    is_swapped: bool, is_pair: bool
) -> Literal["left", "right", "first file", "second file"]:
    if is_pair:
        return "first file"
    return "right" if is_swapped else "left"


def _check_speech(recording: Recording, measured: SoundMeasurement) -> None:
    if total_s(measured.learner.speech) + total_s(measured.patient.speech) <= 0.0:
        names = " and ".join(repr(shown_name(path)) for path in recording.files)
        raise AudioFileError(
            f"{names} contains no speech; check that the microphones were on during the recording"
        )


def _silent_channels(voices: dict[Speaker, Intervals]) -> list[str]:
    return [
        f"no speech was found on the {who}'s channel"
        for who, voice in voices.items()
        if total_s(voice) <= 0.0
    ]


# -- words ----------------------------------------------------------------------------------


def _attributed(
    transcript: RecordingTranscript,
    options: Options,
    voices: dict[Speaker, Intervals],
    learner_channel: int,
    lasts_s: float,
) -> tuple[list[Attributed], list[str]]:
    if not transcript.entries:
        return [], []
    found, remarks = attribute(transcript, options.names, voices, learner_channel)
    check_fits(transcript, found, voices, lasts_s)
    inside, beyond = clipped(transcript, found, lasts_s)
    return inside, [*remarks, *beyond]


def _transcribed_utterances(entries: Sequence[Attributed]) -> list[ConversationUtterance]:
    """Return the transcript's utterances; where it has only words, utterances made of these."""
    whole = [
        ConversationUtterance(
            who=each.who,
            start_s=each.entry.start_s,
            end_s=each.entry.end_s,
            text=each.entry.text,
        )
        for each in entries
        if not each.entry.is_word and each.entry.text
    ]
    return whole or utterances_of(_transcribed_words(entries))


def _transcribed_words(entries: Sequence[Attributed]) -> list[ConversationWord]:
    return [
        ConversationWord(
            who=each.who,
            start_s=each.entry.start_s,
            end_s=each.entry.end_s,
            text=each.entry.text,
        )
        for each in entries
        if each.entry.is_word
    ]


def _recognised(
    recogniser: WordRecogniser, voices: dict[Speaker, Intervals], learner: Pcm16, patient: Pcm16
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
        for word in recognise_words(recogniser.words, pcm, voice)
    ]
    return sorted(found, key=lambda word: (word.start_s, word.end_s, word.who))


def _for_reading(spoken: ConversationUtterance) -> SilenceUtterance:
    is_question = spoken.text.rstrip().endswith("?")
    return SilenceUtterance(spoken.who, spoken.start_s, spoken.end_s, is_question)


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
