"""What named workloads cost, counted and not timed: the machinery of the lane `costs`.

`workloads/` has a module a package, each with a table of functions; everything else here counts
what such a function makes the system and the interpreter do. docs/design/costs.md says how.
"""
