"""What `simvoice station install` writes: units, policies of the browser, rules for a kiosk.

There are two units. `simvoice-station` is the program, with the browser as its child.
`simvoice-screen` is cage, a Wayland compositor that shows one program on a virtual terminal. They
are two so that the encounter survives its screen: cage ends when the only monitor is unplugged, and
with one unit the patient would end with it. The browser finds the screen by a link in the runtime
folder, and is started again when the screen was away.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

USER: Final = "simvoice"
HOME: Final = "/var/lib/simvoice"
DATA: Final = f"{HOME}/station"
PROGRAM: Final = f"{HOME}/program"
MODELS: Final = f"{HOME}/models"
LIBRARY: Final = "/usr/local/lib/simvoice-station"
COMMAND: Final = "/usr/local/bin/simvoice-station"
SETTINGS: Final = "/etc/simvoice/station.env"
STATION_UNIT: Final = "simvoice-station.service"
SCREEN_UNIT: Final = "simvoice-screen.service"
SCREEN_LINK: Final = "simvoice-screen"
"""In the runtime folder: a link to the socket of the compositor, whichever number it has."""

READY_WITHIN_S: Final = 60
"""A version that is not ready within this time is ended; one on trial gives way to the other."""
WATCHDOG_S: Final = 6
"""A station that is silent for so long is ended. One of its parts may have been silent for some
seconds before (`systemd.Watchdog`), and a start takes up to 9 s: it is back within 20 s."""

POLICY_FOLDERS: Final = (
    "/etc/chromium/policies/managed",  # Debian
    "/etc/chromium-browser/policies/managed",  # Ubuntu's snap, and older packages
    "/etc/opt/chrome/policies/managed",  # Google Chrome
)

PACKAGES: Final = (
    "cage",
    "xwayland",  # Debian's cage does not start without it
    "chromium",
    "pipewire",
    "pipewire-pulse",  # Chromium finds a headset that is plugged in again through it
    "wireplumber",
    "dbus-user-session",  # WirePlumber needs it
    "libpam-systemd",
    "systemd-timesyncd",
    "udev",  # sees a USB stick
    "fonts-dejavu-core",
    "python3",  # starts the version that is to run, whatever state it is in
)


@dataclass(frozen=True, slots=True)
class Machine:
    """What the files need to know of the computer."""

    uid: int
    """Of the account `simvoice`."""
    port: int
    keyboard: str
    """Layout by the name of xkb: "us". Card readers type by it."""

    @property
    def origin(self) -> str:
        """Of the station's pages."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def runtime(self) -> str:
        """The folder in memory that the user manager of the account makes."""
        return f"/run/user/{self.uid}"


# -- units


def station_unit(machine: Machine) -> str:
    """Return the unit of the program."""
    return f"""\
# Written by `simvoice station install`. For changes make a drop-in: systemctl edit {STATION_UNIT}
[Unit]
Description=simvoice station: pages, patient, and the sender of records
Wants={SCREEN_UNIT} user@{machine.uid}.service
After={SCREEN_UNIT} user@{machine.uid}.service network.target sound.target
# It is started again for ever: no one is there who could reset a counter.
StartLimitIntervalSec=0

[Service]
Type=notify
User={USER}
Group={USER}
EnvironmentFile={SETTINGS}
Environment=SIMVOICE_HOME={HOME} SIMVOICE_MODELS={MODELS}
Environment=XDG_RUNTIME_DIR={machine.runtime}
Environment=WAYLAND_DISPLAY={SCREEN_LINK} XDG_SESSION_TYPE=wayland
WorkingDirectory={HOME}
ExecStart=/usr/bin/python3 -I {LIBRARY}/launch.py {PROGRAM} station
Restart=always
RestartSec=1
# How it ends after SIGTERM, which it also sends to itself to start another version.
SuccessExitStatus=143
TimeoutStartSec={READY_WITHIN_S}
TimeoutStopSec=15
WatchdogSec={WATCHDOG_S}
# Not SIGABRT: a core dump would hold what the learner said.
WatchdogSignal=SIGKILL
LimitCORE=0
LimitNOFILE=4096
# A page that needs too much memory is ended alone, and opened again.
OOMPolicy=continue

UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ReadWritePaths={HOME} {machine.runtime}
# Not ProtectHome: it would hide the runtime folder, with screen and sound, too.
InaccessiblePaths=-/home -/root
PrivateTmp=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
LockPersonality=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
# Not set, because the browser needs it: RestrictNamespaces (its sandbox), MemoryDenyWriteExecute
# (its JavaScript), PrivateDevices and ProtectClock (they hide the graphics card).

[Install]
WantedBy=multi-user.target
"""


