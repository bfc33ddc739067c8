# A gem like the one of the 2013 story: it forks a child per request to do its streaming and never waits for it. While
# the server lives nobody can reap these children, not even PID 1. The child ends with exit!, for it must not run the
# server's at_exit handlers.
module StreamingProxy
  # Leaves a zombie behind this process.
  def self.fetch
    fork { exit! }
  end

  # The same gem "fixed" with a double fork: the intermediate is waited for, its child becomes an orphan which nobody in
  # the app can wait for. It lives a moment longer than its parent, so that it is adopted before it ends.
  def self.fetch_detached
    intermediate = fork do
      fork { sleep 0.2; exit! }
      exit!
    end
    Process.wait(intermediate)
    intermediate
  end
end
