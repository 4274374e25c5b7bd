"""`python -m hilum` is the same as `hilum`."""

import sys

from hilum.cli import main

if __name__ == "__main__":
    sys.exit(main())