def screen_unit() -> str:
    """Return the unit of the compositor, which owns the first virtual terminal."""
    # a dollar is doubled, so that the shell and not systemd replaces the variables
    link = f'ln -sfn "$$WAYLAND_DISPLAY" "$$XDG_RUNTIME_DIR/{SCREEN_LINK}"'
    return f"""\
# Written by `simvoice station install`. For changes make a drop-in: systemctl edit {SCREEN_UNIT}
[Unit]
Description=Screen of the simvoice station
After=systemd-user-sessions.service plymouth-quit-wait.service getty@tty1.service
After=dbus.socket systemd-logind.service
Wants=dbus.socket systemd-logind.service
Conflicts=getty@tty1.service
# A computer without virtual terminals has no screen; the station still works over its port.
ConditionPathExists=/dev/tty0
StartLimitIntervalSec=0

[Service]
Type=simple
User={USER}
PAMName=simvoice-screen
TTYPath=/dev/tty1
TTYReset=yes
TTYVHangup=yes
TTYVTDisallocate=yes
StandardInput=tty-fail
StandardOutput=journal
StandardError=journal
UtmpIdentifier=tty1
UtmpMode=user
EnvironmentFile={SETTINGS}
# Without -s there is no way to another terminal. cage lives as long as its first program, which
# waits here, and ends when cage is killed; browsers come and go beside it.
ExecStart=/usr/bin/cage -d -- /bin/sh -c '{link}; exec tail --pid="$$PPID" -f /dev/null'
Restart=always
RestartSec=1
SuccessExitStatus=143
TimeoutStopSec=5
LimitCORE=0

[Install]
WantedBy=multi-user.target
"""


PAM: Final = """\
# Written by `simvoice station install`: a session on the first seat, which no one signs in to.
auth     required pam_unix.so
account  required pam_unix.so
session  required pam_unix.so
session  required pam_systemd.so
"""

SYSUSERS: Final = f"""\
# Written by `simvoice station install`.
u {USER} - "simvoice station" {HOME} /usr/sbin/nologin
m {USER} audio
m {USER} video
m {USER} render
"""

TMPFILES: Final = f"""\
# Written by `simvoice station install`. The second line starts the account's user manager, and with
# it sound and the runtime folder, when the computer starts.
d {HOME} 0700 {USER} {USER} -
f /var/lib/systemd/linger/{USER} 0644 root root -
"""

_MOUNT: Final = (
    "/usr/bin/systemd-mount --no-block --automount=no --collect "
    f"--owner={USER} --options=nosuid,nodev,noexec /dev/%k /run/media/{USER}/%k"
)
UDEV: Final = f"""\
# Written by `simvoice station install`: a USB stick is mounted for the station, which copies sealed
# records to it. Nothing on a stick is run. It is unmounted when it is pulled out.
ACTION=="add", SUBSYSTEM=="block", ENV{{ID_BUS}}=="usb", ENV{{ID_FS_USAGE}}=="filesystem", \\
  RUN+="{_MOUNT}"
"""

LOGIND: Final = """\
# Written by `simvoice station install`: the computer stays on when its lid is closed.
[Login]
HandleLidSwitch=ignore
HandleLidSwitchExternalPower=ignore
HandleSuspendKey=ignore
HandleHibernateKey=ignore
IdleAction=ignore
"""

SLEEP: Final = """\
# Written by `simvoice station install`: the computer does not sleep between learners.
[Sleep]
AllowSuspend=no
AllowHibernation=no
AllowSuspendThenHibernate=no
AllowHybridSleep=no
"""

WRAPPER: Final = f"""\
#!/bin/sh
# Written by `simvoice station install`: runs commands of the installed station as its account, such
# as: sudo simvoice-station check
set -e
set -a
. {SETTINGS}
SIMVOICE_HOME={HOME} SIMVOICE_MODELS={MODELS} SIMVOICE_PROGRAM={PROGRAM}
XDG_RUNTIME_DIR="/run/user/$(id -u {USER})"
set +a
cd {HOME}
exec runuser -u {USER} -- {PROGRAM}/current/bin/python -I -m simvoice station "$@"
"""


