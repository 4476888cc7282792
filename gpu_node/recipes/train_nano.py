"""`make train-nano`: trains svend-nano and its critic from nothing, in stages that each leave their result on disk.

Rows, reasoner, samples and critic lie in the work folder; started again, it goes on where it was stopped (the trainer
resumes exactly). The finished checkpoints go to `--out`; the shipped ones were made by this command.
Not here: the numbers (svend_nano.py), the measuring of the finished models (`python -m gpu_node evaluate`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer

from gpu_node.data.chat_format import special_ids
from gpu_node.data.packing import RowPool, Stage, StagedOrder, pool_build, pool_load
from gpu_node.data.problem import HELD_OUT_SEED_FIRST
from gpu_node.data.tokenizer import tokenizer_files, tokenizer_load
from gpu_node.model.checkpoint import load_checkpoint, save_checkpoint
from gpu_node.model.transformer import Transformer, initialise
from gpu_node.recipes import svend_nano as recipe
from gpu_node.recipes.nano_critic import (
    Judged,
    answer_scores,
    auc,
    critic_rows,
    policy_sample,
    problems_draw,
    thresholds_choose,
)
from gpu_node.recipes.nano_rows import (
    ROW_TOKENS_MAX,
    PoolSpec,
    mixture_make,
    pool_make,
    spans_make,
    tokenizer_make,
    validation_make,
)
from gpu_node.training.exact_rate import ExactRates
from gpu_node.training.job_frames import JobLog
from gpu_node.training.trainer import LAST_FOLDER, RunPace, TrainConfig, Trainer

EVALUATE_SECONDS = 240.0  # between two looks at the validation rows; one costs 10-20 s


class ReasonerTraining:
    """The trainings of one reasoner over one work folder: rows drawn once, each training from the former's result."""

    def __init__(self, work: Path, tokenizer: Tokenizer, *, pace: RunPace) -> None:
        self.work, self.tokenizer, self.pace = work, tokenizer, pace
        self.rows = work / "rows"
        self.rows.mkdir(parents=True, exist_ok=True)
        self.log = JobLog(work / "reasoner" / "job.ndjson")

    def from_nothing(self) -> Transformer:
        """The curriculum from random weights, then the refinement over puzzles."""
        pools = self._pools(recipe.ROWS)
        words_from = pools[recipe.SPANS_WORDS_FROM.name]
        spans = spans_make(self.rows, words_from, self.tokenizer, num=recipe.NUM_SPANS, seed=recipe.SPANS_SEED)
        model = Transformer(recipe.REASONER.model)
        initialise(model, seed=recipe.REASONER.seed)
        stages = [Stage(mixture_make(mixture, pools, spans), num_steps) for mixture, num_steps in recipe.STAGES]
        model = self._trained(model, recipe.REASONER, stages, "reasoner")
        refinement = [Stage(mixture_make(recipe.REFINE_MIXTURE, pools, spans), recipe.REFINE.num_steps)]
        return self._trained(model, recipe.REFINE, refinement, "refined")

    def widened(self, model: Transformer) -> Transformer:
        """The last trainings: over many more wordings of everything, then over rare names."""
        pools = self._pools(recipe.LAST_ROWS)
        for config, mixture, name in recipe.WIDENINGS:
            rows = mixture_make(mixture, pools, spans=None)
            model = self._trained(model, config, [Stage(rows, config.num_steps)], name)
        return model

    def _pools(self, specs: Sequence[PoolSpec]) -> dict[str, RowPool]:
        pools = {}
        for spec in specs:
            self.log.write("log", message=f"rows {spec.name}")
            pools[spec.name] = pool_make(self.rows, spec, self.tokenizer)
        return pools

    def _trained(self, model: Transformer, config: TrainConfig, stages: list[Stage], name: str) -> Transformer:
        folder = self.work / name
        validation = validation_make(self.rows, self.tokenizer, num_per_family=recipe.VALIDATION_PER_FAMILY)
        trainer = Trainer(
            config=config,
            model=model,
            order=StagedOrder(stages, batch_tokens=config.batch_tokens, seed=config.seed),
            folder=folder,
            log=JobLog(folder / "job.ndjson"),
            pace=self.pace,
            evaluate=ExactRates(validation, special_ids(self.tokenizer)),
            tokenizer_files=tokenizer_files(self.tokenizer, context_tokens=config.model.context_tokens),
        )
        trainer.resume()
        if trainer.progress < 1.0:
            trainer.train()
        return load_checkpoint(folder / LAST_FOLDER)[0]


