"""`python -m tests.benchmarks.bench_data [--rows N]`: rows a second and bytes a row of mixing, by filter, as JSON."""

import argparse
import json
import random
import resource
import tempfile
import time
from pathlib import Path

from gpu_node.data.mixing.mixture import Mixture, MixtureSpec
from gpu_node.data.mixing.sources import Source

WORDS = [f"word{n}" for n in range(5_000)]
ROW_WORDS = 120  # of a question and its answer: about what public sets have
MEASURED_ROWS = 1_000


def rows_write(path: Path, count: int, seed: int) -> None:
    rng = random.Random(seed)
    with path.open("w") as file:
        for _ in range(count):
            words = rng.choices(WORDS, k=ROW_WORDS)
            file.write(json.dumps({"question": " ".join(words[:40]), "answer": " ".join(words[40:])}) + "\n")


def measured(spec: MixtureSpec, count: int) -> dict[str, float]:
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    kept = sum(1 for _ in Mixture(spec).rows())
    seconds = time.monotonic() - started
    assert kept == count
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"rows_per_second": round(count / seconds), "bytes_per_row": round(grown * 1024 / count)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000)
    count = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as name:
        rows_write(Path(name) / "rows.jsonl", count, seed=1)
        rows_write(Path(name) / "dev.jsonl", MEASURED_ROWS, seed=2)
        sources, dev = [Source(name=str(Path(name) / "rows.jsonl"))], Path(name) / "dev.jsonl"
        # In the order of their memory: what the process once had does not shrink.
        specs = {
            "read": MixtureSpec(sources, has_duplicates=True),
            "exact_duplicates": MixtureSpec(sources),
            "contamination": MixtureSpec(sources, against=[dev]),
            "near_duplicates": MixtureSpec(sources, near_threshold=0.8),
        }
        print(json.dumps({"rows": count, **{name: measured(spec, count) for name, spec in specs.items()}}))


if __name__ == "__main__":
    main()
