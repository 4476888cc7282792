"""/api/nodes: the operator's fleet. Parse, authorise, call one service, answer."""

from typing import Any

from asgiref.sync import async_to_sync
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.authentication import caller_of
from backend.accounts.callers import Caller
from backend.console import fleet
from backend.console.serializers import NodeSerializer, NodeStartLinesSerializer
from backend.core.errors import ApplicationError, NotAllowed
from backend.core.given import parsed
from backend.nodes.fleet import PRICE_NANO_USD_MAX, node_add, node_change, node_get, node_remove, start_lines
from backend.nodes.models import Node
from backend.nodes.services import node_addresses_load, node_probe

DEFAULT_NODE_PORT = 8001


def _operator(request: Request) -> Caller:
    caller = caller_of(request)
    if not caller.scopes & {"jobs", "admin"}:
        raise NotAllowed("The fleet is the operator's: sign in as staff, or use a key with the scope 'jobs'.")
    return caller


class NodeListApi(APIView):
    class Input(serializers.Serializer[Any]):
        name = serializers.CharField(max_length=63)
        url = serializers.CharField(max_length=255)
        secret = serializers.CharField(max_length=255)
        price_nano_usd_per_hour = serializers.IntegerField(min_value=0, max_value=PRICE_NANO_USD_MAX, default=0)
        role = serializers.ChoiceField(Node.Role.choices, default=Node.Role.BOTH)

    @extend_schema(operation_id="nodes_list", responses=NodeSerializer(many=True))
    def get(self, request: Request) -> Response:
        _operator(request)
        return Response(fleet.fleet_read())

    @extend_schema(operation_id="nodes_add", request=Input, responses={201: NodeSerializer})
    def post(self, request: Request) -> Response:
        caller = caller_of(request, "admin")
        given = parsed(self.Input, request.data)
        node = node_add(**given, added_by_id=caller.user_id, added_by_key_id=caller.api_key_id or "")
        _probe(node.name)
        return Response(fleet.node_read(node.name), status=201)


class NodeDetailApi(APIView):
    class Input(serializers.Serializer[Any]):
        price_nano_usd_per_hour = serializers.IntegerField(min_value=0, max_value=PRICE_NANO_USD_MAX, required=False)
        role = serializers.ChoiceField(Node.Role.choices, required=False)

    @extend_schema(operation_id="nodes_read", responses=NodeSerializer)
    def get(self, request: Request, node_name: str) -> Response:
        _operator(request)
        return Response(fleet.node_read(node_name))

    @extend_schema(request=Input, responses=NodeSerializer)
    def patch(self, request: Request, node_name: str) -> Response:
        caller_of(request, "admin")
        node_change(node_name, **parsed(self.Input, request.data))
        return Response(fleet.node_read(node_name))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, node_name: str) -> Response:
        caller_of(request, "admin")
        node_remove(node_name)
        return Response(status=204)


class NodeActionApi(APIView):
    """cordon: no new work. drain: no new work, and the node refuses it itself. probe: ask it now."""

    ACTIONS: dict[str, dict[str, bool]] = {
        "cordon": {"is_cordoned": True},
        "uncordon": {"is_cordoned": False},
        "drain": {"is_draining": True},
        "undrain": {"is_draining": False},
        "probe": {},
    }

    @extend_schema(request=None, responses=NodeSerializer)
    def post(self, request: Request, node_name: str, action: str) -> Response:
        caller_of(request, "admin")
        node_get(node_name)
        if action not in self.ACTIONS:
            known = ", ".join(self.ACTIONS)
            raise ApplicationError(f"There is no action {action!r}: {known}.", code="unknown_action", status=404)
        if changes := self.ACTIONS[action]:
            node_change(node_name, **changes)
        if action not in ("cordon", "uncordon"):
            _probe(node_name)  # a drain reaches the node with it
        return Response(fleet.node_read(node_name))


class NodeStartLinesApi(APIView):
    class Input(serializers.Serializer[Any]):
        port = serializers.IntegerField(min_value=1, max_value=65535, default=DEFAULT_NODE_PORT)

    @extend_schema(request=Input, responses=NodeStartLinesSerializer)
    def post(self, request: Request) -> Response:
        caller_of(request, "admin")
        return Response(start_lines(**parsed(self.Input, request.data)))


def _probe(name: str) -> None:
    if (address := node_addresses_load().get(name)) is not None:
        async_to_sync(node_probe)(address)
