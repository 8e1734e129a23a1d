"""`python -m tracets`."""

from tracets.cli import main

main()
