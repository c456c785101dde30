"""Rules of our own for the gateway's code, held on its syntax trees: what no linter knows.

`test_rules.py` holds the tree to them, and each of them to code that breaks it.
"""
