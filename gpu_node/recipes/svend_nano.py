"""The numbers that made svend-nano and svend-verifier-nano: seeds, rows, stages, rates. Nothing here computes.

LOG.md beside this file says what was tried and why these were kept. A change here is another model.
"""

from dataclasses import replace

from gpu_node.model.config import PRESETS
from gpu_node.recipes.nano_rows import Mixture, Part, PoolSpec
from gpu_node.training.optim import OptimConfig
from gpu_node.training.trainer import TrainConfig

REASONER_NAME = "svend-nano"
CRITIC_NAME = "svend-verifier-nano"
BATCH_TOKENS = 4096  # small batches: copying appears after a number of steps, not of tokens

# Rows of the families, drawn once. `copy`: two rows of five only repeat words, numbers and expressions.
COPY = PoolSpec(name="copy", seed_start=500_000_000, num_seeds=24_000, copy_share=0.4)
FIRST = PoolSpec(name="main1", seed_start=0, num_seeds=40_000, copy_share=0.06)
LARGE = PoolSpec(name="main2", seed_start=1_000_000, num_seeds=120_000, copy_share=0.03)
LAST = PoolSpec(name="main3", seed_start=2_000_000, num_seeds=60_000, copy_share=0.03)
LOGIC = PoolSpec(
    name="logic",
    seed_start=3_000_000,
    num_seeds=14_000,
    copy_share=0.0,
    families=("knights_two", "knights_three", "ordering", "logic_rules", "logic_entailment", "syllogism"),
)
NEWEST = PoolSpec(name="main4", seed_start=4_000_000, num_seeds=30_000, copy_share=0.02)
# Drawn after the families were given many more wordings; the reasoner reads them last.
WORDINGS = PoolSpec(name="wordings", seed_start=5_000_000, num_seeds=60_000, copy_share=0.02)
PUZZLES = PoolSpec(
    name="puzzles",
    seed_start=6_000_000,
    num_seeds=20_000,
    copy_share=0.0,
    families=("knights_open", "knights_two", "knights_three", "ordering", "logic_rules", "logic_entailment"),
)
ROWS = (COPY, FIRST, LARGE, LAST, LOGIC, NEWEST)
MORE_WORDINGS = replace(WORDINGS, name="wordings2", seed_start=7_000_000)
MORE_PUZZLES = replace(PUZZLES, name="puzzles2", seed_start=8_000_000)
# With rare and invented names, which take several tokens.
NAMES = replace(WORDINGS, name="names", seed_start=9_000_000, num_seeds=24_000)
PUZZLE_NAMES = replace(PUZZLES, name="puzzle_names", seed_start=10_000_000, num_seeds=14_000)
LAST_ROWS = (WORDINGS, PUZZLES, MORE_WORDINGS, MORE_PUZZLES, NAMES, PUZZLE_NAMES)

# (mixture, steps). Rows of spans (span_rows.py) teach to copy anything; LOG.md says what happened when they came.
NUM_SPANS = 60_000
SPANS_SEED = 11
SPANS_WORDS_FROM = LARGE
# Their calls are the longest and copy the most names: they were the last to leave zero.
LONG_CALLS = (
    "knights_two",
    "knights_three",
    "ordering",
    "logic_rules",
    "logic_entailment",
    "logic_formula",
    "syllogism",
    "clock_time",
)
STAGES = (
    (Mixture(parts=(Part(COPY),)), 350),
    (Mixture(parts=(Part(FIRST),)), 950),
    (Mixture(parts=(Part(LARGE),)), 500),
    (Mixture(spans=(0, 30_000), parts=(Part(LARGE, last=14_000),)), 300),
    (Mixture(spans=(30_000, 45_000), parts=(Part(LARGE),)), 250),
    (Mixture(spans=(45_000, 53_000), parts=(Part(LARGE, first=60_000, last=110_000), Part(LAST))), 250),
    (
        Mixture(
            spans=(53_000, 60_000),
            parts=(Part(LARGE, last=50_000), Part(LARGE, families=LONG_CALLS), Part(LAST)),
        ),
        800,
    ),
    (Mixture(parts=(Part(LOGIC), Part(NEWEST), Part(LAST, first=30_000, last=42_000))), 800),
)
VALIDATION_PER_FAMILY = 8

REASONER = TrainConfig(
    objective="language",
    model=PRESETS["nano"],
    num_steps=sum(num_steps for _, num_steps in STAGES),
    batch_tokens=BATCH_TOKENS,
    seed=1,
    recipe=REASONER_NAME,
    optim=OptimConfig(),
)

# Once more over the puzzles, with smaller steps and a fresh optimiser: they were at half when all else was above 90 %.
REFINE_MIXTURE = Mixture(parts=(Part(LOGIC), Part(NEWEST, last=15_000)))
REFINE = replace(
    REASONER,
    num_steps=700,
    seed=3,
    recipe=f"{REASONER_NAME}-refined",
    optim=OptimConfig(muon_learning_rate=0.008, adamw_learning_rate=1.2e-3, warmup_steps=40),
)

# And over many more wordings of everything: what carries over to a person's own words is the variety of wordings.
# Twice, each over rows of its own: large steps first, which cost some of what it knew, then smaller ones.
WIDEN_MIXTURE = Mixture(parts=(Part(WORDINGS), Part(PUZZLES)))
WIDEN = replace(
    REASONER,
    num_steps=1700,
    seed=4,
    recipe=f"{REASONER_NAME}-widened",
    optim=OptimConfig(muon_learning_rate=0.010, adamw_learning_rate=1.5e-3, warmup_steps=40),
)

WIDEN_MORE_MIXTURE = Mixture(parts=(Part(MORE_WORDINGS), Part(MORE_PUZZLES)))
WIDEN_MORE = replace(
    WIDEN,
    num_steps=1_000,
    seed=5,
    recipe=f"{REASONER_NAME}-widened-more",
    optim=OptimConfig(muon_learning_rate=0.006, adamw_learning_rate=0.9e-3, warmup_steps=30),
)

# And once more, with names that it must copy token by token ("Theo" became "The").
NAMES_MIXTURE = Mixture(parts=(Part(NAMES), Part(PUZZLE_NAMES)))
NAMED = replace(WIDEN_MORE, num_steps=520, seed=6, recipe=f"{REASONER_NAME}-named")

WIDENINGS = (
    (WIDEN, WIDEN_MIXTURE, "widened"),
    (WIDEN_MORE, WIDEN_MORE_MIXTURE, "widened-more"),
    (NAMED, NAMES_MIXTURE, "named"),
)

# The policy's samples that the critic learns from, and those it is measured on: other seeds, other phrasings too.
CRITIC_PROBLEMS = 1_800
CRITIC_SAMPLES = 3
CRITIC_TEMPERATURE = 1.0
CRITIC_SEED_START = 700_000_000
CRITIC_RIGHT_PER_WRONG = 3.0
CRITIC_ALTERED_SHARE = 0.3
HELD_OUT_PROBLEMS = 220
HELD_OUT_SAMPLES = 2
HELD_OUT_TEMPERATURE = 0.7
ACCEPT_PRECISION = 0.97
REJECT_PRECISION = 0.60

CRITIC = TrainConfig(
    objective="score",
    model=replace(PRESETS["nano"], has_score_head=True),
    num_steps=320,
    batch_tokens=BATCH_TOKENS,
    seed=2,
    recipe=CRITIC_NAME,
    # A trained body under a fresh head: a quarter of the reasoner's rates keeps what it knows.
    optim=OptimConfig(muon_learning_rate=0.005, adamw_learning_rate=1.5e-3, warmup_steps=15),
)
