"""What the lane `fuzz` runs: files, requests and events that lie, held to readers of our own.

Everything is drawn from one seed, so a run is a function of the tree and of that number. What is
found is made small, is said with what was expected, and belongs into `tools/corpus` once it is
mended. Nothing here uses the code that it judges but by its front door, and the oracles share
nothing with it: a rule that the packages drop is still a rule here.
"""
