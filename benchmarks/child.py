"""``python -m benchmarks.child MODULE JOB``: one measurement in a process of its own.

Calls ``MODULE.measure`` with the JSON object JOB as keywords and prints the result as JSON, with the
process's CPU seconds and peak memory.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from pathlib import Path


def peak_bytes() -> int:
    """The largest resident set of this process; getrusage's counts the parent's before exec, too."""
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.is_file() else ():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Runs the job and prints what it measured."""
    module, job = sys.argv[1:]
    made = importlib.import_module(module).measure(**json.loads(job))
    print(json.dumps({**made, "cpu_s": time.process_time(), "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main()
