"""Parsers of what a hub sends to its devices, as targets of the search."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from hypothesis import strategies as st
from pydantic import ValidationError

from simvoice.engines.tts.clip_pack import ClipPack, PackAbout, write_pack
from simvoice.errors import SettingError
from simvoice.hub_client.catalogue import Catalogue, OfferedFile, OfferedProgram, OfferedVoice
from simvoice.hub_client.file_hashes import FileHashes
from simvoice.hub_client.trust import PairingLine, Trust, fingerprint, hub_address
from tests.fuzz.mutations import any_text, damaged, damaged_json
from tests.fuzz.search import Target
from tests.hub_client.tls import Authority

DEEP = b"[" * 2_000


def supplies(folder: Path) -> Iterable[Target]:
    """Yield the targets that read what comes from a hub."""
    lab = Authority()
    line = str(PairingLine("https://hub.lab:8766", "ABCD-EFGH", fingerprint(lab.certificate)))

    def read_line(text: str) -> None:
        said = "used"
        found = None
        try:
            found = PairingLine.read(text)
        except SettingError as error:
            said = str(error)
        assert said.strip()
        assert "\n" not in said
        if found is None:
            return
        assert hub_address(found.address) == found.address
        assert PairingLine.read(f"{found.address} {found.fingerprint}").address == found.address

    pieces = st.one_of(any_text(), st.sampled_from(line.split()))
    lines = st.lists(pieces, max_size=9).map(" ".join)
    yield Target("line that pairs with a hub", lines, read_line, examples=(line, "https://[", ""))

    file = OfferedFile(name="simvoice-1.0.tar.gz", bytes=3, sha256="0" * 64)
    whole = Catalogue(
        program=OfferedProgram(version="1.0", files=(file,)),
        voices=(OfferedVoice(case="tea", voice="0" * 16, file=file),),
    )

    def catalogue(data: bytes) -> None:
        try:
            found = Catalogue.model_validate_json(data)
        except ValidationError:
            return
        assert all("/" not in each.name and not each.name.startswith(".") for each in found.files)

    inputs = damaged_json([json.loads(whole.model_dump_json())])
    yield Target("catalogue of a hub", inputs, catalogue, examples=(DEEP, b""))

    pack = folder / "tea.zip"
    about = PackAbout(case="tea", case_sha256="0" * 64, voice="0" * 16)
    write_pack(pack, about, [("a" * 32, b"clip" * 50), ("b" * 32, b"another clip")])
    content = pack.read_bytes()

    def packed(data: bytes) -> None:
        pack.write_bytes(data)
        try:
            opened = ClipPack(pack)
        except ValueError:
            return
        assert opened.read("a" * 32) in (None, b"clip" * 50) or data != content
        opened.close()

    yield Target("rendered voice", damaged([content], is_text=False), packed, examples=(b"PK",))

    def authorities(data: bytes) -> None:
        path = folder / "ca.pem"
        path.write_bytes(data)
        said = "used"
        try:
            Trust.in_file(path).context()
        except SettingError as error:
            said = str(error)
        assert "\n" not in said

    yield Target("file of authorities", damaged([lab.pem.encode()]), authorities, examples=(b"",))

    hashes = folder / "hashes.json"

    def remembered(data: bytes) -> None:
        hashes.write_bytes(data)
        FileHashes(hashes).of(folder / "missing")

    stored = {str(pack): [[1, 2, 3, 4], "0" * 64]}
    yield Target("hashes of supplies", damaged_json([stored]), remembered, examples=(DEEP,))
