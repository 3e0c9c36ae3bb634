"""What of an attempt leaves the learner's machine: levels, files, and how a record is reduced.

Laptop and hub read the same definitions, so that what a learner confirms is what a hub accepts.
"""
