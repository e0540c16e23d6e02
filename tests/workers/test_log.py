"""What workers write on stderr."""

import json
import subprocess
import sys

from workers.log import about

PROGRAM = """
import logging
import structlog
from workers import log

log.configure()
aiokafka = logging.getLogger("aiokafka")
for number in range(850):
    aiokafka.error("Topic %s not found in cluster metadata", f"farman.kp.swat.{number}")
aiokafka.error("Something else")
log.QUIET = 0.0
aiokafka.error("Topic %s not found in cluster metadata", "farman.kp.swat.down")
logging.getLogger("faust").info("of no interest")
said = structlog.get_logger()
said.info("taken", link="swat", **log.about(["relay-hq-2020-1.swat.hq"]))
try:
    raise ValueError("broken")
except ValueError:
    said.exception("failed")
"""


def test_every_line_is_one_object_and_a_library_repeats_itself_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["level"], line["event"], line.get("unsaid")) for line in lines] == [
        ("error", "Topic farman.kp.swat.0 not found in cluster metadata", None),
        ("error", "Something else", None),
        ("error", "Topic farman.kp.swat.down not found in cluster metadata", 849),
        ("info", "taken", None),
        ("error", "failed", None),
    ]
    assert lines[0]["logger"] == "aiokafka"
    assert lines[3]["directive"] == "hq-2020-1"
    assert lines[4]["exception"].endswith("ValueError: broken")
    assert all(line["at"].endswith("Z") for line in lines)


def test_a_line_is_found_by_its_directive() -> None:
    assert about(["force-kp.hq", "unit-swat.hq"]) == {}
    assert about(["directive-hq-2020-1.hq", "service-hq-2020-1.C-2.swat"]) == {
        "directive": "hq-2020-1"
    }
    several = [f"relay-hq-2020-{number}.swat.hq" for number in (1, 2, 3, 4, 5, 6, 7)]
    assert about(several) == {"directives": [f"hq-2020-{number}" for number in (1, 2, 3, 4, 5)]}
