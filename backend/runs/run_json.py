"""The Run as /api and the websocket tell it to the page."""

from typing import Any

from backend.runs.models import Run


def run_json(run: Run) -> dict[str, Any]:
    error = {"code": run.error_code, "message": run.error_message} if run.error_code else None
    return {
        "id": run.id,
        "conversation_id": run.conversation_id or None,
        "question": run.question,
        "status": run.status,
        "model": run.model,
        "allow_tools": bool(run.spec["tools"]),
        "verify": run.spec["verify"],
        "search": run.spec["search"],
        "answer": run.answer if not run.is_live else None,
        "verdict": run.verdict or None,
        "score": run.score,
        "finish_reason": run.finish_reason or None,
        "error": error,
        "usage": {
            "prompt_tokens": run.prompt_tokens,
            "completion_tokens": run.completion_tokens,
            "tool_result_tokens": run.tool_result_tokens,
            "reasoning_tokens": run.reasoning_tokens,
        },
        "max_total_tokens": run.max_total_tokens,
        "price_nano_usd_per_token": run.price_nano_usd_per_token,
        "cost_nano_usd": run.cost_nano_usd,
        "created_at": run.created_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "last_seq": run.last_seq,
    }
