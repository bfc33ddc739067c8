# Leaks threads as the workers of the 2016 story did: RATE a second (default 10), each asleep for ever. When the kernel
# gives no more, Ruby raises "can't create Thread: Resource temporarily unavailable" and the process dies of it.
$stdout.sync = true
pause = 1.0 / Float(ARGV.fetch(0, "10"))
puts "leaking"
begin
  loop do
    Thread.new { sleep }
    sleep pause
  end
rescue SignalException => e
  puts "stopped by #{e.message} with #{Thread.list.size} threads"
  raise
end
