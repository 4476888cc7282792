"""Money's speed: p50 and p99 of hold and settle, settled runs a second over many accounts and on one hot account.

Through the product's own services against embedded PostgreSQL with durable commits (fsync and synchronous_commit
on), clients and server on the same cores. Beside the figures: the time of one fdatasync on the same disk, the load
of the machine, and the plans that ran inside the two functions (auto_explain). The books are proved at the end, so
a fast wrong answer does not count. Prints JSON; `--seconds` and `--accounts` change the size.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psycopg

from backend.local import services

MODEL = "svend-nano"
PRICE = 3_000
GRANT_NANO_USD = 1_000_000_000_000  # $1,000: no account runs dry
BOUND_TOKENS = 8_192
USED_TOKENS = 400
NUM_ACCOUNTS = 500
SECONDS = 10.0
NUM_PROCESSES = 2
THREADS_PER_PROCESS = 4  # beyond the cores: a thread waits for the commit's flush most of its time
HOT_THREADS_PER_PROCESS = 4
FDATASYNCS = 300
LATENCY_RUNS = 2_000
TARGET_MANY_PER_SECOND, TARGET_HOT_PER_SECOND = 500, 100
PLAN_LINES_MAX = 400


def _percentiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    at = {"p50": 0.5, "p99": 0.99}
    return {f"{name}_ms": round(ordered[int(len(ordered) * share)] * 1e3, 3) for name, share in at.items()}


def fdatasync_ms(folder: Path) -> dict[str, float]:
    """What one durable write of a commit's size costs here."""
    taken = []
    file = os.open(folder / "fdatasync.probe", os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(FDATASYNCS):
        os.write(file, b"x" * 512)
        started = time.perf_counter()
        os.fdatasync(file)
        taken.append(time.perf_counter() - started)
    os.close(file)
    return _percentiles(taken)


def _django() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    django.setup()


def _accounts_make(num: int) -> list[str]:
    from backend.accounts.services import account_create
    from backend.metering.services import credit_grant, price_set

    price_set(model=MODEL, nano_usd_per_token=PRICE)
    made = []
    for n in range(num):
        account = account_create(name=f"bench {n}", owner=None)
        source = f"grant:bench:{account.id}"
        credit_grant(
            account_id=account.id, amount_nano_usd=GRANT_NANO_USD, source=source, actor="bench", reason="bench"
        )
        made.append(account.id)
    return made


def _one_run(account_id: str, holds: list[float], settles: list[float]) -> None:
    from backend.core.ids import run_id_make
    from backend.metering.services import UsageCounts, hold_place, run_settle

    run_id = run_id_make()
    started = time.perf_counter()
    hold_place(run_id=run_id, account_id=account_id, api_key_id=None, model=MODEL, bound_tokens=BOUND_TOKENS)
    held = time.perf_counter()
    usage = UsageCounts(prompt_tokens=USED_TOKENS // 4, completion_tokens=USED_TOKENS - USED_TOKENS // 4)
    run_settle(run_id=run_id, usage=usage, is_billable=True, finish_reason="stop")
    holds.append(held - started)
    settles.append(time.perf_counter() - held)


def _client(accounts: list[str], seconds: float, num_threads: int, begin: Any, results: Any) -> None:
    """A client process: threads that hold and settle, each over its own slice of the accounts (or all on one)."""
    _django()
    from django.db import connection

    timings: list[tuple[list[float], list[float]]] = [([], []) for _ in range(num_threads)]
    ends = [0.0] * num_threads

    def work(index: int) -> None:
        holds, settles = timings[index]
        mine = accounts[index::num_threads] or accounts
        _one_run(mine[0], [], [])  # connects
        begin.wait()
        ends[index] = time.monotonic() + seconds
        turn = 0
        while time.monotonic() < ends[index]:
            _one_run(mine[turn % len(mine)], holds, settles)
            turn += 1
        connection.close()

    threads = [threading.Thread(target=work, args=(index,)) for index in range(num_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(([t for holds, _ in timings for t in holds], [t for _, settles in timings for t in settles]))


def sustained(accounts: list[str], *, seconds: float, num_threads: int) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    begin, results = context.Barrier(NUM_PROCESSES * num_threads), context.Queue()
    slices = [accounts[n::NUM_PROCESSES] or accounts for n in range(NUM_PROCESSES)]
    clients = [context.Process(target=_client, args=(mine, seconds, num_threads, begin, results)) for mine in slices]
    for client in clients:
        client.start()
    timings = [results.get(timeout=seconds + 120) for _ in clients]
    for client in clients:
        client.join()
    holds = [t for h, _ in timings for t in h]
    settles = [t for _, s in timings for t in s]
    return {
        "num_accounts": len(accounts),
        "num_clients": NUM_PROCESSES * num_threads,
        "seconds": seconds,
        "num_settled": len(settles),
        "settled_per_second": round(len(settles) / seconds, 1),
        "hold": _percentiles(holds),
        "settle": _percentiles(settles),
        "load_average_1min": round(os.getloadavg()[0], 2),
    }


def alone(account_id: str) -> dict[str, Any]:
    holds: list[float] = []
    settles: list[float] = []
    for _ in range(LATENCY_RUNS):
        _one_run(account_id, holds, settles)
    return {"num_runs": LATENCY_RUNS, "hold": _percentiles(holds), "settle": _percentiles(settles)}


def plans(url: str, account_id: str) -> list[str]:
    """The plans of the statements inside one hold and one settlement, as PostgreSQL ran them."""
    lines: list[str] = []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: lines.extend((notice.message_primary or "").splitlines()))
        connection.execute("LOAD 'auto_explain'")
        for setting in ("log_min_duration = 0", "log_nested_statements = on", "log_analyze = on", "log_timing = off"):
            connection.execute(f"SET auto_explain.{setting}")
        connection.execute("SET client_min_messages = log")
        run_id = "run_plans000"
        connection.execute(
            "SELECT * FROM metering_hold_place(%s, %s, NULL, %s, %s, 1)", [run_id, account_id, MODEL, BOUND_TOKENS]
        )
        connection.execute("SELECT * FROM metering_run_settle(%s, 100, 300, 0, 0, true, 'stop')", [run_id])
    return [line for line in lines if line.strip()][:PLAN_LINES_MAX]


def _server_settings(url: str) -> dict[str, str]:
    names = ("server_version", "fsync", "synchronous_commit", "wal_sync_method", "commit_delay", "shared_buffers")
    with psycopg.connect(url) as connection:
        return {name: str(connection.execute(f"SHOW {name}").fetchone()[0]) for name in names}  # type: ignore[index]


def measure(folder: Path, url: str, *, num_accounts: int, seconds: float) -> dict[str, Any]:
    from django.core.management import call_command

    from backend.metering.ledger_check import ledger_check

    call_command("migrate", verbosity=0)
    accounts = _accounts_make(num_accounts)
    report: dict[str, Any] = {
        "machine": {"num_cores": os.cpu_count(), "load_average_1min_before": round(os.getloadavg()[0], 2)},
        "postgresql": _server_settings(url),
        "fdatasync": fdatasync_ms(folder),
        "alone": alone(accounts[0]),
        "many_accounts": sustained(accounts, seconds=seconds, num_threads=THREADS_PER_PROCESS),
        "hot_account": sustained(accounts[:1], seconds=seconds, num_threads=HOT_THREADS_PER_PROCESS),
    }
    report["targets"] = {
        "many_accounts_per_second": TARGET_MANY_PER_SECOND,
        "hot_account_per_second": TARGET_HOT_PER_SECOND,
        "are_met": report["many_accounts"]["settled_per_second"] >= TARGET_MANY_PER_SECOND
        and report["hot_account"]["settled_per_second"] >= TARGET_HOT_PER_SECOND,
    }
    report["books"] = {"problems": ledger_check().problems}
    report["plans"] = plans(url, accounts[0])
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=NUM_ACCOUNTS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--no-plans", action="store_true")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="svend-bench-"))
    port = services.port_free()
    services.postgres_init(folder / "postgres")
    with (folder / "postgres.log").open("wb") as log:
        command = services.postgres_command(folder / "postgres", port=port, is_durable=True)
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        while not services.postgres_is_ready(port):
            time.sleep(0.05)
        services.database_create(port)
        url = services.postgres_url(port)
        os.environ |= {
            "DATABASE_URL": url,
            "REDIS_URL": "redis://127.0.0.1:1/0",  # money needs none
            "SVEND_LOCAL": "1",
            "SVEND_SECRET_KEY": "only-for-the-benchmark-" + "x" * 40,
            "SVEND_DATA": str(folder / "data"),
            "SVEND_LOG_LEVEL": "ERROR",
        }
        _django()
        report = measure(folder, url, num_accounts=given.accounts, seconds=given.seconds)
        if given.no_plans:
            report.pop("plans")
        print(json.dumps(report, indent=1))
    finally:
        server.send_signal(2)
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
