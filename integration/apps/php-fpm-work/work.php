<?php
// /work?ms=N&id=X  takes N ms, and writes "begin X" and "end X" to the file JOURNAL
// /leak            leaves a child that never ends
// /pid             the process that answers
function journal($line) { file_put_contents(getenv("JOURNAL"), $line . "\n", FILE_APPEND); }

header("Content-Type: text/plain");
switch ($_SERVER["DOCUMENT_URI"]) {
case "/work":
    journal("begin " . $_GET["id"]);
    $end = microtime(true) + $_GET["ms"] / 1000;
    while (($left = $end - microtime(true)) > 0) {
        usleep((int) ($left * 1e6) + 1); // returns early when a signal comes, as QUIT does
    }
    journal("end " . $_GET["id"]);
    echo "done\n";
    break;
case "/leak":
    exec("setsid sleep 1000 >/dev/null 2>&1 &");
    break;
case "/pid":
    echo getmypid(), "\n";
    break;
}
