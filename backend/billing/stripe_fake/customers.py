"""/v1/customers."""

from backend.billing.stripe_fake.errors import Json
from backend.billing.stripe_fake.forms import metadata_merged, part_of, text_of
from backend.billing.stripe_fake.routing import Call, Endpoint, listing
from backend.billing.stripe_fake.world import World

PLAIN_FIELDS = ("email", "name", "phone", "description")


def create(world: World, call: Call) -> Json:
    customer = world.put(
        {
            "id": world.new_id("cus"),
            "object": "customer",
            "address": None,
            "balance": 0,
            "created": world.now(),
            "currency": None,
            "default_source": None,
            "delinquent": False,
            "description": None,
            "discount": None,
            "email": None,
            "invoice_prefix": world.new_id("x").upper()[2:10],
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "livemode": False,
            "metadata": {},
            "name": None,
            "next_invoice_sequence": 1,
            "phone": None,
            "preferred_locales": [],
            "shipping": None,
            "tax_exempt": "none",
            "test_clock": None,
        }
    )
    _fill(world, customer, call.form)
    world.event("customer.created", customer)
    return customer


def update(world: World, call: Call) -> Json:
    customer = world.get("customer", call.ids[0])
    _fill(world, customer, call.form)
    world.event("customer.updated", customer)
    return customer


def _fill(world: World, customer: Json, form: Json) -> None:
    for name in PLAIN_FIELDS:
        if name in form:
            customer[name] = text_of(form, name) or None
    customer["metadata"] = metadata_merged(customer["metadata"], form)
    if "default_payment_method" in (settings := part_of(form, "invoice_settings")):
        method_id = text_of(settings, "default_payment_method")
        if method_id:
            world.get("payment_method", method_id, param="invoice_settings[default_payment_method]")
        customer["invoice_settings"]["default_payment_method"] = method_id or None


def retrieve(world: World, call: Call) -> Json:
    customer_id = call.ids[0]
    if customer_id in world.objects.get("_deleted_customer", {}):
        return {"id": customer_id, "object": "customer", "deleted": True}
    return world.get("customer", customer_id)


def delete(world: World, call: Call) -> Json:
    customer = world.get("customer", call.ids[0])
    del world.objects["customer"][customer["id"]]
    world.objects.setdefault("_deleted_customer", {})[customer["id"]] = customer
    world.event("customer.deleted", customer)
    return {"id": customer["id"], "object": "customer", "deleted": True}


ENDPOINTS = [
    Endpoint("POST", "/v1/customers", create),
    Endpoint("GET", "/v1/customers", listing("customer", "/v1/customers", "email")),
    Endpoint("GET", "/v1/customers/{customer}", retrieve),
    Endpoint("POST", "/v1/customers/{customer}", update),
    Endpoint("DELETE", "/v1/customers/{customer}", delete),
]
