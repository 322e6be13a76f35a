"""What shards take, in buckets of powers of two, so that a change of one is news.

`control` says how fast the machine is, `buckets` when a recorded bucket still holds, `measured`
what the shards of this run took, and `verdict` what is to be said of it.
"""
