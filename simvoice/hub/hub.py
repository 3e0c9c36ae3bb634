"""The state of a running hub: what every page and every part of it works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from simvoice.errors import SettingError, StorageRefused
from simvoice.hub.clock import HubClock
from simvoice.hub.doors.passwords import Passwords
from simvoice.hub.doors.rates import Rates
from simvoice.hub.encounters.admission import CourseAdmissions
from simvoice.hub.encounters.keeping import keep_record
from simvoice.hub.encounters.pool import HubEncounters
from simvoice.hub.keys import Keys, has_keys, load_keys
from simvoice.hub.model_encounters import ModelEncounters
from simvoice.hub.seal_key import SealKey, load_seal_key
from simvoice.hub.settings import HubSettings
from simvoice.hub.stations.board import StationBoard
from simvoice.hub.storage.cache import AttemptCache
from simvoice.hub.storage.consistency import make_store
from simvoice.hub.storage.database import Database
from simvoice.hub.storage.encryption import Encryption
from simvoice.hub.storage.object_store import ObjectStore
from simvoice.hub.storage.recordings import Recordings
from simvoice.hub.supplies.offers import Supplies
from simvoice.hub.workbench.workbench import Workbench
from simvoice.web.security import is_loopback, split_host


@dataclass
class Hub:
    """The parts of one hub. Thread-safe, as its parts are."""

    settings: HubSettings
    database: Database
    keys: Keys
    clock: HubClock = field(default_factory=HubClock)
    passwords: Passwords = field(default_factory=Passwords)
    rates: Rates = field(default_factory=Rates)
    """How often each address and each visitor has asked for what."""
    certificate_names: frozenset[str] = frozenset()
    """The host names of the certificate that is served now."""
    stations: StationBoard = field(default_factory=StationBoard)
    """What the stations have reported, and commands for them."""
    supplies: Supplies = field(init=False)
    """What is sent out to devices."""
    recordings: Recordings = field(init=False)
    """The files of attempts in the store (`hub.attempts`)."""
    encounters: HubEncounters = field(init=False)
    """The encounters that are held here. It holds none until it is started."""
    model_encounters: ModelEncounters = field(init=False)
    """Encounters of a simulated learner, to listen to in a course."""
    cache: AttemptCache = field(init=False)
    """The copies of attempts that are open."""
    workbench: Workbench = field(init=False)
    """Where educators make cases."""

    def __post_init__(self) -> None:
        data, encryption = self.settings.data, self.settings.encryption
        self.supplies = Supplies(data / "supplies")
        self.workbench = Workbench(self.database)
        if encryption.identities is not None:
            identities = data / encryption.identities
            encryption = encryption.model_copy(update={"identities": identities})
        self.recordings = Recordings(ObjectStore(self.settings.store), Encryption(encryption))
        self.encounters = HubEncounters(
            data / "encounters", partial(keep_record, self), admissions=CourseAdmissions(self)
        )
        self.model_encounters = ModelEncounters(data / "model-encounters", self.encounters)
        self.cache = AttemptCache((self.settings.cache or data / "cache") / "attempts")

    @property
    def is_local(self) -> bool:
        """True when the hub listens to this machine alone, and no proxy passes requests on."""
        return is_loopback(self.settings.host) and not self.settings.proxies

    @property
    def seal_key(self) -> SealKey:
        """The key for which stations seal their records. Raises StorageRefused, DatabaseAway."""
        return load_seal_key(self.settings.data, self.database)

    def host_names(self) -> frozenset[str]:
        """Return the names under which the hub answers, in lower case."""
        settings = self.settings
        named = {split_host(urlsplit(settings.public_url).netloc)} if settings.public_url else set()
        return frozenset(named | {one.lower() for one in settings.names}) | self.certificate_names

    def now(self) -> datetime:
        """Return the present moment; it never goes back (`HubClock`)."""
        return self.clock.now()


def open_hub(settings: HubSettings) -> Hub:
    """Return a hub. Makes its data folder, and the tables of its database, when they are missing.

    Raises StorageRefused for a folder that cannot be written, and what `Database`, `ObjectStore`
    and `Encryption` raise.
    """
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageRefused(
            f"the data folder {settings.data} cannot be made ({error.strerror}); give another one "
            "with --data"
        ) from error
    database = Database(settings.database)
    database.upgrade()
    hub = Hub(settings, database, load_keys(settings.data))
    make_store(database, hub.recordings.objects)
    return hub


def open_existing_hub(settings: HubSettings) -> Hub:
    """Return a hub that was started before. Raises SettingError where none was, and as `open_hub`.

    So a wrong folder does not make another hub in silence.
    """
    if not has_keys(settings.data):
        raise SettingError(
            f"there is no hub in {settings.data}; give the data folder of yours with --data or "
            "SIMVOICE_HUB_DATA, or start a new one with: simvoice hub"
        )
    return open_hub(settings)


def hub_of(connection: HTTPConnection) -> Hub:
    """Return the hub that answers a request or a WebSocket."""
    hub: Hub = connection.app.state.hub
    return hub
