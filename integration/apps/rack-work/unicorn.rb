worker_processes 4
listen ENV.fetch("ADDRESS")
