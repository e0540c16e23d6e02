"""The keeper's program: ``python -m tests.services NAME``, started by :func:`tests.services.keeper.kept`."""

import sys

from tests.services import cluster, postgresql
from tests.services.keeper import keep

keep({"postgres": postgresql.served, "kafka": cluster.served}[sys.argv[1]])
