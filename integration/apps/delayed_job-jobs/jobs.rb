# Jobs that record themselves in Redis, in the list "journal": "begin X", "end X". The queue is an SQLite table.
#
#   ruby jobs.rb work          works them, as rake jobs:work does: one worker in the foreground
#   ruby jobs.rb N MS          pushes N jobs, 0 to N-1; job X takes MS + X % 5 * MS / 4 milliseconds
#   ruby jobs.rb last          pushes one more, whose X is "last", that takes no time
#   ruby jobs.rb leak N        pushes one job that leaves N children that never end
require "logger"
require "active_record"
require "delayed_job_active_record"
require "redis"

ActiveRecord::Base.establish_connection(adapter: "sqlite3", database: ENV.fetch("DATABASE"), timeout: 5000)
unless ActiveRecord::Base.connection.table_exists?(:delayed_jobs)
  ActiveRecord::Schema.verbose = false
  ActiveRecord::Schema.define do
    create_table :delayed_jobs do |t|
      t.integer :priority, default: 0, null: false
      t.integer :attempts, default: 0, null: false
      t.text :handler, null: false
      t.text :last_error
      t.datetime :run_at, :locked_at, :failed_at
      t.string :locked_by, :queue
      t.timestamps null: true
    end
  end
end
JOURNAL = Redis.new(url: ENV.fetch("REDIS_URL"))

Work = Struct.new(:id, :ms) do
  def perform
    JOURNAL.rpush("journal", "begin #{id}")
    sleep ms / 1000.0
    JOURNAL.rpush("journal", "end #{id}")
  end
end

Leak = Struct.new(:count) do
  def perform
    count.times { spawn("sleep", "1000") }
  end
end

case ARGV[0]
when "work"
  Delayed::Worker.logger = Logger.new($stderr)
  Delayed::Worker.sleep_delay = 0.2 # seconds between two looks at an empty queue
  Delayed::Worker.new.start
when "leak"
  Delayed::Job.enqueue(Leak.new(Integer(ARGV[1])), priority: -1)
when "last"
  Delayed::Job.enqueue(Work.new("last", 0))
else
  count, ms = ARGV.map { |arg| Integer(arg) }
  count.times { |id| Delayed::Job.enqueue(Work.new(id, ms + id % 5 * ms / 4)) }
end
