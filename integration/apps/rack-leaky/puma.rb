# Single mode, so that the gem's children belong to the process that answers.
threads 1, 5
environment "production"
bind ENV.fetch("BIND", "tcp://127.0.0.1:9292")
