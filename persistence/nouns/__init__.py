"""One small class a noun: what the domain asks of a transaction, in the words of `domain.store`.

Each says its own statements aloud; what they share (locks, failures, uniqueness) is the `Session` that they are given.
"""
