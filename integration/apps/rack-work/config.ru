# Work in flight, for Puma and Unicorn.
#
#   /work?ms=N&id=X  takes N ms, and writes "begin X" and "end X" to the file JOURNAL
#   /grow?mib=N&...  is /work in a process that first takes N MiB for good, and answers which one
#   /leak            leaves a child that never ends
#   /pid             the process that answers
journal = File.open(ENV.fetch("JOURNAL"), File::WRONLY | File::APPEND | File::CREAT)

work = lambda do |params|
  journal.syswrite("begin #{params["id"]}\n")
  sleep Integer(params["ms"]) / 1000.0
  journal.syswrite("end #{params["id"]}\n")
  "done"
end

kept = []
grow = lambda do |params|
  kept << "x" * (Integer(params["mib"]) << 20)
  work.call(params)
  Process.pid
end

run lambda { |env|
  request = Rack::Request.new(env)
  body = case request.path
         when "/work" then work.call(request.params)
         when "/grow" then grow.call(request.params)
         when "/leak" then spawn("sleep", "1000")
         when "/pid" then Process.pid
         end
  next [404, { "Content-Type" => "text/plain" }, ["no such path\n"]] unless body

  [200, { "Content-Type" => "text/plain" }, ["#{body}\n"]]
}
