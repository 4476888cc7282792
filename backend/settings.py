"""Settings, all from the environment; a missing or bad value stops the start with its name and value.

NAME_FILE names a file that holds NAME's value: a secret is then in no process list and no container's description.

Two modes. Production (the default) wants SVEND_SECRET_KEY and SVEND_ALLOWED_HOSTS, and is what
`manage.py check --deploy` checks. Local mode (SVEND_LOCAL=1, set by `make up`) serves plain HTTP to this
machine only. Not here: prices, limits per account and nodes, which are rows.
"""

import json
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

import environ
import structlog
from csp.constants import NONCE, NONE, SELF, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping


class _Variables(FileAwareMapping):  # type: ignore[misc]
    """The environment, with files; a file's last newline is no part of a secret."""

    def __getitem__(self, key: str) -> str:
        return str(super().__getitem__(key)).strip()


class Env(environ.Env):  # type: ignore[misc]
    ENVIRON = _Variables()


env = Env()
BASE_DIR = Path(__file__).resolve().parent.parent


def _required(name: str, cure: str) -> str:
    value = str(env.str(name, default=""))
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. {cure}")
    return value


def _flag(name: str) -> bool:
    value = str(env.str(name, default="0")).strip().lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"", "0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name}={value!r} is not a yes or no: use 1 or 0.")


def _port(name: str, default: int) -> int:
    value = str(env.str(name, default=str(default)))
    if not value.isdigit() or not 0 < int(value) < 65536:
        raise ImproperlyConfigured(f"{name}={value!r} is not a port: use 1 to 65535.")
    return int(value)


def _database(url: str) -> dict[str, Any]:
    try:
        config = dict(env.db_url_config(url))
    except Exception as error:
        raise ImproperlyConfigured(f"DATABASE_URL={url!r} cannot be read: {error}") from error
    if config.get("ENGINE") != "django.db.backends.postgresql":
        raise ImproperlyConfigured(f"DATABASE_URL={url!r} is not PostgreSQL: use postgres://user:password@host:port/db")
    return config


def _redis(url: str) -> str:
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ImproperlyConfigured(f"REDIS_URL={url!r} cannot be read: use redis://host:port/0")
    return url


def _nodes(text: str) -> list[dict[str, str]]:
    """`[{"name", "url", "secret"}]`: the nodes trusted as they are."""
    try:
        nodes = json.loads(text)
        return [{"name": str(n["name"]), "url": str(n["url"]), "secret": str(n["secret"])} for n in nodes]
    except (ValueError, KeyError, TypeError) as error:
        raise ImproperlyConfigured(f'SVEND_NODES must be JSON [{{"name","url","secret"}}]: {error!r}') from error


def _artifacts(text: str) -> str:
    if text and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_./-]*)?", text):
        raise ImproperlyConfigured(f"SVEND_ARTIFACTS={text!r}: leave it empty or use s3://bucket/prefix.")
    return text.rstrip("/")


def _networks(texts: list[str]) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(text.strip()) for text in texts]
    except ValueError as error:
        raise ImproperlyConfigured(f"SVEND_NODE_NETWORKS={texts!r}: {error}") from error


# --- Mode and secrets

IS_LOCAL = _flag("SVEND_LOCAL")
DEBUG = _flag("DEBUG")
if DEBUG and not IS_LOCAL:
    raise ImproperlyConfigured("DEBUG=1 shows source and settings to visitors: only with SVEND_LOCAL=1.")
SECRET_KEY = _required("SVEND_SECRET_KEY", "Make one: python -c 'import secrets; print(secrets.token_urlsafe(64))'")
if len(SECRET_KEY) < 50:
    raise ImproperlyConfigured(f"SVEND_SECRET_KEY has {len(SECRET_KEY)} characters: use at least 50.")
SVEND_DATA = Path(env.str("SVEND_DATA", default=str(BASE_DIR / "var"))).resolve()
SVEND_PORT = _port("SVEND_PORT", 8000)
SVEND_NODES = _nodes(env.str("SVEND_NODES", default="[]"))
LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]", "testserver"]
ALLOWED_HOSTS = LOCAL_HOSTS if IS_LOCAL else env.list("SVEND_ALLOWED_HOSTS", default=[])
if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured(
        f"SVEND_ALLOWED_HOSTS={ALLOWED_HOSTS!r}: name the hosts, as in svend.example,www.svend.example"
    )
PUBLIC_URL = env.str(
    "SVEND_PUBLIC_URL", default=f"http://127.0.0.1:{SVEND_PORT}" if IS_LOCAL else f"https://{ALLOWED_HOSTS[0]}"
)

