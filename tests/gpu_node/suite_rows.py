"""Invented rows in the layout of each suite, written as its files lie under `--data`."""

import gzip
import json
from pathlib import Path
from typing import Any

TRIANGLE = {"name": "area.of", "description": "An area.", "parameters": {"type": "dict", "properties": {
    "base": {"type": "float"}, "unit": {"type": "string"}}, "required": ["base"]}}  # fmt: skip
OPTIONS = ["A) 6", "B) 9", "C) 12"]
LOGIC = {
    "id": "l1",
    "context": "Every wug is blue. Tim is a wug.",
    "question": "True or false? Tim is blue.",
    "options": ["A) True", "B) False"],
    "answer": "A",
}

FILES: dict[str, list[dict[str, Any]]] = {
    "gsm8k/train.jsonl.gz": [
        {"question": f"Mo has {n} pens and buys 1,000. How many now?", "answer": f"{n}+1000\n#### 1,{n:03}"}
        for n in range(2, 5)
    ],
    "mawps/addsub.jsonl": [{"input": "2 cats and 3 cats . How many ?", "target": 5.0}],
    "aqua/dev.json": [{"question": "3 times 3?", "options": OPTIONS, "rationale": "", "correct": "B"}],
    "college_math/all.jsonl": [{"question": "Halve $x$", "answer": r"$\frac{x}{2}$", "data_topic": "cm.algebra"}],
    "rubi/integrals.jsonl": [{"integrand_sympy": "2*x*a", "antiderivative_sympy": "a*x**2", "var": "x"}],
    "folio/train.jsonl": [
        {"premises": ["All wugs sing.", "Tim is a wug."], "conclusion": "Tim sings.", "label": "True"}
    ],
    "mbpp/mbpp.jsonl": [
        {
            "task_id": n,
            "text": "Write double(n).",
            "code": "def double(n):\n    return 2 * n",
            "test_setup_code": "",
            "test_list": ["assert double(2) == 4", "assert double(0) == 0"],
        }
        for n in (10, 11, 510, 511)
    ],
    "bfcl/data/BFCL_v4_simple.json": [
        {"id": "s0", "question": [[{"role": "user", "content": "Area for base 3?"}]], "function": [TRIANGLE]}
    ],
    "bfcl/data/possible_answer/BFCL_v4_simple.json": [
        {"id": "s0", "ground_truth": [{"area.of": {"base": [3], "unit": ["m", ""]}}]}
    ],
    "bfcl/data/BFCL_v4_irrelevance.json": [
        {"id": "i0", "question": [[{"role": "user", "content": "Sing."}]], "function": [TRIANGLE]}
    ],
}
DOCUMENTS: dict[str, Any] = {
    "logic_llm/ProofWriter/dev.json": [LOGIC],
    "logic_llm/ProntoQA/dev.json": [LOGIC],
    "logic_llm/LogicalDeduction/dev.json": [LOGIC],
    "bbh/navigate.json": {"canary": "", "examples": [{"input": "Back at the start?\n- Yes\n- No", "target": "No"}]},
    "bbh/dates.json": {"canary": "", "examples": [{"input": "Options:\n(A) 1 May\n(B) 2 May", "target": "(B)"}]},
    "bbh/counting.json": {"canary": "", "examples": [{"input": "How many?", "target": "8"}]},
}


def suites_written(folder: Path) -> Path:
    for name, rows in FILES.items():
        write(folder / name, "\n".join(map(json.dumps, rows)) + "\n")
    for name, document in DOCUMENTS.items():
        write(folder / name, json.dumps(document, indent=1))
    return folder


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w") as file:
        file.write(text)
    return path
