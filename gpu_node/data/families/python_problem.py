"""The shape that families share whose problem is one call of execute_python."""

from gpu_node.data.problem import AnswerKind, Call, Problem


def python_problem(
    name: str,
    asked: tuple[str, str],
    *,
    thought: str,
    code: str,
    answer: str,
    kind: AnswerKind = "number",
    conclusion: str = "That is the answer.",
    result: str | None = None,
) -> Problem:
    question, phrasing_id = asked
    return Problem(
        family=name,
        question=question,
        thought=thought,
        calls=(Call("execute_python", {"code": code}),),
        conclusion=conclusion,
        answer=answer,
        answer_kind=kind,
        phrasing_id=phrasing_id,
        result=result,
    )
