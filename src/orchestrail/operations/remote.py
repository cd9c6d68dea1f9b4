"""A server of ours, asked from afar; and as the place where spooled events go: asked what it has, and sent the rest.

What becomes of events is decided there; those that it does not take from whoever has this token are kept aside, the others sent.

Redirects are not followed: the token is sent to the address that was given, and to no other.
"""

from __future__ import annotations

import gzip
import json
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import stamina

from orchestrail import __version__
from orchestrail.errors import (
    AmbiguousRun,
    ConfigurationError,
    NotRecorded,
    OrchestrailError,
    ServerError,
    UnknownRun,
)
from orchestrail.histories.http import NoRedirects
from orchestrail.operations import arrivals
from orchestrail.operations.aside import Aside
from orchestrail.operations.collect import CollectResult, collect
from orchestrail.settings import Settings
from orchestrail.store.base import Appended, Incoming, Progress, Refused

TIMEOUT = 60.0
"""Seconds to wait for the next bytes of an answer."""
TRIES = 5
LONGEST_PAUSE = 300.0
"""Seconds between two tries of a shipment that goes on for ever."""
_BYTES = 8 * 2**20
_ASKED = 5000
_MAY_PASS = frozenset({408, 429, 500, 502, 503, 504})
_LARGEST = 1 << 24
_SAYINGS: dict[str, type[OrchestrailError]] = {
    kind.code: kind for kind in (NotRecorded, UnknownRun, AmbiguousRun, ConfigurationError)
}
_COMFORT = "Nothing is lost: the spool keeps what did not arrive. "


class _TakenInPart(ServerError):
    """A server takes a part of a batch, and does not take the rest from whoever sent it.

    Attributes:
        answer: of the server.
    """

    answer: dict[str, Any] = {}


