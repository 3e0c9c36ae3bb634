"""Sign in at a provider of OpenID Connect: the protocol, without pages and without database.

The flow is the authorization code with PKCE. State, nonce and verifier are derived from a secret
in a cookie of the browser that began, so only that browser can end it.
"""

from __future__ import annotations

import hmac
import logging
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

import httpx2
from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import OAuth2Client  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet, KeySetSerialization
from joserfc.jws import JWSRegistry

from simvoice.errors import SettingError, SimvoiceError
from simvoice.hub.doors.access import NoAccess
from simvoice.hub.keys import Keys
from simvoice.hub.settings import OpenIdSettings
from simvoice.safe_text import one_line, shortened

_log = logging.getLogger(__name__)

ANSWER_PATH = "/sign-in/provider/answer"
"""Where the provider sends the browser back to; register it there with the hub's address."""

_WAIT_S = 5.0
"""A provider that takes longer is away for the person who waits."""
_KEEP_S = 3600.0
"""How long the provider's own description is used before it is read again."""
_LONGEST_S = 600
"""So long a person may take at the provider."""
_LEEWAY_S = 120
"""Clocks of the provider and the hub may differ by this much."""

_ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""How ID tokens may be signed: with a private key of the provider, never with a shared secret."""

_BEGIN_AGAIN = "This sign-in was begun in another browser, or too long ago. Begin again."


class ProviderAway(SimvoiceError):
    """The provider does not answer, or answers with what cannot be used."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A sign-in at the provider that a browser has begun."""

    secret: str
    """Random; known to the browser and the hub alone."""
    began: int
    """Unix time, in seconds."""
    go_to: str
    """The path to go on to."""


def flow_cookie(keys: Keys, flow: Flow) -> str:
    """Return a flow as the value of a cookie, signed."""
    text = f"{flow.secret}.{flow.began}.{quote(flow.go_to, safe='')}"
    return f"{text}.{keys.sign('openid flow', text)}"


