"""The demo: data, a tokenizer and a small model, generated from a seed, so that everything works
without a network.

The labels are not opinions; they follow from rules.

Pairs. A prompt is a small word problem, sometimes with a system message that asks for a form (one word, a full
sentence, the working shown). An answer is better than another

1. if it is right and the other is wrong: another number, another person;
2. if both are right, and only it has the form that was asked for.

Steps. A prompt is a story of several changes; the steps work it out one after another. A step is right if it takes up
the result of the step before (the first: the number in the story), does the next change of the story, and calculates
correctly. A wrong step does not make those after it wrong: each is judged on what it takes up.

Which answer is longer says nothing about which is better, and no prompt of the test rows is among the training rows. A
few rows are longer than the presets' `sequence_len`, so that the ledger has something to account for.
"""
