"""`python -m lasermesh` is the command `lasermesh`."""

import sys

from lasermesh.cli import main

sys.exit(main())