def read_flow(keys: Keys, cookie: str | None, now: float) -> Flow:
    """Return the flow of a cookie. Raises NoAccess for one that is missing, changed or too old."""
    text, _, signature = (cookie or "").rpartition(".")
    if not _same(signature, keys.sign("openid flow", text)):
        raise NoAccess(_BEGIN_AGAIN, 403)
    secret, began, go_to = text.split(".", 2)
    if not 0 <= now - int(began) <= _LONGEST_S:
        raise NoAccess(_BEGIN_AGAIN, 403)
    return Flow(secret, int(began), unquote(go_to))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a person is to the provider."""

    issuer: str
    subject: str
    """Together with the issuer, it never changes and never goes to another person."""
    login: str
    name: str
    groups: frozenset[str]


class OpenIdProvider:
    """The provider of a hub. Thread-safe."""

    def __init__(self, settings: OpenIdSettings, keys: Keys) -> None:
        self.settings = settings
        self._keys = keys
        self._lock = threading.Lock()
        self._known: dict[str, Any] = {}
        self._known_until_s = 0.0
        self._key_set: KeySet | None = None

    # -- what the browser is sent to, and comes back with

    def begin(self, flow: Flow, redirect_uri: str) -> str:
        """Return the address of the provider for a flow. Raises ProviderAway."""
        with self._client(redirect_uri) as client:
            address, _ = client.create_authorization_url(
                self._metadata(client)["authorization_endpoint"],
                state=self._derived("state", flow),
                nonce=self._derived("nonce", flow),
                code_verifier=self._derived("verifier", flow),
            )
        return str(address)

    def finish(self, flow: Flow, answer: Mapping[str, str], redirect_uri: str) -> Identity:
        """Return who has signed in. answer: the query with which the browser came back.

        Raises NoAccess for an answer to another flow or a refusal, and ProviderAway.
        """
        if not _same(answer.get("state", ""), self._derived("state", flow)):
            raise NoAccess(_BEGIN_AGAIN, 403)
        if "error" in answer:
            _log.info("the provider refused a sign-in")
            raise NoAccess(f"The provider did not sign you in ({_shown(answer)}).", 403)
        with self._client(redirect_uri) as client:
            metadata = self._metadata(client)
            given = answer.get("iss")
            is_promised = metadata.get("authorization_response_iss_parameter_supported")
            if (is_promised or given is not None) and given != metadata["issuer"]:
                raise NoAccess("The answer came from another provider. Begin again.", 403)
            token = client.fetch_token(
                metadata["token_endpoint"],
                code=answer.get("code", ""),
                code_verifier=self._derived("verifier", flow),
                grant_type="authorization_code",
            )
            claims = self._checked(client, metadata, token, self._derived("nonce", flow))
            wanted = {self.settings.groups_claim, "name", "preferred_username"}
            if not wanted <= claims.keys() and "userinfo_endpoint" in metadata:
                more = _read(client, metadata["userinfo_endpoint"], withhold_token=False)
                if more.get("sub") != claims["sub"]:
                    raise ProviderAway("The provider spoke of two people at once. Begin again.")
                claims = {**more, **claims}
        return self._identity(str(metadata["issuer"]), claims)

    def _derived(self, what: str, flow: Flow) -> str:
        return self._keys.sign(f"openid {what}", flow.secret)

    # -- what the provider says

    @contextmanager
    def _client(self, redirect_uri: str) -> Iterator[OAuth2Client]:
        """Open a client of the provider; its errors become sentences."""
        settings = self.settings
        options: dict[str, Any] = {"timeout": _WAIT_S}
        if settings.authorities is not None:
            try:
                options["verify"] = ssl.create_default_context(cafile=str(settings.authorities))
            except (OSError, ssl.SSLError) as error:
                raise SettingError(
                    f"the provider's authorities {settings.authorities} cannot be read"
                ) from error
        try:
            with OAuth2Client(
                settings.client_id,
                settings.client_secret or None,
                token_endpoint_auth_method=None if settings.client_secret else "none",
                scope=" ".join(settings.scopes),
                redirect_uri=redirect_uri,
                code_challenge_method="S256",
                **options,
            ) as client:
                yield client
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            _log.warning("the OpenID provider cannot be used: %s", type(error).__name__)
            raise ProviderAway(
                "The sign-in of your institution cannot be reached now. Try again in a few "
                "minutes, or sign in with a login of this server."
            ) from error
        except (AuthlibBaseError, JoseError, KeyError, ValueError) as error:
            _log.warning("the OpenID provider's answer is not valid: %s", type(error).__name__)
            raise ProviderAway(
                "The answer of your institution's sign-in could not be checked. Begin again; if "
                "this happens once more, tell the people who run this server."
            ) from error

    def _metadata(self, client: OAuth2Client) -> dict[str, Any]:
        with self._lock:
            if time.monotonic() < self._known_until_s:
                return self._known
        there = f"{self.settings.issuer}/.well-known/openid-configuration"
        found = _read(client, there)
        if str(found["issuer"]).rstrip("/") != self.settings.issuer:
            _log.warning("the OpenID provider names itself otherwise than hub.toml does")
            raise ValueError("another issuer")
        with self._lock:
            self._known, self._known_until_s = found, time.monotonic() + _KEEP_S
        return dict(found)

    def _checked(
        self, client: OAuth2Client, metadata: dict[str, Any], token: dict[str, Any], nonce: str
    ) -> dict[str, Any]:
        """Return the claims of an ID token after every check of OpenID Connect Core, 3.1.3.7."""
        offered = metadata.get("id_token_signing_alg_values_supported", ["RS256"])
        registry = JWSRegistry(
            algorithms=[one for one in _ALGORITHMS if one in offered], strict_check_header=False
        )
        try:
            read = jwt.decode(
                token["id_token"], self._key_set_of(client, metadata), registry=registry
            )
        except InvalidKeyIdError:  # the provider has new keys
            keys = self._key_set_of(client, metadata, is_new=True)
            read = jwt.decode(token["id_token"], keys, registry=registry)
        claims = CodeIDToken(
            read.claims,
            read.header,
            {
                "iss": {"essential": True, "values": [metadata["issuer"]]},
                "nonce": {"essential": True, "value": nonce},
            },
            {
                "nonce": nonce,
                "client_id": self.settings.client_id,
                "access_token": token.get("access_token"),
            },
        )
        claims.validate(leeway=_LEEWAY_S)
        return dict(claims)

    def _key_set_of(
        self, client: OAuth2Client, metadata: dict[str, Any], *, is_new: bool = False
    ) -> KeySet:
        with self._lock:
            known = None if is_new else self._key_set
        if known is None:
            known = KeySet.import_key_set(_key_set(_read(client, metadata["jwks_uri"])))
            with self._lock:
                self._key_set = known
        return known

    def _identity(self, issuer: str, claims: Mapping[str, Any]) -> Identity:
        subject = claims["sub"]
        if not isinstance(subject, str) or not 1 <= len(subject) <= 255:
            raise ProviderAway("The provider gave no usable name for you. Tell its people.")
        login = _text(claims, "preferred_username") or _text(claims, "email") or subject
        name = _text(claims, "name") or login
        groups = claims.get(self.settings.groups_claim, ())
        listed = [groups] if isinstance(groups, str) else groups
        known = {one for one in listed if isinstance(one, str)} if _is_list(listed) else set()
        return Identity(issuer, subject, one_line(login), one_line(name)[:200], frozenset(known))


def _read(client: OAuth2Client, address: str, *, withhold_token: bool = True) -> dict[str, Any]:
    """Return a JSON object of the provider. Raises HTTPError, and ValueError for anything else."""
    answer = client.request("GET", address, withhold_token=withhold_token)
    found = answer.raise_for_status().json()
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _key_set(read: dict[str, Any]) -> KeySetSerialization:
    """Return the provider's keys. Raises ValueError for something else."""
    keys = read.get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise ValueError("not a set of keys")
    return {"keys": keys}


def _text(claims: Mapping[str, Any], name: str) -> str:
    found = claims.get(name)
    return one_line(found) if isinstance(found, str) else ""


def _is_list(given: object) -> bool:
    return isinstance(given, list | tuple)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _shown(answer: Mapping[str, str]) -> str:
    said = answer.get("error_description") or answer["error"]
    return shortened(one_line(said), 80)
