"""Invented rows in the layout of each public data set, with what becomes of them."""

import json
from typing import Any

from gpu_node.protocol.data_layouts import LayoutName

TAG = "\u043a\u0438"
FERRY = {"name": "ferry_times", "description": "Departures", "parameters": {"type": "object", "properties": {}}}
FERRY_CALL = {"name": "ferry_times", "arguments": {"island": "Hallig"}}
TURNS = [
    {"from": "system", "value": "Be brief.", "weight": None},
    {"from": "human", "value": "How many legs have 3 spiders?", "weight": 0.0},
    {"from": "gpt", "value": "24", "weight": 1.0},
]
CALLED = [
    {"from": "human", "value": "When does the ferry leave?"},
    {"from": "function_call", "value": json.dumps(FERRY_CALL)},
    {"from": "observation", "value": '["9:10"]'},
    {"from": "gpt", "value": "At 9:10."},
]
GLAIVE_SYSTEM = f"SYSTEM: You may use these functions -\n{json.dumps(FERRY, indent=4)}\n{json.dumps(FERRY)}"
GLAIVE_END = "<" + "|endoftext|>"
GLAIVE_CHAT = (
    f"USER: When does the ferry leave?\n\n\nASSISTANT: <functioncall> "
    f'{{"name": "ferry_times", "arguments": \'{{"island": "Hallig"}}\'}} {GLAIVE_END}\n\n\n'
    f'FUNCTION RESPONSE: ["9:10"]\n\n\nASSISTANT: At 9:10. {GLAIVE_END}'
)


def parts(role: str, *content: tuple[str, str]) -> dict[str, Any]:
    return {"role": role, "content": [{"type": kind, "value": value} for kind, value in content]}


def prm_step(*completions: tuple[str, int | None], chosen: int | None = None, human: object = None) -> dict[str, Any]:
    rated = [{"text": text, "rating": rating, "flagged": None} for text, rating in completions]
    return {"completions": rated, "human_completion": human, "chosen_completion": chosen}


def prm_row(*steps: dict[str, Any], finish_reason: str = "found_error") -> dict[str, Any]:
    question = {"problem": "What is 6 * 7 + 1?", "ground_truth_answer": "43"}
    return {"labeler": "a", "question": question, "label": {"steps": list(steps), "finish_reason": finish_reason}}


SAID = {"role": "user", "content": "Name a prime above 7."}, {"role": "assistant", "content": "11"}
ROWS: dict[LayoutName, list[dict[str, Any]]] = {
    "openmathinstruct": [
        {
            "problem": "What is 3 * 14?",
            "generated_solution": "Three times fourteen is \\boxed{42}.",
            "expected_answer": "42",
            "problem_source": "augmented_math",
        }
    ],
    "metamath": [
        {
            "type": "GSM_Rephrased",
            "query": "A hen lays 2 eggs a day. How many in 5 days?",
            "original_question": "How many eggs?",
            "response": "It lays 2 * 5 = 10 eggs.\n#### 10\nThe answer is: 10",
        }
    ],
    "gsm8k": [
        {
            "question": "Ada buys 4 pens at $1.50 and a pad at $3. What does she pay?",
            "answer": "The pens cost 4*1.50=$<<4*1.50=6>>6.\nShe pays 6+3=$<<6+3=9>>9.\n#### 9",
        },
        {"question": "A bus has 1,200 seats, half taken?", "answer": "Half is <<1200/2=601>>600.\n#### 1,600"},
    ],
    "math": [
        {"problem": "Solve $x + 1 = 3$.", "solution": "Subtract 1.", "answer": "2", "level": 1, "subject": "Algebra"}
    ],
    "codealpaca": [
        {"instruction": "Print the word.", "input": "pear", "output": 'print("pear")'},
        {"instruction": "Add 1 to x.", "input": "", "output": "x += 1"},
    ],
    "cot_collection": [{"source": "Is ice cold?", "rationale": "Ice is frozen.", "target": "yes", "task": "boolq"}],
    "camel": [
        {
            "role_1": "Mathematician",
            "topic;": "Algebra",
            "sub_topic": "Lines",
            "message_1": "Find the slope of y = 2x.",
            "message_2": "The slope is 2.",
        }
    ],
    "slimorca": [{"conversations": TURNS}],
    "sharegpt": [{"conversations": CALLED, "tools": json.dumps([FERRY]), "system": "Be brief."}],
    "glaive": [{"system": GLAIVE_SYSTEM, "chat": GLAIVE_CHAT}],
    "message_parts": [
        {
            "messages": [
                parts("user", ("text", "When does the ferry leave?")),
                parts("assistant", ("reasoning", "I look it up."), ("tool_call", json.dumps(FERRY_CALL))),
                parts("tool", ("text", '["9:10"]')),
                parts("assistant", ("text", "At 9:10.")),
            ],
            "tools": json.dumps([FERRY]),
        }
    ],
    "dpo": [
        {"prompt": "Name a prime above 7.", "chosen": "11", "rejected": "9"},
        {"chosen": list(SAID), "rejected": [SAID[0], {"role": "assistant", "content": "9"}]},
    ],
    "dpo_sharegpt": [
        {
            "conversations": [{"from": "human", "value": "Name a prime above 7."}],
            "chosen": {"from": "gpt", "value": "11"},
            "rejected": {"from": "gpt", "value": "9"},
        }
    ],
    "dpo_parts": [
        {
            "chosen_messages": [parts("user", ("text", "A prime above 7?")), parts("assistant", ("text", "11"))],
            "rejected_messages": [parts("user", ("text", "A prime above 7?")), parts("assistant", ("text", "9"))],
        }
    ],
    "kto": [{"prompt": "Name a prime above 7.", "completion": "9", "label": False}],
    "kto_messages": [{"messages": list(SAID), "label": True}],
    "prm800k": [
        prm_row(
            prm_step(("6 * 7 is 42.", 1), chosen=0),
            prm_step(("I add one.", 0), ("I add two.", -1), chosen=0),
            prm_step(("It is 44.", -1), ("Hm.", 0)),
        ),
        prm_row(prm_step(human={"text": "6 * 7 is 42.", "rating": 1}), prm_step(("43.", None), chosen=0)),
    ],
    "math_shepherd": [
        {
            "input": f"What is 6 * 7 + 1? Step 1: 6 * 7 = 42. {TAG}\nStep 2: It is 44. {TAG}",
            "label": "What is 6 * 7 + 1? Step 1: 6 * 7 = 42. +\nStep 2: It is 44. -",
            "task": "GSM8K",
        }
    ],
    "stepwise": [{"prompt": "What is 6 * 7 + 1?", "completions": ["It is 42.", "So 44."], "labels": [True, False]}],
    "processbench": [
        {
            "id": "gsm8k-0",
            "generator": "a",
            "problem": "What is 6 * 7 + 1?",
            "steps": ["It is 42.", "So 44.", "Done."],
            "final_answer_correct": False,
            "label": 1,
        }
    ],
    "rows": [
        {"question": "What is 2 + 2?", "answer": "4"},
        {"messages": list(SAID)},
        {"text": "Plain text."},
        {"prompt": [SAID[0]], "chosen": [SAID[1]], "rejected": [{"role": "assistant", "content": "9"}]},
        {"question": "What is 2 + 2?", "steps": [{"text": "It is 4.", "is_right": True}]},
    ],
}