# -- settings: NAME="value" lines, which systemd and sh both read

HUB_VARIABLE: Final = "SIMVOICE_STATION_HUB"
NAME_VARIABLE: Final = "SIMVOICE_STATION_NAME"
PORT_VARIABLE: Final = "SIMVOICE_STATION_PORT"
KEYBOARD_VARIABLE: Final = "XKB_DEFAULT_LAYOUT"


def read_settings(text: str) -> dict[str, str]:
    """Return the variables of a settings file. Lines that set none are left out."""
    found = {}
    for line in text.splitlines():
        name, sign, value = line.strip().partition("=")
        if sign and not name.startswith("#"):
            found[name] = value.strip().removeprefix('"').removesuffix('"')
    return found


def settings_file(values: dict[str, str]) -> str:
    """Return the text of a settings file. No value holds a quote, a dollar or a backslash."""
    lines = [
        "# Settings of the simvoice station. After a change:",
        f"#   systemctl restart {SCREEN_UNIT} {STATION_UNIT}",
        f"# {KEYBOARD_VARIABLE} is the layout by which a card reader types.",
        *(f'{name}="{value}"' for name, value in values.items()),
    ]
    return "\n".join(lines) + "\n"


# -- browser


def browser_policy(machine: Machine) -> dict[str, Any]:
    """Return the policies of Chromium, which hold whatever a learner presses.

    They hold for every account of the computer, which is a kiosk. Source: chromeenterprise.google
    /policies, and `chrome://policy` of a browser that reads them (tests).
    """
    return {
        # where it may go: the station's pages, and the file that leads there with the key
        "URLBlocklist": ["*"],
        "URLAllowlist": [machine.origin, f"file://{machine.runtime}/"],
        # the microphone is for these pages alone, and without a question
        "AudioCaptureAllowed": False,
        "AudioCaptureAllowedUrls": [machine.origin],
        "AutoplayAllowed": True,
        "VideoCaptureAllowed": False,
        "ScreenCaptureAllowed": False,
        "DefaultGeolocationSetting": 2,
        "DefaultNotificationsSetting": 2,
        "DefaultPopupsSetting": 2,
        "DefaultSensorsSetting": 2,
        "DefaultWebBluetoothGuardSetting": 2,
        "DefaultWebUsbGuardSetting": 2,
        "DefaultSerialGuardSetting": 2,
        "DefaultWebHidGuardSetting": 2,
        "DefaultFileSystemReadGuardSetting": 2,
        "DefaultFileSystemWriteGuardSetting": 2,
        # nothing that a learner types is kept or offered
        "AutofillAddressEnabled": False,
        "AutofillCreditCardEnabled": False,
        "PasswordManagerEnabled": False,
        "PaymentMethodQueryEnabled": False,
        "SavingBrowserHistoryDisabled": True,
        "SearchSuggestEnabled": False,
        "DefaultSearchProviderEnabled": False,
        "SpellcheckEnabled": False,
        "TranslateEnabled": False,
        "RestoreOnStartup": 5,
        # nothing is written beside the profile or printed
        "DownloadRestrictions": 3,
        "AllowFileSelectionDialogs": False,
        "PrintingEnabled": False,
        # no accounts, no sending
        "BrowserSignin": 0,
        "SyncDisabled": True,
        "BrowserAddPersonEnabled": False,
        "BrowserGuestModeEnabled": False,
        "MetricsReportingEnabled": False,
        "UrlKeyedAnonymizedDataCollectionEnabled": False,
        "SafeBrowsingProtectionLevel": 0,
        "UserFeedbackAllowed": False,
        "NetworkPredictionOptions": 2,
        "DnsOverHttpsMode": "off",
        "ComponentUpdatesEnabled": False,
        "BackgroundModeEnabled": False,
        # no way out of the pages
        "DeveloperToolsAvailability": 2,
        "IncognitoModeAvailability": 1,
        "ExtensionInstallBlocklist": ["*"],
        "TaskManagerEndProcessEnabled": False,
        "BookmarkBarEnabled": False,
        "EditBookmarksEnabled": False,
        "PromotionsEnabled": False,
        "DefaultBrowserSettingEnabled": False,
        "AllowDinosaurEasterEgg": False,
    }


def browser_policy_file(machine: Machine) -> str:
    """Return the policies as JSON."""
    return json.dumps(browser_policy(machine), indent=2) + "\n"
