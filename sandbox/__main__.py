"""`python -m sandbox`: the sandbox as a process of its own."""

import sys

from sandbox.running import main

sys.exit(main())
