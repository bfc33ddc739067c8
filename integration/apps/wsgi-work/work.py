"""Work in flight, for gunicorn and uWSGI.

/work?ms=N&id=X  takes N ms, and writes "begin X" and "end X" to the file JOURNAL
/leak            leaves a child that never ends
/pid             the process that answers
"""
import os
import subprocess
import time
from urllib.parse import parse_qs

children = []


def journal(line):
    with open(os.environ["JOURNAL"], "ab", buffering=0) as file:
        file.write(line.encode() + b"\n")


def work(query):
    journal("begin " + query["id"][0])
    time.sleep(int(query["ms"][0]) / 1000)
    journal("end " + query["id"][0])
    return "done"


def leak():
    children.append(subprocess.Popen(["sleep", "1000"]))
    return str(children[-1].pid)


def application(environ, start_response):
    answers = {
        "/work": lambda: work(parse_qs(environ["QUERY_STRING"])),
        "/leak": leak,
        "/pid": lambda: str(os.getpid()),
    }
    answer = answers.get(environ["PATH_INFO"])
    body = (answer() if answer else "no such path").encode() + b"\n"
    status = "200 OK" if answer else "404 Not Found"
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
