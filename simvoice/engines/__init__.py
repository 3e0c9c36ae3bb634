"""Adapters to speech and language libraries. Each one fulfils a Protocol of `simvoice.ports`.

`tests/test_house.py` lists which file may import which library.
"""
