"""What the tests were seen to do: which module used which capability, held to the same table.

The contracts of type `capability` in .importlinter say which modules may read files, map memory,
start threads and so on. Another checker reads that in the sources; this one watches a test run.
`plugin` is loaded by `nox -s tests`, and writes what a whole shard did to `.nox/witness`;
`python -m emel_tools.boundaries.witness` judges all shards together.
"""
