"""The shapes of the console's answers, for the schema."""

from rest_framework import serializers

from backend.nodes.models import Node

NODE_STATES = ["ready", "unreachable", "lost", "draining", "cordoned", "never_reached", "foreign"]
Fields = serializers.Serializer[object]


class NodeJobSerializer(Fields):
    job_id = serializers.CharField()
    job_name = serializers.CharField()
    epoch = serializers.IntegerField()
    node_rank = serializers.IntegerField()
    status = serializers.CharField()
    step = serializers.IntegerField()
    num_steps = serializers.IntegerField(allow_null=True)


class NodeSerializer(Fields):
    name = serializers.CharField()
    url = serializers.CharField()
    state = serializers.ChoiceField(NODE_STATES)
    role = serializers.ChoiceField(Node.Role.choices)
    is_trusted = serializers.BooleanField(help_text="named in SVEND_NODES: removed there, not here")
    is_cordoned = serializers.BooleanField()
    is_draining = serializers.BooleanField()
    info = serializers.DictField(allow_null=True, help_text="the node's last /info (NodeInfo of the wire)")
    seen_at = serializers.DateTimeField(allow_null=True)
    probed_at = serializers.DateTimeField(allow_null=True)
    probe_error = serializers.CharField()
    follow_error = serializers.CharField()
    silent_seconds = serializers.FloatField()
    running_jobs = NodeJobSerializer(many=True)
    price_nano_usd_per_hour = serializers.IntegerField()
    cost_24h_nano_usd = serializers.IntegerField()
    tokens_sold_24h = serializers.IntegerField()
    revenue_24h_nano_usd = serializers.IntegerField()
    margin_24h_nano_usd = serializers.IntegerField()
    added_by = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class NodeStartLinesSerializer(Fields):
    secret = serializers.CharField(help_text="new, shown this once")
    lines = serializers.ListField(child=serializers.CharField())
    known_names = serializers.ListField(child=serializers.CharField())
