"""The browser's REST types come from a committed schema, and the schema is what the backend serves today."""

import json
from pathlib import Path

from drf_spectacular.generators import SchemaGenerator

COMMITTED = Path(__file__).resolve().parents[2] / "frontend" / "api-schema.json"


def test_the_committed_schema_is_fresh() -> None:
    served = SchemaGenerator().get_schema(request=None, public=True)
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == json.loads(json.dumps(served)), "stale: run `make wire`"
