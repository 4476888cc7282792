"""The registry's tick: nodes towards their wishes, then aliases whose wait is over, then what may be unloaded.

Idempotent and short; called by the worker's beat and by a doorbell after each promotion. Losing one costs a beat.
"""

from backend.core.threads import service_call
from backend.model_registry.deployments import deployments_drive, deployments_retire
from backend.model_registry.promotions import promotions_settle


async def deployment_advance() -> None:
    await deployments_drive()
    await service_call(promotions_settle)
    await service_call(deployments_retire)
