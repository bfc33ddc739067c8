"""psutil_look.py MILLISECONDS: looks at every process with psutil for so long, and prints the CPU nanoseconds of one look."""
import sys
import time

import psutil

FIELDS = ["ppid", "num_threads", "status", "memory_info"]


def look():
    return sum(p.info["num_threads"] or 0 for p in psutil.process_iter(FIELDS))


look()
looks, began = 0, time.process_time_ns()
while time.process_time_ns() - began < int(sys.argv[1]) * 1_000_000:
    look()
    looks += 1
print((time.process_time_ns() - began) // looks)
