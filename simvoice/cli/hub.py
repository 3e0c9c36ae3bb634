"""`simvoice hub`: the lab's server, its certificate and its first accounts."""

from __future__ import annotations

import getpass
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simvoice.cli import hub_import, hub_supplies
from simvoice.cli.common import answers, notes, orderly_end
from simvoice.cli.hub_folder import open_hub_at
from simvoice.display import count_noun
from simvoice.errors import UsageError

if TYPE_CHECKING:
    from simvoice.hub.hub import Hub

app = typer.Typer(help="Serve a lab: people, courses, released attempts, encounters in a browser.")

app.add_typer(hub_supplies.app, name="supplies")
app.command("import")(hub_import.import_records)

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="SIMVOICE_HUB_DATA",
        help="The hub's data folder. Default: hub/ in the data folder of simvoice.",
    ),
]


def _folder(data: Path | None) -> Path:
    from simvoice.hub.settings import default_data

    return data or default_data()


@app.callback(invoke_without_command=True)
def hub(
    context: typer.Context,
    data: DataOption = None,
    host: Annotated[
        str | None,
        typer.Option(help="IP address to listen on; 0.0.0.0 for all networks. Default: 127.0.0.1."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port. Default: 8766. 0 takes a free one.")
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(help="The address that people type, such as https://hub.example.edu."),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(help="PEM file of a certificate. It is read again when it is renewed."),
    ] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of the certificate's key.")] = None,
    behind_proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="Serve without TLS to this proxy alone, and trust its X-Forwarded headers. "
            "Address or network; can be given several times.",
        ),
    ] = None,
) -> None:
    """Serve a hub until Ctrl+C. The first start makes its data folder and its database.

    Other machines reach it only over TLS. Settings that stay are in hub.toml in the data folder.
    """
    if context.invoked_subcommand is not None:
        context.obj = data
        return
    from simvoice.hub.server import serve
    from simvoice.hub.settings import load_settings
    from simvoice.web.open_files import check_file_limit

    check_file_limit()
    options = {
        "host": host,
        "port": port,
        "public_url": public_url,
        "certificate": certificate,
        "key": key,
        "proxies": tuple(behind_proxy or ()),
    }
    settings = load_settings(_folder(data), options)

    def say(sentence: str) -> None:
        # soft_wrap: a narrow terminal must not cut an address
        answers.print(sentence, markup=False, soft_wrap=True)

    with orderly_end():
        serve(settings, say=say)


def _opened(context: typer.Context) -> Hub:
    from simvoice.hub import upkeep

    opened = open_hub_at(context.obj)
    context.call_on_close(opened.database.close)
    for sentence in upkeep.begin(opened):
        notes.print(sentence)
    return opened


@app.command()
def certificate(
    context: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME...", help="What people type: host names or IP addresses."),
    ],
) -> None:
    """Make a certificate for a lab without one, signed by a private authority of the hub.

    The next start of the hub with --host uses it. Browsers have to be told to trust the authority.
    """
    from simvoice.hub.certificates import make_certificate
    from simvoice.hub_client.trust import fingerprint

    data: Path | None = context.obj
    made = make_certificate(_folder(data), tuple(names))
    answers.print(f"The certificate for {', '.join(names)} is in {made.certificate}.")
    answers.print(f"Devices of the lab have to trust the authority {made.authority}.")
    answers.print(f"Its fingerprint is {fingerprint(made.authority_certificate)}.")
    answers.print(
        f"It is used only when other machines can reach the hub; start it with: simvoice hub "
        f"{f'--data {shlex.quote(str(data))} ' if data else ''}--host 0.0.0.0 --public-url https://{names[0]}:8766",
        soft_wrap=True,
    )
    if not made.is_new_authority:
        answers.print("The authority is the same as before; what trusts it goes on.")


