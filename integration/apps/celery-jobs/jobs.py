"""Jobs that record themselves in Redis, in the list "journal": "begin X", "end X". The queue lives in the same Redis.

celery -A jobs worker      works them
/usr/bin/python3 jobs.py N MS       pushes N jobs, 0 to N-1; job X takes MS + X % 5 * MS / 4 milliseconds
/usr/bin/python3 jobs.py last       pushes one more, whose X is "last", that takes no time
/usr/bin/python3 jobs.py leak N     pushes one job that leaves N children that never end
"""
import os
import subprocess
import sys
import time

import redis
from celery import Celery

socket = os.environ["REDIS_SOCKET"]
app = Celery("jobs", broker="redis+socket://" + socket)
app.conf.task_acks_late = True
app.conf.worker_prefetch_multiplier = 1
journal = redis.Redis(unix_socket_path=socket)
children = []


@app.task(name="work")
def work(id, ms):
    journal.rpush("journal", f"begin {id}")
    time.sleep(ms / 1000)
    journal.rpush("journal", f"end {id}")


@app.task(name="leak")
def leak(count):
    children.extend(subprocess.Popen(["sleep", "1000"]) for _ in range(count))


if __name__ == "__main__":
    if sys.argv[1] == "leak":
        leak.apply_async((int(sys.argv[2]),), queue="leaks")
    elif sys.argv[1] == "last":
        work.delay("last", 0)
    else:
        count, ms = int(sys.argv[1]), int(sys.argv[2])
        for id in range(count):
            work.delay(id, ms + id % 5 * ms // 4)
