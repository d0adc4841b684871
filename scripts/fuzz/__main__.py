"""Throw broken and hostile input at whatever reads input, and count what it does that it should not.

    python -m scripts.fuzz --minutes 60 [--target picture zip]     all targets, or some
    python -m scripts.fuzz --inputs 300                            so many of each, for the tests
    python -m scripts.fuzz --target picture --again 1234           one input again

A finding is: an exception that is not documented, or without a readable message; a crash; more than 10 seconds of
processor time; more than 1 GB of memory on top of the imports. Each is named by the seed that makes its input. The last
line holds the totals; the exit code is 1 where anything was found.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from scripts.fuzz.runner import complaint, fuzz


def main() -> None:
    """Read the options, run the targets one after the other and print the totals."""
    from scripts.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="in all, shared by the targets")
    parser.add_argument("--inputs", type=int, help="of each target, instead of --minutes")
    parser.add_argument("--target", choices=TARGETS, nargs="+", default=list(TARGETS))
    parser.add_argument("--seed", type=int, default=0, help="of the first input of each target")
    parser.add_argument("--again", type=int, metavar="SEED", help="only this input of one --target, in this process")
    args = parser.parse_args()
    if args.again is not None:
        with tempfile.TemporaryDirectory() as folder:
            print(complaint(TARGETS[args.target[0]](Path(folder)), args.again) or "nothing wrong")
        return
    seconds = None if args.inputs else 60 * args.minutes / len(args.target)
    totals = [fuzz(name, args.seed, seconds, args.inputs) for name in args.target]
    inputs, findings = (sum(column) for column in zip(*totals, strict=True))
    print(f"total: {inputs} inputs, {findings} findings, {len(args.target)} targets")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
