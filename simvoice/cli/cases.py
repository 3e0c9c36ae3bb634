"""`simvoice cases`: list, show, check, create and try cases."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from rich.progress import Progress

from simvoice import __version__, markup, paths
from simvoice.app.attempt_header import turn_taking_of
from simvoice.audio import seconds
from simvoice.cli.common import (
    DEFAULT_FORM,
    DEFAULT_PROFILE,
    DEFAULT_WAIT_S,
    AsJson,
    LlmForm,
    LlmModel,
    LlmUrl,
    LlmWait,
    ProfileOption,
    answers,
    notes,
    print_json,
    server_of,
)
from simvoice.cli.from_hub import pull_cases
from simvoice.debrief.terminal import flow, sentence
from simvoice.display import percent
from simvoice.engines.llm.server import Server
from simvoice.errors import CaseError, UsageError
from simvoice.models import manifest
from simvoice.patient.case.course_plan import load_course_plan
from simvoice.patient.case.load import (
    create_case,
    find_cases,
    load_case,
    locate_case,
    require_complete,
)
from simvoice.patient.case.schema import Case, case_schema
from simvoice.patient.case.suite import Suite, load_suite
from simvoice.patient.checking.certificate import certify, listed_cases
from simvoice.patient.checking.check import CONVERSATIONS, QUICK_CONVERSATIONS, check
from simvoice.patient.checking.report import CheckedConversation, Report
from simvoice.patient.checking.text_conversation import TextConversation
from simvoice.patient.decisions import Affect, Decision
from simvoice.patient.mind import Patient
from simvoice.patient.retrieval import CaseIndex

# -- say


def say_line(
    name: Annotated[str, typer.Argument(help="A case's id, or the path of its file.")],
    line: Annotated[str, typer.Argument(help='A line\'s id, or its words: "I <pause 0.8> knew."')],
    out: Annotated[Path | None, typer.Option(help="The WAV file. Default: LINE.wav.")] = None,
    trust: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="The patient's trust. Default: as the case starts."),
    ] = None,
    distress: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="The patient's distress. Default: as the case starts."),
    ] = None,
    affect: Annotated[
        str | None,
        typer.Option(help=f"Use this affect, not the line's: {', '.join(get_args(Affect))}."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Use the words for a repeated question.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Speak a line into a WAV file, with the given trust and distress."""
    # imported here: these load the engines' libraries, and other commands do not need them
    from simvoice.app.simulator import Simulator
    from simvoice.devices.wav import write_audio
    from simvoice.runtime.spoken_lines import LineRequest, line_sound, requested_line

    if affect is not None and affect not in get_args(Affect):
        raise UsageError(f"there is no affect {affect!r}; use {', '.join(get_args(Affect))}")
    case = load_case(locate_case(name, *paths.case_dirs()))
    saying = requested_line(case, LineRequest(line, again, affect, trust, distress))  # type: ignore[arg-type]
    target = out or Path("line.wav" if " " in line else f"{line}.wav")
    pcm = line_sound(case, Simulator().voice(), saying)
    write_audio(target, pcm)
    row: dict[str, Any] = {
        "case": case.id,
        "text": markup.plain(saying.spoken),
        "spoken": saying.spoken,
        "affect": saying.affect,
        "mood": saying.mood,
        "duration_s": round(seconds(pcm.size), 2),
        "file": str(target),
    }
    if as_json:
        print_json(row)
        return
    answers.print(f"{case.person.short}: {saying.spoken}", markup=False)
    answers.print(f"    {saying.affect}, {saying.mood}; {row['duration_s']} s", markup=False)
    answers.print(f"    {target}", markup=False)


# -- the other commands


app = typer.Typer(help="List, show, check, create or try cases.", no_args_is_help=True)

CaseName = Annotated[str, typer.Argument(help="A case's id, or the path of its file.")]


