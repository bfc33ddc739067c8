# Jobs that record themselves in Redis, in the list "journal": "begin X", "end X". The queue lives in the same Redis.
#
#   sidekiq -r ./jobs.rb       works them
#   ruby jobs.rb N MS          pushes N jobs, 0 to N-1; job X takes MS + X % 5 * MS / 4 milliseconds
#   ruby jobs.rb last          pushes one more, whose X is "last", that takes no time
#   ruby jobs.rb leak N        pushes one job that leaves N children that never end
require "sidekiq"

Sidekiq.configure_server { |config| config.redis = { url: ENV.fetch("REDIS_URL") } }
Sidekiq.configure_client { |config| config.redis = { url: ENV.fetch("REDIS_URL") } }

class Work
  include Sidekiq::Worker

  def perform(id, ms)
    Sidekiq.redis { |redis| redis.rpush("journal", "begin #{id}") }
    sleep ms / 1000.0
    Sidekiq.redis { |redis| redis.rpush("journal", "end #{id}") }
  end
end

class Leak
  include Sidekiq::Worker

  def perform(count)
    count.times { spawn("sleep", "1000") }
  end
end

if $PROGRAM_NAME == __FILE__
  case ARGV[0]
  when "leak"
    Leak.set(queue: "leaks").perform_async(Integer(ARGV[1]))
  when "last"
    Work.perform_async("last", 0)
  else
    count, ms = ARGV.map { |arg| Integer(arg) }
    count.times { |id| Work.perform_async(id, ms + id % 5 * ms / 4) }
  end
end
