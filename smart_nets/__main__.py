"""`python -m smart_nets VERB`."""

from smart_nets.cli import main

main()
