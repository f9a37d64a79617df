"""Every benchmark in turn: `make bench`, or `make bench ARGS="receiver dispatch"` for some of them.

Each is a program of its own with its own arguments; this only runs them. They print figures and assert nothing: ratios
count, absolute figures belong to the machine they were taken on.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent


def main() -> int:
    """Run the named benchmarks, or all; 1 if one of them failed."""
    known = [path.stem for path in sorted(HERE.glob("*.py")) if path.stem != "run"]
    wanted = sys.argv[1:] or known
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    failed = []
    for name in wanted:
        print(f"\n== {name}", flush=True)
        # As a module, from the root: a file run by its path would hide the package of its name.
        if subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=ROOT, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
