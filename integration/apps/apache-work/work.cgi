#!/bin/sh
# /work?ms=N&id=X  takes N ms, and writes "begin X" and "end X" to the file JOURNAL
# /leak            leaves a child that never ends
# /pid             the process that answers
printf 'Content-Type: text/plain\n\n'
case $SCRIPT_NAME in
/work)
	ms=${QUERY_STRING#*ms=} ms=${ms%%&*}
	id=${QUERY_STRING#*id=} id=${id%%&*}
	echo "begin $id" >>"$JOURNAL"
	sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
	echo "end $id" >>"$JOURNAL"
	echo done
	;;
/leak) setsid sleep 1000 </dev/null >/dev/null 2>&1 & ;;
/pid) echo $$ ;;
esac
