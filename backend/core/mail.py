"""Mail in local mode: one file a message below SVEND_DATA/mail, its subject and code in the log.

Not for production: EMAIL_URL names a real server there.
"""

from collections.abc import Sequence
from pathlib import Path

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

log = structlog.get_logger(__name__)

MESSAGES_SHOWN_MAX = 20


def _folder() -> Path:
    return Path(settings.EMAIL_FILE_PATH)


class FileMail(BaseEmailBackend):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        _folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        for message in email_messages:
            stamp = timezone.now().strftime("%Y%m%dT%H%M%S.%f")
            (_folder() / f"{stamp}.eml").write_bytes(message.message().as_bytes())
            log.info(
                "mail.written",
                to=message.to,
                subject=message.subject,
                text=str(message.body),
                see=f"{settings.PUBLIC_URL}/dev/mail",
            )
        return len(email_messages)


def messages_recent() -> list[str]:
    """The newest messages as text, newest first."""
    files = sorted(_folder().glob("*.eml"), reverse=True)[:MESSAGES_SHOWN_MAX]
    return [file.read_text(encoding="utf-8", errors="replace") for file in files]
