"""One module a lane; each hands out its `LANE` (`emel_tools.running.Lane`).

What a lane needs beyond deciding what to look at lies in a room of its own (`emel_tools.costs`,
`emel_tools.boundaries`), and is imported inside `run`, in the process that runs it.
"""
