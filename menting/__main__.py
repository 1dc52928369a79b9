"""`python -m menting` is the `menting` command."""

from menting.cli.main import main

main()
