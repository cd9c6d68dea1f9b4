"""An OpenID provider whose keys and tokens a test chooses, at a port of its own. No test lives here."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from joserfc import jws, jwt
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

AUDIENCE = "orchestrail"
KINDS = {"RS256": (RSAKey, 2048), "PS256": (RSAKey, 2048), "ES256": (ECKey, "P-256"), "EdDSA": (OKPKey, "Ed25519")}
EVERY = jws.JWSRegistry(algorithms=list(jws.JWSRegistry.algorithms), strict_check_header=False)


class Issuer:
    """A provider.

    Attributes:
        keys: that it publishes, by their ids.
        asked: how often it was asked for them.
        away: True answers with an error.
        name: that it gives itself; None for its address.
        described: what it says of itself beside that.
        codes: of those that it gave: the challenge of the browser (RFC 7636), and the ID token. Each counts once.
        exchanged: the forms by which codes were exchanged, each with its `Authorization`.
        answer: status and body of each exchange, whatever comes; None for the right ones.
        answers: may be cleared, so that nothing is answered until it is set.
        trickles: it answers byte by byte, for ever.
    """

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {}
        self.asked = 0
        self.away = False
        self.name: str | None = None
        self.jwks: str | None = None
        self.described: dict[str, Any] = {}
        self.codes: dict[str, tuple[str, str]] = {}
        self.exchanged: list[tuple[dict[str, str], str | None]] = []
        self.answer: tuple[int, bytes] | None = None
        self.answers = threading.Event()
        self.answers.set()
        self.trickles = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def key(self, key_id: str, algorithm: str = "ES256") -> Key:
        """Make a key and publish it."""
        kind, size = KINDS[algorithm]
        self.keys[key_id] = kind.generate_key(size)
        return self.keys[key_id]

    def token(
        self, key_id: str | None = "k1", algorithm: str = "ES256", *, key: Key | None = None, **claims: Any
    ) -> str:
        """Sign what a good token says, with these claims in place of its own; those that are None are left out."""
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "alice", "exp": int(time.time()) + 300} | claims
        header = {"alg": algorithm} | ({"kid": key_id} if key_id is not None else {})
        signing = key or self.keys[key_id or next(iter(self.keys))]
        kept = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(header, kept, signing, registry=EVERY)

    def _documents(self) -> Mapping[str, Any]:
        published = [key.as_dict(private=False) | {"kid": name, "use": "sig"} for name, key in self.keys.items()]
        # What else a set may hold is passed over: a key for encryption, a secret one, one of a kind that nobody knows.
        others = [
            {"kty": "RSA", "use": "enc", "kid": "encryption", "n": "AQAB", "e": "AQAB"},
            OctKey.import_key(b"k" * 32).as_dict(private=True) | {"kid": "secret"},
            {"kty": "LATTICE", "kid": "later"},
        ]
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.name or self.url,
                "jwks_uri": self.jwks or f"{self.url}/keys",
                "authorization_endpoint": f"{self.url}/authorize?tenant=bank",
                "token_endpoint": f"{self.url}/token",
                "end_session_endpoint": f"{self.url}/end",
            }
            | self.described,
            "/keys": {"keys": [*published, *others]},
        }

    def _exchange(self, form: dict[str, str], authorization: str | None) -> tuple[int, bytes]:
        self.exchanged.append((form, authorization))
        if self.answer is not None:
            return self.answer
        challenge, token = self.codes.pop(form["code"], ("", ""))
        verified = (
            base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        )
        if verified != challenge:
            return 400, b'{"error": "invalid_grant", "error_description": "of the code planted-in-an-error"}'
        return 200, json.dumps({"access_token": "planted-access", "token_type": "Bearer", "id_token": token}).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.answers.wait()
                document = issuer._documents().get(self.path)
                issuer.asked += self.path == "/keys"
                self.send_response(503 if issuer.away else 404 if document is None else 200)
                self.end_headers()
                while issuer.trickles:
                    self.wfile.write(b" ")
                    time.sleep(0.02)
                self.wfile.write(json.dumps(document).encode())

            def do_POST(self) -> None:
                issuer.answers.wait()
                form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                status, body = issuer._exchange(form, self.headers["Authorization"])
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", f"{issuer.url}/elsewhere")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        return Handler
