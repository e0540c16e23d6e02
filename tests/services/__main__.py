"""``python -m tests.services …``: a keeper's program, or ``jars``, which writes ``kafka-jars.lock`` anew."""

import sys

from tests.services import cluster, jars, postgresql, program
from tests.services.keeper import keep

match sys.argv[1]:
    case "postgres":
        keep(postgresql.served)
    case "kafka":
        keep(cluster.served)
    case "program":
        keep(program.served)
    case "jars":
        jars.write_lock()
