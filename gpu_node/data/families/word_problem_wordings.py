"""The sentences of word problems, kind by kind: (parts for training, parts held out).

A part is a list of interchangeable sentences; a phrasing takes one of each part. Slots: names {n} {m}, a pronoun {he},
things {t} {u} {v}, a container {box} {boxes}, an article of a shop {goods}, {walker}, {day}, numbers {a} {b} {c} {d}.
"""

from gpu_node.data.families import word_wordings_counting, word_wordings_steps, word_wordings_trade

WORDINGS = {**word_wordings_counting.WORDINGS, **word_wordings_steps.WORDINGS, **word_wordings_trade.WORDINGS}
