"""A Valkey that dies under unacknowledged messages: the worker's connection ends in peace."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from backend.local import services
from worker.app import app

WAIT_SECONDS = 20.0


def test_a_connection_whose_valkey_died_closes_and_a_late_ack_is_harmless(tmp_path: Path) -> None:
    port = services.port_free()
    valkey = subprocess.Popen(services.valkey_command(tmp_path, port=port), stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while not services.is_accepting(port):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        connection = app.connection(services.valkey_url(port))
        queue = connection.SimpleQueue("wake-ups", no_ack=False)
        queue.put("tick")
        message = queue.get(timeout=WAIT_SECONDS)
        valkey.send_signal(signal.SIGKILL)
        valkey.wait()
        # As Celery's consumer does when it loses its connection.
        with pytest.raises(connection.connection_errors):
            connection.default_channel.client.ping()
        connection.collect(socket_timeout=1)
        connection.close()
        message.ack()
    finally:
        valkey.kill()
        valkey.wait()