@app.command("list")
def list_cases(as_json: AsJson = False) -> None:
    """List every case, and whether learners can choose it.

    Of two cases with one id, your own counts first, then that of the lab's hub, then that of
    simvoice.
    """
    found = listed_cases(*paths.case_dirs())
    if as_json:
        rows = [
            {
                "id": each.id,
                "course": each.case.course if each.case else "",
                "title": each.case.title if each.case else "",
                "level": each.case.level if each.case else "",
                "origin": paths.origin_of_case(each.file),
                "offered": each.fault is None,
                "fault": each.fault,
            }
            for each in found
        ]
        print_json({"folders": [str(each) for each in paths.case_dirs()], "cases": rows})
        return
    for each in found:
        if each.case is not None:
            origin = paths.origin_of_case(each.file)
            told = "" if origin == "shipped" else f"; {paths.ORIGIN_IN_WORDS[origin]}"
            row = f"{each.id}: {each.case.title} ({each.case.course}){told}"
            answers.print(row, markup=False)
        if each.fault is not None:
            notes.print(flow(sentence(f"not offered: {each.fault}")))
    if not found:
        folders = " and ".join(str(each) for each in paths.case_dirs())
        notes.print(f"There are no cases in {folders}.", markup=False)


@app.command("show")
def show_case(name: CaseName, as_json: AsJson = False) -> None:
    """Show a case. Prints the door note, the patient, and what the patient tells when."""
    case = _case(name)[1]
    if as_json:
        print_json(case.model_dump(mode="json"))
        return
    minutes = case.time.limit_s / 60
    rows = [
        case.title,
        f"{case.level}. {case.setting}. {minutes:.0f} minutes ({case.time.kind}).",
        "",
        case.door_note.strip(),
        "",
        f"{case.person.name}, {case.person.age}. {case.person.manner}",
        "",
        "Objectives:",
        *(f"  - {each}" for each in case.objectives),
        "What the patient tells, and when:",
        *(f"  - {fact.text} ({_gate(fact.gate.model_dump())})" for fact in case.facts),
        "How it can end:",
        *(f"  - {each.title}. {each.meaning}" for each in case.endings),
        f"{len(case.lines)} lines, {sum(len(x.exemplars) for x in case.lines)} exemplars, "
        f"{len(case.rules)} rules; sha256 {case.sha256[:12]}",
        "Sources:",
        *(f"  - {each.cite}{f' doi:{each.doi}' if each.doi else ''}" for each in case.sources),
    ]
    for row in rows:
        answers.print(row, markup=False)


@app.command("check")
def check_cases(
    name: Annotated[
        str | None, typer.Argument(help="A case's id or file. Default: every case.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Use fewer conversations and no language model.")
    ] = False,
    conversations: Annotated[
        int | None, typer.Option(min=0, help="The number of conversations with each case.")
    ] = None,
    model: Annotated[
        bool, typer.Option("--model/--no-model", help="Use the language model, or do not.")
    ] = True,
    profile: ProfileOption = DEFAULT_PROFILE,
    llm_url: LlmUrl = "",
    llm_model: LlmModel = "",
    llm_form: LlmForm = DEFAULT_FORM,
    llm_wait: LlmWait = DEFAULT_WAIT_S,
    as_json: AsJson = False,
) -> None:
    """Check cases with questions and simulated conversations. Exit with 1 when one fails."""
    faults: list[str] = []
    if name:
        loaded = [_to_check(name)]
    else:
        loaded, faults = _readable(find_cases(*paths.case_dirs()))
    for fault in faults:
        notes.print(fault, markup=False, soft_wrap=True)
    number = conversations
    if number is None:
        number = QUICK_CONVERSATIONS if quick else CONVERSATIONS
    server = server_of(llm_url, llm_model, llm_form, llm_wait)
    embedder, language_model, strong = _engines(profile, server)
    reports = []
    for path, case, suite in loaded:
        with Progress(console=notes, transient=True) as bar:
            task = bar.add_task(case.id, total=number)
            report = check(
                case,
                suite,
                embedder,
                language_model if model and not quick else None,
                conversations=number,
                strong=strong and model and not quick,
                progress=lambda done, _, bar=bar, task=task: bar.update(task, completed=done),  # type: ignore[misc]
            )
        reports.append(report)
        # a check with another model neither gives a certificate nor removes one
        certificate = None if strong else certify(path, report, __version__)
        if certificate is not None:
            notes.print(f"Certified: {certificate}", markup=False)
        if not as_json:
            _print_report(report)
    if as_json:
        print_json(
            {"cases": {report.case: report.to_json() for report in reports}, "faults": faults}
        )
    if faults or not all(report.passed for report in reports):
        raise typer.Exit(1)


