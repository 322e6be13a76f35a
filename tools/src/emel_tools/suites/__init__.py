"""The tests: how each suite is run, what that run tells, and whether its tests can fail at all.

A suite is the tests of one package, run by themselves in one process, or in several `parts`. The
`plugin` writes down what pytest did; `verdict` judges it. `written` reads the tests without running
them. `narrowing` decides which of a suite's tests run: what each calls was noted by `reaching`, and
is kept by `reached`. `missing` says which lines and branches a suite left out of its own package.
"""
