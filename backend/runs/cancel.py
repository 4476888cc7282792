"""Stopping a run: the wish is written down first, then its node is told at once.

What was made until then is billed. When the node cannot be told now, whoever advances the run tells it later.
"""

import structlog

from backend.core.threads import service_call
from backend.nodes.client import NodeClient, NodeRefused, NodeUnreachable
from backend.nodes.services import node_addresses
from backend.runs.models import Run
from backend.runs.services import run_cancel_request

log = structlog.get_logger(__name__)


async def run_cancel(run_id: str) -> Run:
    run = await service_call(run_cancel_request, run_id=run_id)
    address = node_addresses().get(run.node_name)
    if run.is_live and address is not None:
        try:
            await NodeClient(address).run_cancel(run_id=run_id)
        except (NodeUnreachable, NodeRefused) as error:
            log.warning("run.cancel_untold", run_id=run_id, node=run.node_name, error=str(error))
    return run