@app.command("new")
def new_case(
    case_id: Annotated[
        str, typer.Argument(help="The id of the new case: small letters, digits, hyphens.")
    ],
    folder: Annotated[
        Path | None, typer.Option(help="The parent folder. Default: the folder of your own cases.")
    ] = None,
) -> None:
    """Create a small case to start from. It passes its check."""
    path = create_case(case_id, folder or paths.own_cases_dir())
    answers.print(f"Created {path}. Change it as you like.", soft_wrap=True, markup=False)
    given = case_id if folder is None else path.parent
    notes.print(flow(sentence(f"To check it, run: simvoice cases check {given}")))


@app.command("schema")
def show_schema() -> None:
    """Print the JSON Schema of a case file, for editors with completion."""
    print_json(case_schema())


@app.command("ask")
def ask_case(
    name: CaseName,
    utterances: Annotated[
        list[str], typer.Argument(help="What the learner says, one argument for each turn.")
    ],
    seed: Annotated[int, typer.Option(help="Seed for the choice among equal lines.")] = 0,
    model: Annotated[
        bool, typer.Option("--model/--no-model", help="Use the language model, or do not.")
    ] = True,
    profile: ProfileOption = DEFAULT_PROFILE,
    llm_url: LlmUrl = "",
    llm_model: LlmModel = "",
    llm_form: LlmForm = DEFAULT_FORM,
    llm_wait: LlmWait = DEFAULT_WAIT_S,
    as_json: AsJson = False,
) -> None:
    """Show what the patient answers and why, without sound.

    "(silence)" stands for a silence; "(cuts in) ..." interrupts the patient.
    """
    if not utterances:
        raise UsageError('give something to say, such as: simvoice cases ask CASE "How are you?"')
    case = _case(name)[1]
    server = server_of(llm_url, llm_model, llm_form, llm_wait)
    embedder, language_model, strong = _engines(profile, server)
    sha256 = manifest.digests([manifest.profile()["embedding"]])["embedding"]
    index = CaseIndex.cached(paths.cache_dir() / "cases", case, embedder, sha256)
    patient = Patient(case, index, strong=strong and model)
    talk = TextConversation(patient, embedder, language_model if model else None, seed=seed)
    rows = [_row("(comes in)", talk.open())]
    for utterance in utterances:
        rows.append(_row(utterance, talk.do(utterance)))
        if talk.ending:
            break
    ending = talk.ending or patient.ending(talk.state, "left")
    felt = patient.reflect(talk.state, ending)
    if as_json:
        said = [{"text": each.text, "affect": each.affect, "why": each.why} for each in felt]
        print_json(
            {
                "case": case.id,
                "seed": seed,
                "ending": talk.ending,
                "turns": rows,
                "afterwards": said,
            }
        )
        return
    for row in rows:
        _print_row(row, case)
    if talk.ending:
        answers.print(f"The end: {talk.ending}", markup=False)
    if felt:
        answers.print("The patient's reflection, if the encounter ended here:", markup=False)
    for each in felt:
        answers.print(f"{case.person.short}: {each.text}  ({each.why})", markup=False)


app.command("say")(say_line)
app.command("pull")(pull_cases)


def _case(name: str) -> tuple[Path, Case]:
    path = locate_case(name, *paths.case_dirs())
    return path, load_case(path)


def _to_check(name: str) -> tuple[Path, Case, Suite | None]:
    path, case = _case(name)
    require_complete(path, case)
    load_course_plan(path, [each.id for each in case.moments])
    turn_taking_of(case)
    return path, case, load_suite(path, case)


def _readable(names: Iterable[str]) -> tuple[list[tuple[Path, Case, Suite | None]], list[str]]:
    """The cases that can be checked, and a sentence for each that has a fault."""
    loaded, faults = [], []
    for name in names:
        try:
            loaded.append(_to_check(name))
        except CaseError as error:
            faults.append(str(error))
    return loaded, faults