def samples_draw(
    policy: Transformer, tokenizer: Tokenizer, log: JobLog, *, is_held_out: bool, phrasings: str = "train"
) -> list[Judged]:
    first = HELD_OUT_SEED_FIRST + 500_000_000 if is_held_out else recipe.CRITIC_SEED_START
    problems = problems_draw(
        seed_start=first,
        num=recipe.HELD_OUT_PROBLEMS if is_held_out else recipe.CRITIC_PROBLEMS,
        phrasings="held_out" if phrasings == "held_out" else "train",
        seed=int(is_held_out),
    )
    return asyncio.run(
        policy_sample(
            policy,
            tokenizer,
            problems,
            num_samples=recipe.HELD_OUT_SAMPLES if is_held_out else recipe.CRITIC_SAMPLES,
            temperature=recipe.HELD_OUT_TEMPERATURE if is_held_out else recipe.CRITIC_TEMPERATURE,
            seed=first % 1_000_003,
            report=lambda done, total, right: log.write("log", message=f"samples {done}/{total}, {right} right"),
        )
    )


def critic_train(work: Path, policy: Transformer, tokenizer: Tokenizer, *, pace: RunPace) -> Transformer:
    """The reasoner's body with a score head, on the samples of `policy`."""
    log = JobLog(work / "critic" / "job.ndjson")
    config = recipe.CRITIC
    samples = work / "critic" / "samples.npz"
    if not samples.exists():
        judged = samples_draw(policy, tokenizer, log, is_held_out=False)
        rows = critic_rows(
            judged,
            tokenizer,
            seed=config.seed,
            right_per_wrong=recipe.CRITIC_RIGHT_PER_WRONG,
            altered_share=recipe.CRITIC_ALTERED_SHARE,
        )
        pool_build(rows, tokens_max=ROW_TOKENS_MAX).save(samples)
    pool = pool_load(samples)
    critic = Transformer(config.model)
    initialise(critic, seed=config.seed)
    critic.load_state_dict(policy.state_dict(), strict=False)
    trainer = Trainer(
        config=config,
        model=critic,
        order=StagedOrder([Stage(pool, config.num_steps)], batch_tokens=config.batch_tokens, seed=config.seed),
        folder=work / "critic",
        log=log,
        pace=pace,
    )
    if not trainer.resume() or trainer.progress < 1.0:
        trainer.train()
    return critic.eval()


def critic_measure(critic: Transformer, policy: Transformer, tokenizer: Tokenizer, log: JobLog) -> dict[str, float]:
    """AUC and thresholds on samples of seeds that neither model was trained on, half of them in unseen phrasings."""
    judged = samples_draw(policy, tokenizer, log, is_held_out=True)
    judged += samples_draw(policy, tokenizer, log, is_held_out=True, phrasings="held_out")
    truth = [j.is_right for j in judged]
    scores = answer_scores(critic, judged)
    accept, reject = thresholds_choose(
        scores, truth, accept_precision=recipe.ACCEPT_PRECISION, reject_precision=recipe.REJECT_PRECISION
    )
    return {
        "accept_above": round(accept, 4),
        "reject_below": round(reject, 4),
        "auc": round(auc(scores, truth), 4),
        "num_samples": len(judged),
        "share_right": round(sum(truth) / len(truth), 4),
    }


def export(out: Path, reasoner: Transformer, critic: Transformer, measured: dict[str, float], tok: Tokenizer) -> None:
    files = tokenizer_files(tok, context_tokens=reasoner.config.context_tokens)
    save_checkpoint(out / recipe.REASONER_NAME, reasoner, tokenizer_files=files)
    verifier = {**files, "verifier.json": json.dumps(measured, indent=2) + "\n"}
    save_checkpoint(out / recipe.CRITIC_NAME, critic, tokenizer_files=verifier)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gpu_node.recipes.train_nano", description=__doc__)
    parser.add_argument("--work-dir", type=Path, default=Path("var/train-nano"))
    parser.add_argument("--out", type=Path, default=Path("var/train-nano/weights"))
    parser.add_argument("--time-budget-minutes", type=float, help="of the reasoner's training; not reproducible")
    parser.add_argument("--refined", type=Path, help="a refined reasoner to start the last training from")
    parser.add_argument("--compile", action="store_true", help="torch.compile: faster where a C++ compiler is at hand")
    options = parser.parse_args(arguments)
    budget = options.time_budget_minutes
    started = time.monotonic()
    pace = RunPace(
        time_budget_seconds=budget * 60 if budget else None,
        evaluate_seconds=EVALUATE_SECONDS,
        is_compiled=options.compile,
        has_progress_bar=True,
    )
    torch.set_num_threads(max(1, torch.get_num_threads()))
    if options.refined is not None:
        tokenizer = tokenizer_load(options.refined)
        refined, _ = load_checkpoint(options.refined)
        reasoner = ReasonerTraining(options.work_dir, tokenizer, pace=pace).widened(refined)
    else:
        tokenizer = tokenizer_make(options.work_dir / "rows")
        training = ReasonerTraining(options.work_dir, tokenizer, pace=pace)
        reasoner = training.widened(training.from_nothing())
    critic = critic_train(options.work_dir, reasoner, tokenizer, pace=RunPace())
    log = JobLog(options.work_dir / "critic" / "job.ndjson")
    measured = critic_measure(critic, reasoner, tokenizer, log)
    export(options.out, reasoner, critic, measured, tokenizer)
    log.write("log", message=f"done in {(time.monotonic() - started) / 60:.0f} minutes", **measured)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
