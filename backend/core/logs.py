"""Keeps API keys out of the logs, whoever wrote the line. Keys live in headers, which we never log; this is the net."""

import logging
import re

_KEY_PATTERN = re.compile(r"sk-svend-[A-Za-z0-9]{4,}")


class KeysHidden(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, str) and "sk-svend-" in record.msg:
            record.msg = _KEY_PATTERN.sub("sk-svend-[hidden]", record.msg)
        elif isinstance(record.msg, dict):  # structlog's event
            record.msg = {
                k: _KEY_PATTERN.sub("sk-svend-[hidden]", v) if isinstance(v, str) else v for k, v in record.msg.items()
            }
        return True
