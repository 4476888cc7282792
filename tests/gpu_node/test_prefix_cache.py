"""States of sequences that were read: the longest prefix is found, the bound holds, the oldest goes."""

import torch

from gpu_node.inference.prefix_cache import PrefixCache


def state(number: int) -> torch.Tensor:
    return torch.full((2, 1, 1, 1, 1), float(number))


def found(cache: PrefixCache, ids: list[int]) -> float | None:
    kept = cache.longest(ids)
    return None if kept is None else kept.flatten()[0].item()


def test_the_longest_prefix_that_leaves_an_id_is_found():
    cache = PrefixCache(tokens_max=100)
    for ids in ([1], [1, 2], [1, 2, 3], [4]):
        cache.keep(ids, state(len(ids)))
    assert found(cache, [1, 2, 9]) == 2
    assert found(cache, [1, 2, 3, 4]) == 3
    assert found(cache, [1, 2, 3]) == 2  # the last id is to be read again
    assert found(cache, [2, 3]) is None
    assert found(cache, []) is None


def test_what_was_used_longest_ago_goes_first():
    cache = PrefixCache(tokens_max=6)
    cache.keep([1, 2], state(1))
    cache.keep([3, 4], state(2))
    assert found(cache, [1, 2, 9]) == 1
    cache.keep([5, 6, 7], state(3))
    assert found(cache, [3, 4, 9]) is None
    assert found(cache, [1, 2, 9]) == 1
    assert cache.num_tokens == 5
    cache.keep([5, 6, 7], state(4))  # again: counted once
    assert (cache.num_tokens, found(cache, [5, 6, 7, 8])) == (5, 4)


def test_one_that_is_longer_than_the_bound_is_not_kept():
    cache = PrefixCache(tokens_max=2)
    cache.keep([1, 2, 3], state(1))
    assert (cache.num_tokens, found(cache, [1, 2, 3, 4])) == (0, None)
