"""`make up`: the whole product on one machine, on loopback, with nothing installed beforehand.

The order: PostgreSQL, Valkey, the node and the stand-in for Stripe start at once; the schema and the local seed
follow PostgreSQL; the web server, worker and beat follow the seed; the web UI is built beside all of it. Ends with
a box that says where to go, and `first-run.json` for programs. State lies in SVEND_DATA and survives; Ctrl-C stops
everything.

Nothing here is a second way to configure the product: children get the same environment variables that
production sets.
"""

import asyncio
import fcntl
import json
import os
import secrets
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from backend.local import services, web_ui
from backend.local.processes import mark_read, mark_write
from backend.local.supervisor import Child, ChildFailed, Supervisor, say_line

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "gpu_node" / "weights"
DEFAULT_PORT = 8000
HTTP_PROBE_SECONDS = 2.0
# What a child may inherit from the shell: how to run, never somebody's credentials.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "CI")


@dataclass(frozen=True)
class Plan:
    """The addresses and secrets of one start."""

    data: Path
    web_port: int
    database_url: str  # as the product
    owner_url: str  # as the tables' owner: only migrations
    redis_url: str
    postgres_port: int | None  # None: DATABASE_URL names somebody else's server
    valkey_port: int | None
    node_port: int
    stripe_port: int | None  # None: STRIPE_API_KEY names an account at Stripe
    secrets: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"


def _secrets_load(path: Path) -> dict[str, str]:
    """The secrets of this folder, each made when it is first wanted; a file only its owner reads."""
    found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    made = {
        "SVEND_SECRET_KEY": secrets.token_urlsafe(48),
        "SVEND_NODE_SECRET": secrets.token_urlsafe(32),
        "STRIPE_API_KEY": f"sk_test_{secrets.token_hex(24)}",
        "STRIPE_WEBHOOK_SECRETS": f"whsec_{secrets.token_hex(24)}",
    }
    if made.keys() - found.keys():
        private_write(path, json.dumps({**made, **found}))
    return {**made, **found}


