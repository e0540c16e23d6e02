"""The clock: wakes the sweep of what is due. It makes up for what was due while nobody looked.

Safe: the sweep asks the ledger what was done; a second one in the same breath changes nothing.
"""

from workers.role import Role

SWEEP = 30.0
"""Seconds between sweeps."""


async def clock(role: Role) -> None:
    """Sweep until the worker is to end."""
    while not role.stop.is_set():
        role.sweep.clear()
        done = await role.do(role.office.tick)
        role.works("It sweeps.")
        if any(
            done[what]
            for what in (
                "escalated",
                "reminded",
                "forwarded_by_rule",
                "expired",
                "contradicted",
            )
        ):
            role.log.info("swept", **done)
            role.grew()
        await role.pause(SWEEP, role.sweep)
