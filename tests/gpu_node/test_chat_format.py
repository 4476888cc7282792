"""Untrusted text never becomes a special token, and the Hugging Face template renders the same ids as ours."""

import random
from functools import cache
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from gpu_node.data.chat_format import (
    CHATML,
    SPECIAL_TOKENS,
    SVEND,
    Dialect,
    TrainedCall,
    chat_template,
    encode_completion,
    encode_prompt,
    encode_text,
    encode_tool_result,
    render_dialogue,
    render_example,
    render_text,
    special_ids,
    tokens_add,
)
from gpu_node.data.tokenizer import tokenizer_train
from gpu_node.inference.scripted import byte_tokenizer
from gpu_node.protocol.data_rows import RowMessage

both_dialects = pytest.mark.parametrize("dialect", [SVEND, CHATML], ids=lambda dialect: dialect.name)


@cache
def tokenizer() -> Tokenizer:
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 6))) for _ in range(400)]
    return tokenizer_train((" ".join(rng.choices(words, k=9)) for _ in range(3000)), 512)


@cache
def tokenizer_of(dialect: Dialect) -> Tokenizer:
    return tokenizer() if dialect is SVEND else byte_tokenizer(dialect)


forms = st.sampled_from([*SPECIAL_TOKENS, *CHATML.tokens, CHATML.text_end])
fragments = st.lists(
    st.one_of(
        forms,
        forms.flatmap(lambda t: st.integers(0, len(t)).map(lambda i: t[:i])),
        forms.flatmap(lambda t: st.integers(0, len(t)).map(lambda i: t[i:])),
        st.text(max_size=8),
        st.characters(),
    ),
    max_size=6,
).map("".join)


@both_dialects
@given(text=fragments)
@settings(max_examples=300, deadline=None)
def test_untrusted_text_never_gives_a_special_token(dialect: Dialect, text: str) -> None:
    assert not set(encode_text(tokenizer_of(dialect), text)) & special_ids(tokenizer_of(dialect)).markup


@both_dialects
@given(first=fragments, second=fragments)
@settings(max_examples=200, deadline=None)
def test_a_form_split_over_two_texts_stays_text(dialect: Dialect, first: str, second: str) -> None:
    ids = encode_text(tokenizer_of(dialect), first) + encode_text(tokenizer_of(dialect), second)
    assert not set(ids) & special_ids(tokenizer_of(dialect)).markup


@both_dialects
@given(text=fragments)
@settings(max_examples=100, deadline=None)
def test_a_dialogue_has_only_the_special_tokens_of_its_format(dialect: Dialect, text: str) -> None:
    known = tokenizer_of(dialect)
    ids = special_ids(known)
    prompt = encode_prompt(known, [SimpleNamespace(role="user", content=text)], tools_allowed=True)
    openers = [ids.openers["user"], ids.end, ids.openers["assistant"]]
    assert [i for i in prompt if i in ids.markup] == [*ids.start, *openers]
    assert len(ids.turn_starts(prompt, "user")) == 1
    result = encode_tool_result(known, text)
    assert [i for i in result if i in ids.markup] == [ids.tool_result, ids.tool_result_end]


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


@both_dialects
def test_template_renders_the_ids_of_encode_prompt(dialect: Dialect) -> None:
    from transformers import PreTrainedTokenizerFast

    known = tokenizer_of(dialect)
    hf = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(known.to_str()))
    hf.chat_template = chat_template(dialect)
    messages = [
        {"role": "system", "content": "\n be brief\n"},
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
    ours = encode_prompt(known, [SimpleNamespace(**m) for m in messages], tools_allowed=True)
    theirs = hf.apply_chat_template(messages, tokenize=True, add_generation_prompt=True, return_dict=False)
    assert ours == theirs


@both_dialects
def test_a_row_is_the_prompt_and_what_the_model_is_to_write(dialect: Dialect) -> None:
    known = tokenizer_of(dialect)
    ids = special_ids(known)
    call = TrainedCall("execute_python", '{"code": "print(7)"}', "7")
    row, weights = render_example(known, question="3 + 4?", thought="add", calls=[call], conclusion="", answer="7")
    prompt = encode_prompt(known, [SimpleNamespace(role="user", content="3 + 4?")], tools_allowed=True)
    assert row[: len(prompt)] == prompt
    result = encode_tool_result(known, "7")
    written = [*row[len(prompt) : row.index(ids.tool_result)], *row[row.index(ids.tool_result_end) + 1 :]]
    assert sum(weight == 1.0 for weight in weights) == len(written) == len(row) - len(prompt) - len(result)
    assert row[-1] == ids.end


@both_dialects
def test_a_dialogue_learns_the_answer_and_its_end_alone(dialect: Dialect) -> None:
    known = tokenizer_of(dialect)
    ids = special_ids(known)
    turns = [RowMessage(role="user", content="a"), RowMessage(role="assistant", content="b")]
    row, weights = render_dialogue(known, turns)
    learnt = [id_ for id_, weight in zip(row, weights, strict=True) if weight == 1.0]
    assert learnt == [*encode_text(known, "b"), ids.end]
    assert row[len(row) - len(ids.tail) - 1] == ids.end


def test_chatml_texts_have_no_turns_and_end_where_a_document_ends() -> None:
    known = byte_tokenizer(CHATML)
    ids = special_ids(known)
    assert encode_completion(known, "ab") == encode_text(known, "ab")
    assert encode_completion(known, "") == [ids.text_end]
    assert render_text(known, "ab")[0][-1] == ids.text_end
    assert set(ids.eos) == {ids.end, ids.text_end, ids.tool_call_end}
    assert not set(ids.never_sampled) & set(ids.eos)


def test_a_foreign_tokenizer_gets_what_its_dialect_lacks() -> None:
    foreign = byte_tokenizer(CHATML)
    size = foreign.get_vocab_size()
    assert tokens_add(foreign) == []
    bare = Tokenizer.from_str(foreign.to_str().replace("<|tool_call|>", "<|other|>").replace("<|im_", "<|am_"))
    with pytest.raises(ValueError, match="import"):
        special_ids(bare)
    assert tokens_add(bare) == ["<|im_start|>", "<|im_end|>", "<|tool_call|>"]
    assert special_ids(bare).tool_call == size + 2
    assert not set(encode_text(bare, "<|tool_call|><|im_start|>")) & special_ids(bare).markup
