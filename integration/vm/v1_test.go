package vm

import "testing"

func TestV1ThatCanBeWritten(t *testing.T) {
	m := boot(t, "v1")

	t.Run("a threshold rings the alarm, and so does the end of memory", func(t *testing.T) {
		out := m.run(t, `
group memory/alarm
echo 64M >memory.limit_in_bytes
probe=$(inside memory/alarm sh -c 'probe 50 90 >/tmp/alarm.log 2>&1 & echo $!')
till listening /tmp/alarm.log
inside memory/alarm sh -c 'exec leaky memory 40 100' >/tmp/work.log &
till 'leaked 40' /tmp/work.log
till ring /tmp/alarm.log
echo threshold rang
kill $!
! wait $!
inside memory/alarm leaky memory 100 || echo work ended $?
cat /tmp/alarm.log
kill $probe`)
		wants(t, out, `memory\.usage_in_bytes at 32MiB\n`, `memory\.usage_in_bytes at 57\.6MiB\n`, `memory\.oom_control\n`, `threshold rang`, `work ended 137`)
	})

	t.Run("kill is faster than the kernel", func(t *testing.T) {
		out := m.run(t, `
group memory/killed
echo 100M >memory.limit_in_bytes
printf '`+quick+`[limits.memory]\nkill = "90%%"\n' >/tmp/killed.toml
ends 75 memory/killed reaperd -c /tmp/killed.toml -- sh -c '`+headStart+`; exec leaky memory 1000 20'
cat memory.oom_control`)
		wants(t, out, `limit tripped: metric=memory .*limit=90MiB percent="90%"`, `(?m)^oom_kill 0$`)
	})
}