# Where checkpoints and files lie: "" = the folder SVEND_DATA/artifacts, served by this server; "s3://bucket/prefix" =
# an S3-compatible store, whose credentials are the usual AWS_* variables.
SVEND_ARTIFACTS = _artifacts(env.str("SVEND_ARTIFACTS", default=""))
SVEND_S3_ENDPOINT = env.str("SVEND_S3_ENDPOINT", default="")  # empty: AWS
SVEND_ARTIFACTS_URL = env.str("SVEND_ARTIFACTS_URL", default=PUBLIC_URL).rstrip("/")  # as the nodes reach this server
# Networks in which a node added in the web UI may lie, as in 203.0.113.0/24,198.51.100.0/24. Empty: any public one.
SVEND_NODE_NETWORKS = _networks(env.list("SVEND_NODE_NETWORKS", default=[]))

# Where a process is made to die, for the crash tests (backend/core/failpoints.py). Never set on a real server.
FAILPOINT = env.str("SVEND_FAILPOINT", default="")
if FAILPOINT and not IS_LOCAL:
    raise ImproperlyConfigured(f"SVEND_FAILPOINT={FAILPOINT!r} makes processes die: only with SVEND_LOCAL=1.")

# --- Parts

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",  # allauth wants it
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "csp",
    "django_prometheus",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "backend.core",
    "backend.accounts.apps.AccountsConfig",
    "backend.metering.apps.MeteringConfig",
    "backend.billing.apps.BillingConfig",
    "backend.nodes",
    "backend.model_registry",
    "backend.runs",
    "backend.jobs",
    "backend.chat",
    "backend.openai_api",
    "backend.console",
]

# Pages and /api. The token path /v1 runs V1_MIDDLEWARE instead: Django's own middlewares hop to a thread
# and back on every request, and /v1 has neither session nor form.
MIDDLEWARE = [
    "backend.core.middleware.request_id",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "backend.core.static_files.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
V1_MIDDLEWARE = ["backend.core.middleware.request_id"]

ROOT_URLCONF = "backend.urls"
ASGI_APPLICATION = "backend.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

# --- PostgreSQL (the truth) and Valkey (bell, limits, queue)

DATABASE_CONNECTIONS_MAX = 12  # per process; PostgreSQL's default is 100 for all of them
DATABASES = {
    "default": {
        **_database(_required("DATABASE_URL", "`make up` sets it; else postgres://user:password@host:5432/svend")),
        "CONN_HEALTH_CHECKS": True,  # one empty round trip; else each connection fails once after a restart
        "CONN_MAX_AGE": 0,  # the pool below keeps connections, a request only borrows one
        "OPTIONS": {"pool": {"min_size": 1, "max_size": DATABASE_CONNECTIONS_MAX, "timeout": 10}},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = _redis(_required("REDIS_URL", "`make up` sets it; else redis://host:6379/0"))
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "svend",
    }
}
CHANNEL_LAYERS = {
    "default": {
        # The core layer drops messages of a slow reader in silence; this one never did in our tests.
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "svend-ring"},
    }
}
CELERY_BROKER_URL = REDIS_URL

# --- Payments: an empty STRIPE_API_KEY switches them off

STRIPE_API_KEY = env.str("STRIPE_API_KEY", default="")
STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="https://api.stripe.com").rstrip("/")
# whsec_…; two, separated by a comma, while one replaces the other
STRIPE_WEBHOOK_SECRETS = env.list("STRIPE_WEBHOOK_SECRETS", default=[])
STRIPE_TAX = _flag("STRIPE_TAX")  # Stripe Tax computes and adds tax; it must be set up in Stripe's dashboard
if STRIPE_API_KEY and not STRIPE_WEBHOOK_SECRETS:
    raise ImproperlyConfigured("STRIPE_API_KEY is set, but STRIPE_WEBHOOK_SECRETS is empty: payments would not arrive.")
if STRIPE_API_KEY and not STRIPE_API_KEY.startswith(("sk_test_", "rk_test_", "sk_live_", "rk_live_")):
    raise ImproperlyConfigured(
        "STRIPE_API_KEY is not a secret key: it begins with sk_test_, sk_live_, rk_test_ or rk_live_."
    )

# --- Accounts

