"""A panel of its own under random faults, and a judge that believes only what lies outside the panel.

`./panel chaos --minutes N --seed S`; see docs/how-to/chaos.md.
"""
