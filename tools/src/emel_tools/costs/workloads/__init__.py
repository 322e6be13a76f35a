"""One module a package, each with the table of its workloads."""