ADMIN_EMAIL = env.str("SVEND_ADMIN_EMAIL", default="").lower()  # the first operator, made by a seed command
ADMIN_PASSWORD = env.str("SVEND_ADMIN_PASSWORD", default="")

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = 15 * 60  # seconds: mail is slow
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "http" if IS_LOCAL else "https"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Svend] "
ALLAUTH_TRUSTED_PROXY_COUNT = 0 if IS_LOCAL else env.int("SVEND_TRUSTED_PROXIES", default=1)  # for its IP limits
HEADLESS_ONLY = True
HEADLESS_CLIENTS = ("browser",)
HEADLESS_FRONTEND_URLS = {
    "account_confirm_email": f"{PUBLIC_URL}/verify/{{key}}",
    "account_reset_password": f"{PUBLIC_URL}/reset",
    "account_reset_password_from_key": f"{PUBLIC_URL}/reset/{{key}}",
    "account_signup": f"{PUBLIC_URL}/signup",
}

# --- Mail: in local mode into files below SVEND_DATA, shown at /dev/mail; in production by EMAIL_URL

DEFAULT_FROM_EMAIL = env.str("SVEND_MAIL_FROM", default="Svend <no-reply@svend.local>")
EMAIL_FILE_PATH = SVEND_DATA / "mail"
if env.str("EMAIL_URL", default=""):
    vars().update(env.email_url("EMAIL_URL"))
else:
    EMAIL_BACKEND = "backend.core.mail.FileMail" if IS_LOCAL else "django.core.mail.backends.smtp.EmailBackend"

# --- The browser's side

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = not IS_LOCAL
SECURE_HSTS_SECONDS = 0 if IS_LOCAL else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not IS_LOCAL
SECURE_PROXY_SSL_HEADER = None if IS_LOCAL else ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]  # probes come from inside, by plain HTTP
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_NAME = "svend_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "csrftoken"  # read by the page, sent back as X-CSRFToken
CSRF_FAILURE_VIEW = "backend.core.pages.csrf_failed"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576  # bytes of a request's body; a question that fits a context is far below
# Pieces of a data file go from the operator's browser straight to the bucket, where there is one.
_BUCKET_ORIGINS = [SVEND_S3_ENDPOINT or "https://*.amazonaws.com"] if SVEND_ARTIFACTS else []
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "style-src-attr": [UNSAFE_INLINE],  # KaTeX places its boxes by style attributes
        "img-src": [SELF, "data:"],
        "font-src": [SELF, "data:"],
        "connect-src": [SELF, *_BUCKET_ORIGINS],
        "object-src": [NONE],
        "base-uri": [SELF],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}
STATIC_URL = "/static/"
STATIC_ROOT = SVEND_DATA / "static"
FRONTEND_DIST = Path(env.str("SVEND_FRONTEND_DIST", default=str(BASE_DIR / "frontend" / "dist")))
SERVESTATIC_USE_FINDERS = True  # no collectstatic step: Swagger's few files come from the wheel
SERVESTATIC_AUTOREFRESH = False

# --- API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["backend.accounts.authentication.CallerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "backend.core.schema.NestedNamesSchema",
    "EXCEPTION_HANDLER": "backend.core.errors.drf_exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Svend",
    "DESCRIPTION": "Reasoning, metered to the token. The OpenAI-shaped routes live under /v1.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    # Different sets under one field name: each gets a name of its own.
    "ENUM_NAME_OVERRIDES": {
        "KindEnum": "backend.jobs.models.Job.Kind",
        "JobStatusEnum": "backend.jobs.models.Job.Status",
        "NodeRoleEnum": "backend.nodes.models.Node.Role",
        "LedgerKindEnum": "backend.metering.models.LedgerTransaction.Kind",
        "PaymentKindEnum": "backend.billing.models.Payment.Kind",
        "PaymentStatusEnum": "backend.billing.models.Payment.Status",
        "RefundStatusEnum": "backend.billing.models.Refund.Status",
        "PayAsYouGoStatusEnum": "backend.billing.models.PayAsYouGo.Status",
        "BannerKindEnum": "backend.billing.serializers.BANNER_KINDS",
    },
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
}

# --- Language, time, logs

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LOG_LEVEL = env.str("SVEND_LOG_LEVEL", default="INFO").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
    raise ImproperlyConfigured(f"SVEND_LOG_LEVEL={LOG_LEVEL!r}: use DEBUG, INFO, WARNING or ERROR.")
_LOG_STEPS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.dev.ConsoleRenderer(colors=False)
            if IS_LOCAL
            else structlog.processors.JSONRenderer(),
            "foreign_pre_chain": _LOG_STEPS,
        }
    },
    "filters": {"no_keys": {"()": "backend.core.logs.KeysHidden"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["no_keys"]}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "uvicorn.access": {"level": "WARNING"},
        "stripe": {"level": "WARNING"},
    },
}
structlog.configure(
    processors=[*_LOG_STEPS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
