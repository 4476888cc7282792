"""`python -m backend.billing.stripe_fake`: the stand-in for Stripe, on loopback, for development and tests.

The secret key and the webhooks' secrets come from the environment (STRIPE_API_KEY, STRIPE_WEBHOOK_SECRETS),
as the product has them: a command line is read by everybody on the machine.
"""

import argparse
import os
import sys
from pathlib import Path

from aiohttp import web

from backend.billing.stripe_fake.app import app_build
from backend.billing.stripe_fake.far_end import far_end_build

HOST = "127.0.0.1"
TEST_KEY = "sk_test_"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m backend.billing.stripe_fake", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--webhook-url", required=True, help="where events go, as in http://127.0.0.1:8000/stripe/webhook"
    )
    parser.add_argument("--webhook-secret", action="append", help="default: STRIPE_WEBHOOK_SECRETS, a comma list")
    parser.add_argument("--state", type=Path, help="a file that survives; without it all is forgotten at the end")
    given = parser.parse_args()
    api_key = os.environ.get("STRIPE_API_KEY", "")
    if not api_key.startswith(TEST_KEY):
        sys.exit(f"STRIPE_API_KEY must begin with {TEST_KEY}: this is a stand-in, for tests only.")
    listed = given.webhook_secret or os.environ.get("STRIPE_WEBHOOK_SECRETS", "").split(",")
    secrets = [secret.strip() for secret in listed if secret.strip()]
    if not secrets:
        sys.exit("STRIPE_WEBHOOK_SECRETS is not set: events could not be signed.")
    far_end = far_end_build(
        base_url=f"http://{HOST}:{given.port}",
        webhook_url=given.webhook_url,
        webhook_secrets=secrets,
        secret_key=api_key,
        state=given.state,
    )
    web.run_app(app_build(far_end), host=HOST, port=given.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
