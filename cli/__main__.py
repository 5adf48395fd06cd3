"""`python -m cli`: how the launcher starts its children."""

from cli.main import main

main()
