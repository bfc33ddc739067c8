# A Rack app with a leaky gem.
#
#   /zombie                 a child is forked and never waited for
#   /orphan                 a grandchild is left behind
#   /slow?seconds=N         a request in flight for N seconds
#   /slow?seconds=N&until=F the same, but it ends at once when the file F appears
#   /pid                    the process that answers
require_relative "streaming_proxy"

slow = lambda do |request|
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + Float(request.params.fetch("seconds", "3"))
  warn "slow request began"
  until Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
    break if request.params["until"] && File.exist?(request.params["until"])
    sleep 0.02
  end
  "slow request done"
end

run lambda { |env|
  request = Rack::Request.new(env)
  body = case request.path
         when "/zombie" then StreamingProxy.fetch
         when "/orphan" then StreamingProxy.fetch_detached
         when "/slow" then slow.call(request)
         when "/pid" then Process.pid
         end
  next [404, { "Content-Type" => "text/plain" }, ["no such path\n"]] unless body

  [200, { "Content-Type" => "text/plain" }, ["#{body}\n"]]
}
