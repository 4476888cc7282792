"""From token ids to text while they come: UTF-8 never split, stop strings cut even across tokens.

The tokenizer is byte-level, so a token is some bytes, not some characters. Special tokens have no text.
Not here: which ids belong to which step (`tool_call_parser`). Invariant: the pieces given out, joined, are
the decoded text of all ids fed, up to the first stop string; no piece is ever taken back.
"""

import codecs
from functools import cached_property

from tokenizers import Tokenizer


def _byte_of_character() -> dict[str, int]:
    """The byte-level alphabet: printable bytes stand for themselves, the others are moved above 255."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    alphabet = {chr(byte): byte for byte in printable}
    moved = [byte for byte in range(256) if byte not in printable]
    return alphabet | {chr(256 + index): byte for index, byte in enumerate(moved)}


class TokenBytes:
    """The bytes of each token id; empty for special tokens."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        alphabet = _byte_of_character()
        added = tokenizer.get_added_tokens_decoder()
        self._bytes: list[bytes] = []
        for token_id in range(tokenizer.get_vocab_size(with_added_tokens=True)):
            token = tokenizer.id_to_token(token_id)
            if token is None or (token_id in added and added[token_id].special):
                self._bytes.append(b"")
            elif token_id in added:
                self._bytes.append(token.encode())
            elif all(character in alphabet for character in token):
                self._bytes.append(bytes(alphabet[character] for character in token))
            else:
                raise ValueError(f"token {token_id} {token!r} is not of a byte-level tokenizer")

    def __len__(self) -> int:
        return len(self._bytes)

    def __getitem__(self, token_id: int) -> bytes:
        return self._bytes[token_id]

    @cached_property
    def line_ends(self) -> frozenset[int]:
        """The tokens that end in a line break."""
        return frozenset(token_id for token_id, text in enumerate(self._bytes) if text.endswith(b"\n"))

    def text(self, ids: list[int]) -> str:
        return b"".join(self._bytes[token_id] for token_id in ids).decode(errors="replace")


class TextStream:
    """Decodes ids as they come and stops at the first stop string."""

    def __init__(self, token_bytes: TokenBytes, stop: list[str] | None = None) -> None:
        self._token_bytes = token_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._stop = [text for text in stop or [] if text]
        self._held = ""  # the tail that may be the beginning of a stop string
        self.is_stopped = False

    def feed(self, ids: list[int]) -> str:
        """The text that may be shown now."""
        return self._release(self._decoder.decode(b"".join(self._token_bytes[token_id] for token_id in ids)))

    def finish(self) -> str:
        """What was held back, when no more ids come."""
        text = self._release(self._decoder.decode(b"", final=True)) + self._held
        self._held = ""
        return text

    def _release(self, text: str) -> str:
        if self.is_stopped:
            return ""
        text = self._held + text
        cuts = [place for place in (text.find(stop) for stop in self._stop) if place >= 0]
        if cuts:
            self.is_stopped, self._held = True, ""
            return text[: min(cuts)]
        num_held = max((_overlap(text, stop) for stop in self._stop), default=0)
        self._held = text[len(text) - num_held :]
        return text[: len(text) - num_held]


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of `text` that begins `stop`."""
    return next((size for size in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:size])), 0)
