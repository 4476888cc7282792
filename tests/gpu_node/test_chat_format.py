"""Untrusted text never becomes a special token, and the Hugging Face template renders the same ids as ours."""

import random
from functools import cache
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from gpu_node.data import chat_format
from gpu_node.data.chat_format import SPECIAL_TOKENS, encode_prompt, encode_text, encode_tool_result, special_ids
from gpu_node.data.tokenizer import tokenizer_train


@cache
def tokenizer() -> Tokenizer:
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 6))) for _ in range(400)]
    return tokenizer_train((" ".join(rng.choices(words, k=9)) for _ in range(3000)), 512)


fragments = st.lists(
    st.one_of(
        st.sampled_from(SPECIAL_TOKENS),
        st.sampled_from(SPECIAL_TOKENS).flatmap(lambda t: st.integers(0, len(t)).map(lambda i: t[:i])),
        st.sampled_from(SPECIAL_TOKENS).flatmap(lambda t: st.integers(0, len(t)).map(lambda i: t[i:])),
        st.text(max_size=8),
        st.characters(),
    ),
    max_size=6,
).map("".join)


@given(fragments)
@settings(max_examples=300, deadline=None)
def test_untrusted_text_never_gives_a_special_token(text: str) -> None:
    assert all(i >= len(SPECIAL_TOKENS) for i in encode_text(tokenizer(), text))


@given(fragments, fragments)
@settings(max_examples=200, deadline=None)
def test_a_form_split_over_two_texts_stays_text(first: str, second: str) -> None:
    ids = encode_text(tokenizer(), first) + encode_text(tokenizer(), second)
    assert all(i >= len(SPECIAL_TOKENS) for i in ids)


@given(fragments)
@settings(max_examples=100, deadline=None)
def test_a_dialogue_has_only_the_special_tokens_of_its_format(text: str) -> None:
    ids = special_ids(tokenizer())
    prompt = encode_prompt(tokenizer(), [SimpleNamespace(role="user", content=text)], tools_allowed=True)
    assert [i for i in prompt if i < len(SPECIAL_TOKENS)] == [ids.bos, ids.user, ids.end, ids.assistant]
    result = encode_tool_result(tokenizer(), text)
    assert [i for i in result if i < len(SPECIAL_TOKENS)] == [ids.tool_result, ids.tool_result_end]


@given(st.text(st.characters(codec="utf-8"), max_size=40))
@settings(max_examples=200, deadline=None)
def test_text_survives_encoding(text: str) -> None:
    assert tokenizer().decode(encode_text(tokenizer(), text), skip_special_tokens=False) == text


def test_special_tokens_have_the_first_ids() -> None:
    assert [tokenizer().token_to_id(t) for t in SPECIAL_TOKENS] == list(range(len(SPECIAL_TOKENS)))


def test_each_digit_is_one_token_wherever_it_stands() -> None:
    inside = [tokenizer().token_to_id(d) for d in "1729"]
    for text in ("1729", "number 1729", "(1729)", '"1729"'):
        ids = encode_text(tokenizer(), text)
        assert any(ids[i : i + 4] == inside for i in range(len(ids)))


def test_an_expression_is_the_same_tokens_after_a_space_and_after_a_quote() -> None:
    for expression in ("x^3 + 2x", "(y - 1)(y + 4)", "3t^2", "[[1, 2], [3, 4]]"):
        alone = encode_text(tokenizer(), expression)
        after_space = encode_text(tokenizer(), f"of {expression}")
        after_quote = encode_text(tokenizer(), f'{{"expression": "{expression}"}}')
        assert after_space[-len(alone) :] == alone
        assert any(after_quote[i : i + len(alone)] == alone for i in range(len(after_quote)))


def test_template_renders_the_ids_of_encode_prompt() -> None:
    from transformers import PreTrainedTokenizerFast

    hf = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(tokenizer().to_str()))
    hf.chat_template = chat_format.CHAT_TEMPLATE
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "What is 3 + 4?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "execute_python", "arguments": '{"code": "print(3 + 4)"}'}}],
        },
        {"role": "tool", "content": "7"},
        {"role": "assistant", "content": "7"},
        {"role": "user", "content": "And 8 + 9?"},
    ]
    ours = encode_prompt(tokenizer(), [SimpleNamespace(**m) for m in messages], tools_allowed=True)
    theirs = hf.apply_chat_template(messages, tokenize=True, add_generation_prompt=True, return_dict=False)
    assert ours == theirs
