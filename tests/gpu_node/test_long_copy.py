"""The long copy recipe's model copies past 8K as well as within, once its RoPE is scaled; its rows are as they say.

`long_copy_nano` holds the weights: `python -m gpu_node.recipes.long_copy` makes them, LOG.md has the figures.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from gpu_node.model.checkpoint import load_checkpoint
from gpu_node.model.transformer import Transformer, initialise
from gpu_node.recipes.long_copy import (
    CONFIG,
    LONG_TOKENS,
    NUM_ASKED,
    SEED,
    SPAN_TOKENS,
    TRAINED_TOKENS,
    CopyOrder,
    CopyRow,
    CopyStage,
    PositionedLoss,
    copied,
    row_draw,
    scaled,
    train,
)

NANO = Path(__file__).parent / "long_copy_nano"
LOST_MAX = 0.02
THINNED = CopyStage(2, (400, TRAINED_TOKENS), (4, 6), 2_048, (0, 9))


def test_past_8k_the_scaled_nano_copies_within_two_points_of_within_8k() -> None:
    model, config = load_checkpoint(NANO)
    assert config.context_tokens == TRAINED_TOKENS
    assert config.rope_scaling is None
    longer = scaled(model)
    within = copied(longer, num_tokens=TRAINED_TOKENS, num_rows=2, edges=(0, TRAINED_TOKENS))
    past = copied(longer, num_tokens=LONG_TOKENS, num_rows=1, edges=(TRAINED_TOKENS, LONG_TOKENS))
    (near,), (far,) = within.values(), past.values()
    assert near.n == 2 * NUM_ASKED
    assert far.n > NUM_ASKED / 2
    assert near.value > 0.95
    assert far.value > near.value - LOST_MAX, (near, far)


def test_a_thinned_row_is_the_whole_row_less_filler() -> None:
    for seed in range(20):
        whole, thin = (
            row_draw(np.random.Generator(np.random.PCG64(seed)), num_tokens=8_000, num_kept=kept) for kept in (None, 40)
        )
        assert thin.ids.size < 40 * SPAN_TOKENS + whole.distances.size + 1
        assert (np.diff(thin.positions) > 0).all()
        assert (thin.ids == whole.ids[thin.positions]).all()
        assert (thin.distances == whole.distances).all()
        kept = set(thin.positions.tolist())
        first_times = np.arange(8_000 - whole.distances.size, 8_000) - whole.distances
        assert (whole.ids[first_times] == whole.ids[-whole.distances.size :]).all()
        assert kept.issuperset(first_times.tolist())


def test_a_part_of_a_batch_has_its_own_rows_positions_and_their_loss() -> None:
    order = CopyOrder([THINNED], seed=3)
    batch, rows = order.batch(1), order.rows(1)
    part = replace(batch, **{name: getattr(batch, name)[1:3] for name in vars(batch)})
    for i, row in enumerate(rows[1:3]):
        assert (order.positions_BT(part)[i, : row.ids.size] == row.positions).all()
    model = Transformer(CONFIG)
    initialise(model, seed=1)
    with torch.no_grad():
        loss = PositionedLoss(order)(model, part, "cpu")
        asked = [_asked_losses(model, row) for row in rows[1:3]]
    torch.testing.assert_close(loss, torch.cat(asked).mean())


def _asked_losses(model: Transformer, row: CopyRow) -> torch.Tensor:
    ids = torch.from_numpy(row.ids)
    logits = model(ids[None], positions_BT=torch.from_numpy(row.positions)[None])[0, :-1]
    losses = F.cross_entropy(logits, ids[1:], reduction="none")
    return losses[-row.distances.size :][torch.from_numpy(row.is_asked)]


def test_a_training_is_taken_up_where_it_ended(tmp_path: Path) -> None:
    stages = (CopyStage(2, (36, 80), (1, 3), 512), THINNED)
    first = train(tmp_path, stages=stages)
    again = train(tmp_path, stages=stages)
    fresh = Transformer(CONFIG)
    initialise(fresh, seed=SEED)
    for name, parameter in first.named_parameters():
        assert torch.equal(parameter, again.get_parameter(name))
    assert not torch.equal(first.head_weight_VC, fresh.head_weight_VC)
