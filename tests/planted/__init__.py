"""Encounters whose every event and sample is known.

`builder` makes the parts. The other modules are data sets: `talk` (every metric has a known value),
`recordings` (the same conversation as other recorders store it), `on_page` (every event that a
debrief can show) and `in_text` (a demo file, played without sound).
"""