def _engines(profile: str, server: Server | None) -> tuple[Any, Any, bool]:
    # imported here: it loads the engines' libraries, and other commands do not need them
    from simvoice.app.simulator import Simulator

    simulator = Simulator(profile, server=server)
    return *simulator.text_engines(), simulator.language_model.strong


def _gate(gate: dict[str, Any]) -> str:
    after = f", after {', '.join(gate['after'])}" if gate["after"] else ""
    trust = f" at {gate['trust']:.2f}" if gate["trust"] is not None else ""
    return f"{gate['when']}{trust}{after}"


def _row(learner: str, decision: Decision) -> dict[str, Any]:
    move = decision.move
    return {
        "learner": learner,
        "codes": [{"code": each.name, "words": each.words} for each in decision.codes],
        "steps": [
            {"name": s.name, "before": s.before, "after": s.after, "cause": s.cause}
            for s in decision.steps
        ],
        "ledger": dict(decision.state.ledger),
        "move": move.kind,
        "line": move.line_id,
        "text": move.text,
        "affect": move.affect,
        "mood": move.mood,
        "source": move.source,
        "hold_s": move.hold.window_s if move.hold else None,
        "opens": list(decision.discloses),
        "ending": move.ending,
        "reason": decision.reason,
    }


def _print_row(row: dict[str, Any], case: Case) -> None:
    answers.print(f"{case.learner}: {row['learner']}", markup=False)
    if row["codes"]:
        answers.print(
            f"    codes  {', '.join(each['code'] for each in row['codes'])}", markup=False
        )
    for step in row["steps"]:
        change = f"{step['name']} {step['before']:.2f} -> {step['after']:.2f}"
        answers.print(f"    ledger {change} ({step['cause']})", markup=False)
    told = f"; tells {', '.join(row['opens'])}" if row["opens"] else ""
    line = f"{row['move']} {row['line'] or row['source']}"
    answers.print(f"    move   {line}: {row['reason']}{told}", markup=False)
    hold = f"  [then silent for {row['hold_s']:.0f} s]" if row["hold_s"] else ""
    answers.print(f"{case.person.short}: {row['text'] or '(says nothing)'}{hold}", markup=False)


def _outcome(conversation: CheckedConversation) -> str:
    told = len(conversation.told)
    return f"{conversation.ending}, trust {conversation.trust:.2f}, told {told} facts"


def _print_report(report: Report) -> None:
    conversations = {"skilled": report.skilled, "poor": report.poor}
    rows = [
        f"{report.case}: {'passed' if report.passed else 'FAILED'}",
        f"  right answers   {percent(report.right_answer_rate, 1)} of {report.probes} probes",
        f"  conversations   {report.conversations} ({report.turns} turns)",
        f"  leaks {report.count('leak')}, role breaks {report.count('role_break')}, repeats "
        f"{report.count('repeat')}, dead ends {report.count('dead_end')}, contradictions "
        f"{report.count('contradiction')}, unknown facts {report.count('unknown_fact')}",
        f"  injections      {report.injections} attempts",
        *(f"  {name:<15} {_outcome(each)}" for name, each in conversations.items() if each),
        f"  improvised      {report.improvised}, refused by the guard {report.refused}",
        "  endings         " + ", ".join(f"{k} {n}" for k, n in report.endings.most_common()),
    ]
    for kind, means in report.by_learner.items():
        rows.append(f"  {kind:<15} " + ", ".join(f"{k} {v:g}" for k, v in means.items()))
    rows += [f"  unexpected ending: {each}" for each in report.unexpected_endings]
    rows += [
        f"  missed moment: {m.moment} (seed {m.seed} leads to {m.got})"
        for m in report.missed_moments
    ]
    rows += [
        f"  missed: {m.ask} (expected {', '.join(m.expected)}; {m.got})" for m in report.misses
    ]
    rows += [f"  {f.kind}: {f.what}: {f.said!r} -> {f.line!r}" for f in report.findings]
    if report.unreached:
        rows.append(f"  never said      {', '.join(report.unreached)}")
    for row in rows:
        answers.print(row, markup=False)