class Server:
    """A server of ours.

    Args:
        url: its address.
        token: good for what it is asked; None where it needs none.
        aside: keeps the events that it does not take from here; None where there is no such place, and that is an error.

    Attributes:
        kept: batches that were kept aside.
        forbidden: number of events in them.

    Raises:
        ConfigurationError: the address is none of HTTP.
    """

    def __init__(self, url: str, token: str | None, aside: Aside | None = None) -> None:
        self._aside = aside
        self.kept: set[Path] = set()
        self.forbidden = 0
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ConfigurationError(
                "The address of the server cannot be used.",
                "It does not begin with http:// or https://, names no host, or names a user.",
                "Set ORCHESTRAIL_URL as in https://audit.example, and ORCHESTRAIL_TOKEN.",
            )
        self.address = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        self._headers = {"User-Agent": f"orchestrail/{__version__}"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._opener = urllib.request.build_opener(NoRedirects)

    def known(self, event_ids: Iterable[str]) -> set[str]:
        """Return those of the event ids that the server's log holds.

        Raises:
            ServerError: it cannot be asked.
        """
        asked, found = list(event_ids), set[str]()
        for begin in range(0, len(asked), _ASKED):
            part = json.dumps(asked[begin : begin + _ASKED]).encode()
            found |= {str(each) for each in self._post("/api/v1/spool/known", "application/json", part)["known"]}
        return found

    def append(self, items: Sequence[Incoming], refused: Sequence[Refused] = ()) -> Appended:
        """Send events; when this returns they are on the server's disk, or are kept aside.

        Raises:
            ServerError: they are not, or not all; what is sent again is no duplicate.
            SpoolError: they cannot be kept aside.
        """
        appended = duplicates = quarantined = size = 0
        for part in _parts(items, refused):
            try:
                said = self._post("/api/v1/spool", arrivals.MEDIA_TYPE, arrivals.write(*part))
            except _TakenInPart as error:
                said = error.answer
                self._keep(part, error)
            appended += said["appended"]
            duplicates += said["duplicates"]
            quarantined += said["quarantined"]
            size = said["size"] or 0  # who may write for some systems alone is not told how long the log is
        return Appended(appended, duplicates, quarantined, None, size)

    def _keep(self, part: tuple[list[Incoming], list[Refused]], refusal: _TakenInPart) -> None:
        if self._aside is None:
            raise refusal
        sent = [*part[0], *part[1]]
        forbidden = [sent[each["index"]] for each in refusal.answer["forbidden"]]
        items = [each for each in forbidden if isinstance(each, Incoming)]
        self.kept.add(self._aside.keep(items, [each for each in forbidden if isinstance(each, Refused)]))
        self.forbidden += len(forbidden)

    def read(self, path: str) -> bytes:
        """Ask for what stands at an address.

        Raises:
            ServerError: it cannot be had.
        """
        return self._ask(path, {"Accept-Encoding": "gzip"}, None, "")

    def ask(self, path: str, **asked: str | None) -> dict[str, Any]:
        """Put a question of the read API, and give its document.

        Args:
            path: of the question.
            asked: its parameters; those that are None are left out.

        Raises:
            OrchestrailError: what a command where the store is would say, where the server says that.
            ServerError: it cannot be reached, or refuses.
        """
        given = urlencode({name: value for name, value in asked.items() if value is not None})
        try:
            return self._document(self._ask(f"{path}?{given}", {"Accept-Encoding": "gzip"}, None, ""))
        except ServerError as error:
            if error.said is not None:
                raise error.said from None
            raise

    def _document(self, answer: bytes) -> dict[str, Any]:
        try:
            said = json.loads(answer)
        except ValueError as error:  # half an answer, or none of ours
            raise self._unreachable(error, "") from None
        if not isinstance(said, dict):
            raise ServerError(f"{self.address} is no server of orchestrail.", "", "See ORCHESTRAIL_URL.")
        return said

    def _post(self, path: str, kind: str, body: bytes) -> dict[str, Any]:
        packed = gzip.compress(body, compresslevel=1)
        headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
        return self._document(self._ask(path, headers, packed, _COMFORT))

    def _ask(self, path: str, headers: Mapping[str, str], body: bytes | None, comfort: str) -> bytes:
        # The scheme was looked at above: no file is opened here.
        request = urllib.request.Request(self.address + path, body, {**self._headers, **headers})  # noqa: S310
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                packed = answer.headers.get("Content-Encoding") == "gzip"
                return bytes((gzip.GzipFile(fileobj=answer) if packed else answer).read(_LARGEST))
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from None
        except (OSError, EOFError, zlib.error, ValueError, HTTPException) as error:  # no connection, or half an answer
            raise self._unreachable(error, comfort) from None

    def _unreachable(self, error: Exception, comfort: str) -> ServerError:
        reason = getattr(error, "reason", error)
        return ServerError(
            f"The server {self.address} cannot be reached.",
            f"{type(reason).__name__}: {reason}.",
            f"{comfort}See that the server runs, and that the address is right.",
            passing=True,
        )

    def _refused(self, error: urllib.error.HTTPError) -> ServerError:
        said: dict[str, Any] = {}
        with suppress(OSError, ValueError, HTTPException):
            read = json.loads(error.read(_LARGEST))
            said = read if isinstance(read, dict) else {}
        after = error.headers.get("Retry-After", "")
        what, because, do = (str(said.get(part, "")) for part in ("what", "why", "do"))
        why = f"{what} {because}".strip()
        kind = _SAYINGS.get(str(said.get("code")))
        in_part = error.code == 403 and isinstance(said.get("forbidden"), list)
        refusal = (_TakenInPart if in_part else ServerError)(
            f"The server {self.address} answers with status {error.code}.",
            why or "It says nothing more.",
            "See ORCHESTRAIL_TOKEN." if error.code in (401, 403) else "See ORCHESTRAIL_URL, and the log of the server.",
            passing=error.code in _MAY_PASS,
            retry_after=float(after) if after.isdecimal() else None,
            said=kind(what, because, do) if kind is not None else None,
        )
        if isinstance(refusal, _TakenInPart):
            refusal.answer = said
        return refusal


def server_of(settings: Settings) -> Server:
    """Give the server of the settings; what it does not take from here is kept aside.

    Raises:
        ConfigurationError: none is named, or its address cannot be used.
    """
    if settings.url is None:
        raise ConfigurationError(
            "Where the spool shall go is not said.", "", "Set ORCHESTRAIL_URL, or name a folder with --to DIR."
        )
    return Server(settings.url, settings.token.get_secret_value() if settings.token else None, Aside(settings))


def send(
    settings: Settings, *, patient: bool = False, again: bool = False, progress: Progress | None = None
) -> CollectResult:
    """Send the spool to the server of the settings; tried again, after longer and longer pauses, where that may help.

    It may be killed at any moment, and repeated: the server drops what it has.

    Args:
        settings: name the spool, the server and the token.
        patient: try for ever, in place of a few times.
        again: send what was kept aside too.
        progress: called with segments done and segments there are.

    Raises:
        ConfigurationError: no server is named.
        ServerError: it cannot be reached, or refuses; the spool keeps what did not arrive.
        SpoolError: a segment cannot be read; what could be read was sent.
    """
    server = server_of(settings)
    pauses = stamina.retry_context(
        on=_pause,
        attempts=None if patient else TRIES,
        timeout=None,
        wait_initial=0.5,
        wait_max=LONGEST_PAUSE,
        wait_jitter=1.0,
    )
    for attempt in pauses:
        with attempt:
            # Not within the lock of the spool: nobody else has to wait for a server that is away.
            done = collect(settings, server, progress=progress)
            return _with_the_rest(server, Aside(settings), done) if again else replace(done, forbidden=server.forbidden)
    raise AssertionError("the last try returns or raises")


def _with_the_rest(server: Server, aside: Aside, done: CollectResult) -> CollectResult:
    """Send what was kept aside; a batch goes once all of it has arrived, or what is left of it is kept as another."""
    now = set(server.kept)
    for path, items, refused in aside.batches():
        if path in now:
            continue
        sent = server.append(items, refused)
        done = replace(
            done,
            appended=done.appended + sent.appended,
            duplicates=done.duplicates + sent.duplicates,
            quarantined=done.quarantined + sent.quarantined,
        )
        if path not in server.kept:
            path.unlink(missing_ok=True)
    return replace(done, forbidden=server.forbidden)


def _pause(error: Exception) -> bool | float:
    """Say whether to try again, and where the server asked for it, after how many seconds."""
    if not isinstance(error, ServerError) or not error.passing:
        return False
    return True if error.retry_after is None else min(error.retry_after, LONGEST_PAUSE)


def _parts(items: Sequence[Incoming], refused: Sequence[Refused]) -> Iterator[tuple[list[Incoming], list[Refused]]]:
    """Cut a batch into what a server takes at once, in its order."""
    everything: list[Incoming | Refused] = [*items, *refused]
    taken: tuple[list[Incoming], list[Refused]] = ([], [])
    size = 0
    for item in everything:
        if size and size + len(item.body) > _BYTES:
            yield taken
            taken, size = ([], []), 0
        if isinstance(item, Incoming):
            taken[0].append(item)
        else:
            taken[1].append(item)
        size += len(item.body)
    if taken != ([], []):
        yield taken