@app.command()
def check(
    context: typer.Context,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every recording, and compare it with its hash.")
    ] = False,
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Take attempts whose recording is missing out of the lists."),
    ] = False,
    remove: Annotated[
        bool,
        typer.Option(
            "--remove", help="Remove for ever recordings that the database does not know."
        ),
    ] = False,
) -> None:
    """Compare the database with the store, for example after you restored a backup.

    Ends with 1 when they differ.
    """
    from simvoice.hub import attempts
    from simvoice.hub.storage import consistency

    hub = _opened(context)
    database, objects = hub.database, hub.recordings.objects
    consistency.bind_store(database, objects)
    found = consistency.find_differences(database, objects)
    for sentence in found.sentences():
        answers.print(sentence)
    for lacking in found.lacking:
        answers.print(f"  {lacking.id}  {lacking.record_id}: {', '.join(lacking.files)}")
    for unknown in found.unknown:
        answers.print(f"  {unknown.prefix}: {unknown.size} bytes")
    altered = list(attempts.altered(hub, {each.id for each in found.lacking})) if deep else []
    for sentence in altered:
        answers.print(sentence)
    if forget and found.lacking:
        count = consistency.forget_lacking(database, found)
        attempts.sweep(hub)
        answers.print(f"Removed from the lists: {count_noun(count, 'attempt')}.")
    if remove and found.unknown:
        count = consistency.remove_unknown(database, objects, found)
        answers.print(f"Removed from the store: {count_noun(count, 'recording')}.")
    if not found and not altered:
        answers.print(f"{count_noun(found.attempts, 'attempt')}, all in the store.")
    if altered or (found.lacking and not forget) or (found.unknown and not remove):
        raise typer.Exit(1)


@app.command("key")
def make_encryption_key(
    file: Annotated[Path, typer.Argument(help="A new file, for the secret key.")],
) -> None:
    """Make a key that encrypts recordings in the store, and print what to write into hub.toml.

    Keep a copy of the file away from the hub: without it nobody can read the recordings again.
    """
    from simvoice.release.age import make_key

    public = make_key(file)
    answers.print(
        f"The secret key is in {file}. Write into hub.toml:\n\n[encryption]\n"
        f'recipients = ["{public}"]\nidentities = "{file.resolve()}"'
    )


@app.command("seal-key")
def show_seal_key(
    context: typer.Context,
    new: Annotated[
        bool,
        typer.Option(
            "--new", help="Make a new key. The older ones still open what was sealed for them."
        ),
    ] = False,
) -> None:
    """Print the public key for which stations seal what they record.

    The secret key is seal.key in the data folder. Keep a copy of it with the backup of the
    database: without it, what stations have not sent yet cannot be opened.
    """
    from simvoice.hub.seal_key import FILE, renew_seal_key

    opened = _opened(context)
    data = opened.settings.data
    found = renew_seal_key(data, opened.database) if new else opened.seal_key
    answers.print(found.recipient, soft_wrap=True)
    count = count_noun(len(found.identities), "secret key")
    notes.print(f"{data / FILE} has {count}.", soft_wrap=True)


@app.command("add-person")
def add_person(
    context: typer.Context,
    login: Annotated[str, typer.Argument(help="What the person types to sign in.")],
    name: Annotated[str, typer.Option(help="The person's name. Default: the login.")] = "",
    roles: Annotated[
        list[str] | None,
        typer.Option(
            "--role",
            help="learner, educator, technician or researcher. Can be given several times.",
        ),
    ] = None,
    password: Annotated[
        bool,
        typer.Option("--password", help="Ask for a password (or read it from standard input)."),
    ] = False,
) -> None:
    """Add an account. Without --password, print a code with which the person chooses one."""
    from simvoice.hub import audit, codes, people
    from simvoice.hub.roles import Role

    known = [str(role) for role in Role]
    wrong = sorted(set(roles or ()) - set(known))
    if wrong:
        raise UsageError(f"{wrong[0][:40]!r} is no role; give one of {', '.join(known)}")
    wanted = [Role(role) for role in roles or [Role.LEARNER]]
    chosen = _ask_password() if password else None
    opened = _opened(context)
    with opened.database.begin() as session:
        person = people.add(
            session, opened, login=login, name=name or login, roles=wanted, password=chosen
        )
        detail = ", ".join(wanted)
        audit.record(session, audit.COMMAND_LINE, "add person", person.id, detail)
        if chosen is None:
            made = codes.make(session, opened, codes.CodeKind.INVITATION, person_id=person.id)
    answers.print(f"{person.login} has an account: {detail}.")
    if chosen is None:
        answers.print(f"Code for the sign-in page: {made.text}, valid for 7 days.")
    opened.database.close()


def _ask_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    given = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != given:
        raise UsageError("the two passwords differ")
    return given


@app.command("forget-sign-ins")
def forget_sign_ins(context: typer.Context) -> None:
    """End all sign-ins and withdraw unused codes: after a restore, or when the clock was wrong.

    The hub has to be stopped. Its time then begins again with the clock of this machine.
    """
    from simvoice.hub import audit, upkeep

    opened = _opened(context)
    upkeep.accept_clock(opened)
    with opened.database.begin() as session:
        audit.record(session, audit.COMMAND_LINE, "forget sign-ins")
    answers.print("Everyone has to sign in again, and codes that were not used are void.")
    opened.database.close()
