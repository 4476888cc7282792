"""/v1/products and /v1/prices. A price may be finer than a cent: `unit_amount_decimal` has up to 12 decimals."""

import re
from decimal import Decimal

from backend.billing.stripe_fake.errors import Json, invalid, missing_parameter
from backend.billing.stripe_fake.forms import (
    flag_of,
    integer_of,
    list_of,
    metadata_merged,
    part_of,
    text_of,
    text_required,
)
from backend.billing.stripe_fake.routing import Call, Endpoint, listing, page, retrieve
from backend.billing.stripe_fake.world import World

UNIT_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,12})?")


def product_make(world: World, form: Json) -> Json:
    return world.put(
        {
            "id": text_of(form, "id") or world.new_id("prod"),
            "object": "product",
            "active": True,
            "created": world.now(),
            "default_price": None,
            "description": text_of(form, "description") or None,
            "images": [],
            "livemode": False,
            "marketing_features": [],
            "metadata": metadata_merged({}, form),
            "name": text_required(form, "name"),
            "package_dimensions": None,
            "shippable": None,
            "statement_descriptor": None,
            "tax_code": text_of(form, "tax_code") or None,
            "unit_label": text_of(form, "unit_label") or None,
            "updated": world.now(),
            "url": None,
        }
    )


def price_make(world: World, form: Json, product_id: str) -> Json:
    """Raises StripeRefusal for an amount that is none, or a metered price without a meter."""
    world.get("product", product_id, param="product")
    decimal = text_of(form, "unit_amount_decimal") or text_of(form, "unit_amount")
    if not decimal:
        raise missing_parameter("unit_amount")
    if not UNIT_AMOUNT.fullmatch(decimal):
        raise invalid(
            f"Invalid decimal: {decimal}; must contain at most 12 decimal places.", param="unit_amount_decimal"
        )
    is_whole = Decimal(decimal) == int(Decimal(decimal))
    return world.put(
        {
            "id": world.new_id("price"),
            "object": "price",
            "active": True,
            "billing_scheme": "per_unit",
            "created": world.now(),
            "currency": text_required(form, "currency").lower(),
            "custom_unit_amount": None,
            "livemode": False,
            "lookup_key": _lookup_key(world, form),
            "metadata": metadata_merged({}, form),
            "nickname": text_of(form, "nickname") or None,
            "product": product_id,
            "recurring": _recurring(world, part_of(form, "recurring")),
            "tax_behavior": text_of(form, "tax_behavior") or "unspecified",
            "tiers_mode": None,
            "transform_quantity": None,
            "type": "recurring" if part_of(form, "recurring") else "one_time",
            "unit_amount": int(Decimal(decimal)) if is_whole else None,
            "unit_amount_decimal": format(Decimal(decimal).normalize(), "f"),
        }
    )


def _lookup_key(world: World, form: Json) -> str | None:
    key = text_of(form, "lookup_key") or None
    for price in world.of_kind("price"):
        if key is not None and price["lookup_key"] == key:
            if not flag_of(form, "transfer_lookup_key"):
                raise invalid(f"A price already uses that lookup key: {key}", param="lookup_key")
            price["lookup_key"] = None
    return key


def _recurring(world: World, form: Json) -> Json | None:
    if not form:
        return None
    usage, meter = text_of(form, "usage_type", "licensed"), text_of(form, "meter") or None
    if usage == "metered" and meter is None:
        raise invalid("A metered price needs a meter.", param="recurring[meter]")
    if meter is not None:
        world.get("billing.meter", meter, param="recurring[meter]")
    count = integer_of(form, "interval_count", 1)
    interval = {"interval": text_required(form, "interval"), "interval_count": count}
    return {**interval, "meter": meter, "usage_type": usage}


def _product_create(world: World, call: Call) -> Json:
    product = product_make(world, call.form)
    world.event("product.created", product)
    return product


def _price_create(world: World, call: Call) -> Json:
    product_id = text_of(call.form, "product")
    if not product_id:
        product_id = product_make(world, part_of(call.form, "product_data"))["id"]
    price = price_make(world, call.form, product_id)
    world.event("price.created", price)
    return price


def _price_update(world: World, call: Call) -> Json:
    price = world.get("price", call.ids[0])
    if "active" in call.form:
        price["active"] = flag_of(call.form, "active")
    if "lookup_key" in call.form:
        price["lookup_key"] = _lookup_key(world, call.form)
    price["metadata"] = metadata_merged(price["metadata"], call.form)
    return price


def _price_list(world: World, call: Call) -> Json:
    keys = list_of(call.form, "lookup_keys")
    product, active = text_of(call.form, "product"), text_of(call.form, "active")
    rows = (
        price
        for price in world.of_kind("price")
        if (not keys or price["lookup_key"] in keys)
        and (not product or price["product"] == product)
        and (not active or price["active"] == (active == "true"))
    )
    return page(rows, call.form, "/v1/prices")


ENDPOINTS = [
    Endpoint("POST", "/v1/products", _product_create),
    Endpoint("GET", "/v1/products", listing("product", "/v1/products")),
    Endpoint("GET", "/v1/products/{id}", retrieve("product")),
    Endpoint("POST", "/v1/prices", _price_create),
    Endpoint("GET", "/v1/prices", _price_list),
    Endpoint("GET", "/v1/prices/{price}", retrieve("price")),
    Endpoint("POST", "/v1/prices/{price}", _price_update),
]
