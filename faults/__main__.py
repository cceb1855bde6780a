"""`make faults`: breaks cells and stores on purpose, and counts what comes of it.

One line a figure on stdout: `FIGURE name value low high goal == 0`. Exits with 0 when it could measure, whether or not
a goal is met. docs/reliability.md says what is done, and what came of it.
"""

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from contract.exits import BadInput
from faults.attempts import PUBLISHER, TRAINER, prepare
from faults.failure import CampaignFailed
from faults.parts import PARTS, Campaign
from faults.report import figures, write_tables
from tests.cluster.failure import ClusterFailed


def main() -> int:
    """Start everything, break it, print, end everything."""
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--part", choices=list(PARTS), action="append", help="only this one; repeat for more")
    parser.add_argument("--seed", type=int, default=20261125, help="decides each fault (default: 20261125)")
    parser.add_argument("--minutes", type=float, default=40, metavar="N", help="begin nothing later (default: 40)")
    parser.add_argument("--lanes", type=_at_least_one, default=8, metavar="N", help="publishers at a time (default: 8)")
    parser.add_argument("--records", type=Path, metavar="FOLDER", help="keep what is found there, and go on from it")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the tables into this page")
    options = parser.parse_args()
    parts = options.part or list(PARTS)
    try:
        with tempfile.TemporaryDirectory(prefix="faults-") as folder, ExitStack() as stack:
            records = options.records or Path(folder) / "records"
            last_begin = time.monotonic() + 60 * options.minutes
            campaign = Campaign(Path(folder), records, options.seed, options.lanes, last_begin, stack)
            campaign.found()  # refuses the records of another campaign before anything starts
            prepare(PUBLISHER, *[TRAINER] * bool({"trainer", "kills"} & set(parts)))
            for part in parts:
                PARTS[part](campaign)
            found = campaign.found()
    except BadInput as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code.number
    except (ClusterFailed, CampaignFailed) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        kept = f"the same command goes on from {options.records}" if options.records else "use --records to keep it"
        sys.stderr.write(f"stopped; what was found until now: {kept}\n")
        return 130
    sys.stdout.writelines(f"{figure}\n" for figure in figures(*found))
    if options.page:
        write_tables(options.page, options.seed, *found)
    return 0


def _at_least_one(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is too few: give 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
