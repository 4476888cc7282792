"""Text from ids: characters never split, stop strings cut wherever the tokens end."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_node.data.chat_format import encode_text
from gpu_node.inference.scripted import byte_tokenizer
from gpu_node.reasoning.text_stream import TextStream, TokenBytes

TOKENIZER = byte_tokenizer()
BYTES = TokenBytes(TOKENIZER)


def pieces(content: str, stop: list[str] | None = None) -> tuple[list[str], TextStream]:
    stream = TextStream(BYTES, stop)
    given_out = [stream.feed([token_id]) for token_id in encode_text(TOKENIZER, content)]
    return [*given_out, stream.finish()], stream


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_the_pieces_are_the_text(content: str):
    out, _ = pieces(content)
    assert "".join(out) == content
    assert "\ufffd" not in "".join(out) or "\ufffd" in content


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet="ab\u00e9", max_size=20),
    st.lists(st.text(alphabet="ab\u00e9", min_size=1, max_size=4), max_size=3),
)
def test_a_stop_string_cuts_at_its_first_place(content: str, stop: list[str]):
    out, stream = pieces(content, stop)
    places = [content.find(text) for text in stop if text in content]
    # Of overlapping stop strings the one that completes first wins: text before it was already given out.
    ends = [content.find(text) + len(text) for text in stop if text in content]
    assert stream.is_stopped == bool(places)
    if places:
        completed = [text for text in stop if text in content and content.find(text) + len(text) == min(ends)]
        assert "".join(out) == content[: min(content.find(text) for text in completed)]
    else:
        assert "".join(out) == content


def test_invalid_bytes_become_replacement_characters():
    stream = TextStream(BYTES)
    bad = encode_text(TOKENIZER, "é")[:1]
    assert stream.feed(bad) == ""
    assert stream.feed(encode_text(TOKENIZER, "a")) == "\ufffda"


def test_special_tokens_have_no_text():
    assert BYTES.text([0, 1, 2, *encode_text(TOKENIZER, "x")]) == "x"
