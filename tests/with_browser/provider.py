"""An OpenID provider that others wrote, Django OAuth Toolkit, as a program of its own that prints where it listens. No test here.

`provider.py REDIRECT_URIS TABLES`: where it may lead back to, separated by spaces, and a file for its tables. People and their
roles are those of `PEOPLE`, each with the password `PASSWORD`; of the two clients `CLIENT` has a secret, and `PUBLIC_CLIENT` has
none. It takes no code without PKCE.
"""

from __future__ import annotations

import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

PEOPLE = {"alice": ["auditors"], "bob": ["cooks"]}
PASSWORD = "correct horse"
CLIENT, PUBLIC_CLIENT, SECRET = "desk", "public-desk", "planted-secret-of-the-desk"
LOGIN = """<!doctype html><title>Log in</title><form method="post">{% csrf_token %}{{ form }}<button>Log in</button></form>"""


class Server(ThreadingMixIn, WSGIServer):
    """Waits for no browser that opened a connection and says nothing."""

    daemon_threads = True


class Handler(WSGIRequestHandler):
    """Says nothing of requests."""

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def configure(tables: str) -> None:
    """Set Django up."""
    key = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    settings.configure(
        SECRET_KEY="of a test",
        ALLOWED_HOSTS=["localhost"],
        ROOT_URLCONF="__main__",
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": tables}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # quick, for people who do not exist
        SESSION_COOKIE_NAME="provider",
        CSRF_COOKIE_NAME="provider-csrf",
        LOGIN_URL="/login",
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oauth2_provider",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "context_processors": ["django.template.context_processors.request"],
                    "loaders": [
                        ("django.template.loaders.locmem.Loader", {"registration/login.html": LOGIN}),
                        "django.template.loaders.app_directories.Loader",
                    ],
                },
            }
        ],
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_RSA_PRIVATE_KEY": key,
            "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
            "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
            "SCOPES": {"openid": "who you are", "profile": "your name"},
            "OAUTH2_VALIDATOR_CLASS": "__main__.validator",
        },
    )
    django.setup()


def validator() -> object:
    """Make what tells roles and names, which Django knows nothing of; it can be imported once Django is set up."""
    from oauth2_provider.oauth2_validators import OAuth2Validator

    class Validator(OAuth2Validator):
        """Puts them into ID tokens."""

        oidc_claim_scope = OAuth2Validator.oidc_claim_scope | {"roles": "profile"}

        def get_additional_claims(self, request: object) -> dict[str, object]:
            """Give them."""
            name = request.user.username
            return {"preferred_username": name, "roles": PEOPLE[name]}

    return Validator()


def fill(redirect_uris: str) -> None:
    """Make tables, people and clients."""
    from django.contrib.auth.models import User
    from oauth2_provider.models import Application

    call_command("migrate", verbosity=0)
    for name in PEOPLE:
        User.objects.create_user(name, password=PASSWORD)
    for client, kind in ((CLIENT, "confidential"), (PUBLIC_CLIENT, "public")):
        Application.objects.create(
            name="the audit desk",
            client_id=client,
            client_secret=SECRET,
            client_type=kind,
            authorization_grant_type="authorization-code",
            redirect_uris=redirect_uris,
            algorithm="RS256",
        )


def main() -> None:
    """Serve until killed."""
    fill(sys.argv[1])
    with make_server("127.0.0.1", 0, get_wsgi_application(), Server, Handler) as server:
        print(f"http://localhost:{server.server_port}/o", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    configure(sys.argv[2])
    from django.contrib.auth.views import LoginView

    urlpatterns = [path("o/", include("oauth2_provider.urls")), path("login", LoginView.as_view())]
    main()
