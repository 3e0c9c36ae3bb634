"""`python -m simvoice` is the `simvoice` command."""

from simvoice.cli import main

if __name__ == "__main__":
    main()