def private_write(path: Path, text: str) -> None:
    """Writes a file with mode 0600, whole or not at all."""
    making = path.with_name(path.name + ".making")
    with open(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    os.replace(making, path)


def plan_make(data: Path, port: int | None) -> Plan:
    """Chooses ports: the wanted one if it is free, else the next free one, and says so."""
    wanted = port or int(os.environ.get("SVEND_PORT") or DEFAULT_PORT)
    web_port = services.port_free(wanted)
    if web_port != wanted:
        say_line(f"port {wanted} is taken; using {web_port}")
    database_url, redis_url = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
    postgres_port = None if database_url else services.port_free()
    valkey_port = None if redis_url else services.port_free()
    return Plan(
        data=data,
        web_port=web_port,
        database_url=database_url or services.postgres_url(postgres_port or 0, user=services.APPLICATION_USER),
        owner_url=os.environ.get("DATABASE_OWNER_URL") or database_url or services.postgres_url(postgres_port or 0),
        redis_url=redis_url or services.valkey_url(valkey_port or 0),
        postgres_port=postgres_port,
        valkey_port=valkey_port,
        node_port=services.port_free(),
        stripe_port=None if os.environ.get("STRIPE_API_KEY") else services.port_free(),
        secrets=_secrets_load(data / "secrets.json"),
    )


def _base_env() -> dict[str, str]:
    env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {**env, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}


def backend_env(plan: Plan) -> dict[str, str]:
    """What Django and Celery see."""
    node = {"name": "local", "url": f"http://127.0.0.1:{plan.node_port}", "secret": plan.secrets["SVEND_NODE_SECRET"]}
    given = {name: value for name, value in os.environ.items() if name.startswith(("SVEND_", "STRIPE_", "AWS_"))}
    return {
        **_base_env(),
        "SVEND_NODES": json.dumps([node]),
        **given,
        **_stripe_env(plan),
        "DATABASE_URL": plan.database_url,
        "REDIS_URL": plan.redis_url,
        "SVEND_LOCAL": "1",
        "SVEND_SECRET_KEY": plan.secrets["SVEND_SECRET_KEY"],
        "SVEND_PORT": str(plan.web_port),
        "SVEND_DATA": str(plan.data),
        "DJANGO_SETTINGS_MODULE": "backend.settings",
    }


def _stripe_env(plan: Plan) -> dict[str, str]:
    """The stand-in for Stripe, as the product and the stand-in itself see it; nothing when there is a real account."""
    if plan.stripe_port is None:
        return {}
    names = ("STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRETS")
    address = {"STRIPE_API_BASE": f"http://127.0.0.1:{plan.stripe_port}"}
    return {**{name: plan.secrets[name] for name in names}, **address}


def node_env(plan: Plan) -> dict[str, str]:
    """What the node sees: one shared secret, and how pip reaches its index, by which a model is imported."""
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return {**_base_env(), **pip, "SVEND_NODE_SECRET": plan.secrets["SVEND_NODE_SECRET"]}


async def _port_answers(port: int) -> bool:
    return await asyncio.to_thread(services.is_accepting, port)


async def _http_answers(url: str) -> bool:
    timeout = aiohttp.ClientTimeout(total=HTTP_PROBE_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _at_once() -> bool:
    return True


def postgres_child(plan: Plan) -> Child:
    port = plan.postgres_port
    assert port is not None
    return Child(
        "postgres",
        services.postgres_command(plan.data / "postgres", port=port),
        _base_env(),
        is_ready=lambda: asyncio.to_thread(services.postgres_is_ready, port),
        stop_signal=signal.SIGINT,  # "fast": SIGTERM would wait for every client to leave
    )


def valkey_child(plan: Plan) -> Child:
    port = plan.valkey_port
    assert port is not None
    (plan.data / "valkey").mkdir(exist_ok=True)
    command = services.valkey_command(plan.data / "valkey", port=port)
    return Child("valkey", command, _base_env(), is_ready=lambda: _port_answers(port))


def node_child(plan: Plan) -> Child:
    command = [sys.executable, "-m", "gpu_node", "serve"]
    command += ["--model-path", str(WEIGHTS / "svend-nano"), "--verifier-path", str(WEIGHTS / "svend-verifier-nano")]
    command += ["--port", str(plan.node_port), "--state-dir", str(plan.data / "node"), "--jobs-end-with-node"]
    command += ["--secret-env", "SVEND_NODE_SECRET"]
    health = f"http://127.0.0.1:{plan.node_port}/healthz"
    return Child("node", command, node_env(plan), is_ready=lambda: _http_answers(health))


def stripe_child(plan: Plan) -> Child:
    port = plan.stripe_port
    assert port is not None
    command = [sys.executable, "-m", "backend.billing.stripe_fake", "--port", str(port)]
    command += ["--webhook-url", f"{plan.url}/stripe/webhook", "--state", str(plan.data / "stripe.json")]
    health = f"http://127.0.0.1:{port}/healthz"
    return Child("stripe", command, {**_base_env(), **_stripe_env(plan)}, is_ready=lambda: _http_answers(health))


def web_child(plan: Plan) -> Child:
    command = [sys.executable, "-m", "uvicorn", "backend.asgi:application", "--host", "127.0.0.1"]
    command += ["--port", str(plan.web_port), "--no-access-log", "--timeout-graceful-shutdown", "5"]
    return Child("web", command, backend_env(plan), is_ready=lambda: _http_answers(f"{plan.url}/healthz"))


def worker_child(plan: Plan) -> Child:
    command = [sys.executable, "-m", "celery", "-A", "worker.app", "worker", "--concurrency", "3", "--loglevel", "INFO"]
    # One worker has nobody to gossip with, and its gossip would be an error at each lost connection.
    return Child("worker", [*command, "--without-mingle", "--without-gossip"], backend_env(plan), is_ready=_at_once)


def beat_child(plan: Plan) -> Child:
    schedule = str(plan.data / "beat-schedule")
    command = [sys.executable, "-m", "celery", "-A", "worker.app", "beat", "--schedule", schedule, "--pidfile="]
    return Child("beat", command, backend_env(plan), is_ready=_at_once)


async def _database_start(plan: Plan, supervisor: Supervisor) -> None:
    if plan.postgres_port is not None:
        await asyncio.to_thread(services.postgres_init, plan.data / "postgres")
        await supervisor.start(postgres_child(plan))
        await asyncio.to_thread(services.database_create, plan.postgres_port)
    manage, owner = [sys.executable, "manage.py"], {**backend_env(plan), "DATABASE_URL": plan.owner_url}
    await supervisor.run_once("migrate", [*manage, "migrate", "--noinput"], owner, ROOT)
    if plan.postgres_port is not None:
        role = [*manage, "application_role", services.APPLICATION_USER, "--make"]
        await supervisor.run_once("application-role", role, owner, ROOT)


async def _valkey_start(plan: Plan, supervisor: Supervisor) -> None:
    if plan.valkey_port is not None:
        await supervisor.start(valkey_child(plan))


async def _start_everything(plan: Plan, supervisor: Supervisor) -> dict[str, str]:
    """Gives back what `seed_local` printed: the key, the admin's address and one-time link."""
    async with asyncio.TaskGroup() as group:
        group.create_task(web_ui.build_if_changed(ROOT / "frontend", supervisor))
        node = group.create_task(supervisor.start(node_child(plan)))
        valkey = group.create_task(_valkey_start(plan, supervisor))
        if plan.stripe_port is not None:
            group.create_task(supervisor.start(stripe_child(plan)))
        await _database_start(plan, supervisor)
        manage = [sys.executable, "manage.py"]
        seed = await supervisor.run_once("seed", [*manage, "seed_local"], backend_env(plan), ROOT)
        await valkey
        group.create_task(supervisor.start(web_child(plan)))
        group.create_task(supervisor.start(worker_child(plan)))
        group.create_task(supervisor.start(beat_child(plan)))
        await node
        await supervisor.run_once("seed-models", [*manage, "seed_models"], backend_env(plan), ROOT)
    found: dict[str, str] = json.loads(seed.strip().splitlines()[-1])
    return found


def _box(plan: Plan, seed: dict[str, str], seconds: float) -> str:
    lines = [
        f"Svend is up  ({seconds:.1f} s)              Ctrl-C stops it, `make down` from elsewhere",
        f"Web      {plan.url}    sign in: {seed['admin_link']}  (one-time admin link)",
        f"API      {plan.url}/v1     key: {seed['api_key']}   model: {seed['model']}",
        'Try      .venv/bin/svend ask "Is 1729 a sum of two cubes in two ways?"',
        f"Model    {seed['model']} is tiny, trained by this repository; what it can and cannot do: {plan.url}/models",
    ]
    if plan.stripe_port is not None:
        lines.append("Payments test cards only, as 4242 4242 4242 4242: a stand-in for Stripe; no money moves")
    rule = "-" * max(map(len, lines))
    return "\n".join([rule, *lines, rule])


def _first_run_write(plan: Plan, seed: dict[str, str]) -> None:
    names = ("api_key", "operator_key", "model", "admin_email", "admin_link")
    private_write(plan.data / "first-run.json", json.dumps({"url": plan.url, **{n: seed[n] for n in names}}, indent=1))


async def _run(plan: Plan) -> None:
    started, stop = time.monotonic(), asyncio.Event()
    supervisor = Supervisor(plan.data / "logs", say_line)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    starting = asyncio.create_task(_start_everything(plan, supervisor))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            say_line("stopping before everything was up")
            return
        seed = starting.result()
        _first_run_write(plan, seed)
        print(_box(plan, seed, time.monotonic() - started), flush=True)
        await supervisor.wait(stop)
    finally:
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        say_line("stopping")
        await supervisor.stop_all()


def _first_failure(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def up(data: Path, port: int | None) -> int:
    """Runs until stopped. Exit status 0 after a clean stop, 1 when something failed (the cause is printed)."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = (data / "up.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        mark = mark_read(data / "up.json")
        say_line(f"Svend already runs on {data}" + (f" at {mark.url}" if mark else "") + "; `make down` stops it")
        return 1
    plan = plan_make(data, port)
    mark_write(data / "up.json", url=plan.url)
    try:
        asyncio.run(_run(plan))
    except (ChildFailed, services.ServiceMissing, BaseExceptionGroup) as error:
        say_line(f"\nSvend stopped: {_first_failure(error)}\n\n`make doctor` looks for the cause.")
        return 1
    finally:
        (data / "up.json").unlink(missing_ok=True)
    return 0
