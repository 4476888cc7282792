"""Makes the secrets of docker/compose.yml that nobody has to choose; leaves alone what is there.

    python docker/secrets_make.py [FOLDER]

One file each, readable by its owner and by the containers' users only. What comes from others (mail, Stripe) is made
empty: the product says which part is off without it.
"""

import json
import os
import secrets
import sys
from pathlib import Path

HEX_BYTES = 24  # of a password: 192 bits, and no character that a URL would have to escape
FROM_OTHERS = ("email_url", "stripe_api_key", "stripe_webhook_secrets")


def secrets_make(folder: Path) -> list[str]:
    """Writes what is missing; returns the names it wrote."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = _kept(folder / "postgres_password") or secrets.token_hex(HEX_BYTES)
    application_password = _kept(folder / "application_password") or secrets.token_hex(HEX_BYTES)
    node_secret = _kept(folder / "node_secret") or secrets.token_hex(HEX_BYTES)
    wanted = {
        "postgres_password": password,
        "owner_database_url": f"postgres://svend:{password}@postgres:5432/svend",
        "application_password": application_password,
        "database_url": f"postgres://svend_app:{application_password}@postgres:5432/svend",
        "secret_key": secrets.token_urlsafe(64),
        "admin_password": secrets.token_urlsafe(HEX_BYTES),
        "node_secret": node_secret,
        "nodes": json.dumps([{"name": "node", "url": "http://node:8001", "secret": node_secret}]),
        **dict.fromkeys(FROM_OTHERS, ""),
    }
    made = [name for name in wanted if not (folder / name).exists()]
    for name in made:
        # 0644 in a 0700 folder: the containers' users have other numbers than the owner, and only they get a file.
        with open(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w") as file:
            file.write(wanted[name])
    return made


def _kept(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "secrets"
    print(f"{target}: made {', '.join(secrets_make(target)) or 'nothing, all is there'}")
