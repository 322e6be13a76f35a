"""Wall time as ratios: to the code that was recorded, and to controls that never change.

A case runs a package's code for about a millisecond. In one process it takes turns with the same
case over the recorded sources (`worlds`) and with a frozen control (`controls`); several processes,
one after another, give as many estimates (`sampling`), and a rule that looks at nothing else says
slower, same, quicker, or too noisy to tell (`decision`).
"""
