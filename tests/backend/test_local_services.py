"""The embedded services are the real ones: PostgreSQL answers SQL, Valkey answers commands."""

import os

import psycopg
import redis

from backend.local import services


def test_postgres_is_18_and_answers() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        version = connection.execute("SHOW server_version").fetchone()
    assert version is not None
    assert version[0].startswith("18.")


def test_valkey_keeps_what_it_is_given() -> None:
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.set("svend:probe", "1", ex=10)
        assert client.get("svend:probe") == b"1"
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"


def test_a_taken_port_is_not_offered() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert services.port_free(port) != port
