package configs

import (
	"os"
	"slices"
	"testing"
)

func TestOnce(t *testing.T) {
	files := map[string]string{
		"config/puma.rb":   "threads 5, 5\n# pidfile 'old'\npidfile ENV.fetch(\"PIDFILE\", \"tmp/pids/server.pid\")\n  activate_control_app 'unix://tmp/ctl.sock'\n",
		"quiet.rb":         "threads 5, 5\n",
		"nginx.conf":       "worker_processes 2;\npid /run/nginx.pid;\n",
		"u.rb":             "timeout 60\npid '/run/unicorn.pid'\n",
		"gunicorn.conf.py": "pidfile = '/run/g.pid'\n",
		"uwsgi.ini":        "[uwsgi]\nstats = /run/stats.sock\npidfile=/run/u.pid\n",
	}
	t.Chdir(t.TempDir())
	if err := os.Mkdir("config", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	puma := []string{`config/puma.rb:3: pidfile ENV.fetch("PIDFILE", "tmp/pids/server.pid")`, "config/puma.rb:4: activate_control_app 'unix://tmp/ctl.sock'"}
	for line, want := range map[string][]string{
		"puma -C quiet.rb --pidfile=p.pid -S state": {"--pidfile p.pid", "-S state"},
		"puma -C quiet.rb --control-url auto":       nil,
		"puma -C nowhere.rb":                        nil,
		"bundle exec puma":                          puma,
		"rails s":                                   append([]string{"tmp/pids/server.pid of rails server"}, puma...),
		"rails s -P /tmp/x.pid":                     append([]string{"-P /tmp/x.pid"}, puma...),
		"nginx -c nginx.conf":                       {"nginx.conf:2: pid /run/nginx.pid;"},
		"unicorn -c u.rb":                           {"u.rb:2: pid '/run/unicorn.pid'"},
		"unicorn":                                   nil,
		"gunicorn -p g.pid app:app":                 {"-p g.pid", "gunicorn.conf.py:1: pidfile = '/run/g.pid'"},
		"celery -A x worker --pidfile=w.pid":        {"--pidfile w.pid"},
		"uwsgi --ini uwsgi.ini":                     {"uwsgi.ini:2: stats = /run/stats.sock", "uwsgi.ini:3: pidfile=/run/u.pid"},
		"postgres -D /data":                         {"its data directory"},
		"apache2 -DFOREGROUND":                      {"the PidFile of its configuration"},
		"node --pidfile x":                          nil,
		"./server --pidfile x":                      nil,
		"puma --pidfile":                            append([]string{"--pidfile "}, puma...),
		"":                                          nil,
	} {
		if got := Recognise(argv(line)).Once(); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
	for preset := range onces {
		if _, known := PresetText(preset); !known {
			t.Errorf("%s is no preset", preset)
		}
	}
}
