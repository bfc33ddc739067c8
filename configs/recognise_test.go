package configs

import (
	"slices"
	"strings"
	"testing"
)

// sh is a command of one shell string, as a Dockerfile's shell form and a Procfile's runner make it.
func sh(script string) []string { return []string{"/bin/sh", "-c", script} }

func argv(line string) []string { return strings.Fields(line) }

func TestRecognise(t *testing.T) {
	for _, row := range []struct {
		command             []string
		preset, word, stays string
	}{
		// Ruby
		{argv("puma -C config/puma.rb"), "puma", "puma", ""},
		{argv("bundle exec puma -C config/puma.rb"), "puma", "puma", ""},
		{argv("bundle exec --keep-file-descriptors puma"), "puma", "puma", ""},
		{argv("bin/puma"), "puma", "puma", ""},
		{argv("ruby bin/puma"), "puma", "puma", ""},
		{argv("/usr/local/bin/ruby3.1 -W0 -I lib -r bundler/setup ./bin/puma"), "puma", "puma", ""},
		{argv("ruby -S puma"), "puma", "puma", ""},
		{argv("bin/rails server -b 0.0.0.0"), "puma", "rails server", ""},
		{argv("bundle exec rails s -p 3000 -u puma"), "puma", "rails s", ""},
		{argv("rails server -u webrick"), "generic", "rails", ""},
		{argv("rails server --using=falcon"), "generic", "rails", ""},
		{argv("rails runner Server.start"), "generic", "rails", ""},
		{argv("rackup -s puma"), "puma", "rackup -s puma", ""},
		{argv("rackup -p 3000"), "generic", "rackup", ""},
		{argv("/rails/bin/docker-entrypoint ./bin/rails server"), "puma", "rails server", ""},
		{argv("/rails/bin/docker-entrypoint ./bin/thrust ./bin/rails server"), "puma", "rails server", "thrust"},
		{sh("bundle exec rake db:migrate && bundle exec puma -C config/puma.rb"), "puma", "puma", "sh"},
		{sh("rm -f tmp/pids/server.pid && exec bundle exec rails s -p 3000 -b '0.0.0.0'"), "puma", "rails s", ""},
		{sh("exec bundle exec puma -p $PORT -e ${RACK_ENV:-development}"), "puma", "puma", ""},
		{sh("puma; true"), "puma", "puma", "sh"},
		{argv("bash -lc puma"), "puma", "puma", "bash"},
		{argv("bundle exec sidekiq -c 5 -q default"), "sidekiq", "sidekiq", ""},
		{sh("RAILS_MAX_THREADS=10 MALLOC_ARENA_MAX=2 exec bundle exec sidekiq"), "sidekiq", "sidekiq", ""},
		{argv("bundle exec unicorn -p 3000 -c ./config/unicorn.rb"), "unicorn", "unicorn", ""},
		{argv("unicorn_rails -c config/unicorn.rb"), "unicorn", "unicorn_rails", ""},
		{argv("bundle exec rake jobs:work"), "delayed_job", "rake jobs:work", ""},
		{argv("bin/rails jobs:work"), "delayed_job", "rails jobs:work", ""},
		{argv("bin/delayed_job run"), "delayed_job", "delayed_job run", ""},
		{argv("bin/delayed_job start"), "generic", "bin/delayed_job", ""},
		{argv("bundle exec rake resque:work"), "generic", "rake", ""},
		{argv("bin/jobs"), "generic", "bin/jobs", ""},
		{argv("bundle install"), "generic", "bundle", ""},
		// Python
		{argv("gunicorn -w 4 -b 0.0.0.0:8000 app:app"), "gunicorn", "gunicorn", ""},
		{argv("python -m gunicorn app:app"), "gunicorn", "gunicorn", ""},
		{argv("/venv/bin/python3.11 -u -X dev -m gunicorn app:app"), "gunicorn", "gunicorn", ""},
		{argv("/usr/bin/python3 /usr/bin/gunicorn app:app"), "gunicorn", "gunicorn", ""},
		{argv("poetry run gunicorn app:app"), "gunicorn", "gunicorn", ""},
		{argv("uv run --frozen gunicorn app:app"), "gunicorn", "gunicorn", "uv"},
		{argv("newrelic-admin run-program gunicorn app:app"), "gunicorn", "gunicorn", ""},
		{argv("ddtrace-run gunicorn app:app"), "gunicorn", "gunicorn", ""},
		{sh("python manage.py migrate && gunicorn mysite.wsgi --log-file - -w $(nproc)"), "gunicorn", "gunicorn", "sh"},
		{argv("celery -A proj worker -l INFO"), "celery", "celery worker", ""},
		{argv("python3 -m celery -A proj worker"), "celery", "celery worker", ""},
		{argv("celery -A proj beat"), "generic", "celery", ""},
		{argv("uwsgi --ini uwsgi.ini"), "uwsgi", "uwsgi", ""},
		{argv("/usr/bin/uwsgi_python3 --master"), "uwsgi", "uwsgi_python3", ""},
		{argv("uvicorn app:app"), "generic", "uvicorn", ""},
		{argv("python manage.py runserver"), "generic", "manage.py", ""},
		{argv("python -c import-gunicorn"), "generic", "python", ""},
		// PHP, httpd, nginx, PostgreSQL
		{argv("php-fpm"), "php-fpm", "php-fpm", ""},
		{argv("docker-php-entrypoint php-fpm"), "php-fpm", "php-fpm", ""},
		{argv("php-fpm8.2 -F"), "php-fpm", "php-fpm8.2", ""},
		{argv("/usr/sbin/php-fpm83 -F"), "php-fpm", "php-fpm83", ""},
		{argv("php artisan serve"), "generic", "php", ""},
		{argv("apache2-foreground"), "apache", "apache2-foreground", ""},
		{argv("httpd-foreground"), "apache", "httpd-foreground", ""},
		{argv("/usr/sbin/httpd -D FOREGROUND"), "apache", "httpd", ""},
		{argv("/usr/sbin/apache2ctl -D FOREGROUND"), "apache", "apache2ctl", "apache2ctl"},
		{sh(". /etc/apache2/envvars; exec apache2 -DFOREGROUND"), "apache", "apache2", ""},
		{[]string{"nginx", "-g", "daemon off;"}, "nginx", "nginx", ""},
		{[]string{"/docker-entrypoint.sh", "nginx", "-g", "daemon off;"}, "nginx", "nginx", ""},
		{sh(`envsubst < /etc/nginx.tpl > /etc/nginx/nginx.conf && exec nginx -g 'daemon off;'`), "nginx", "nginx", ""},
		{argv("docker-entrypoint.sh postgres -c shared_buffers=256MB"), "postgres", "postgres", ""},
		{argv("/usr/lib/postgresql/15/bin/postgres -D /data"), "postgres", "postgres", ""},
		{argv("gosu postgres postmaster"), "postgres", "postmaster", ""},
		{argv("setpriv --reuid postgres --regid=postgres --clear-groups -- postgres -D /data"), "postgres", "postgres", ""},
		// Node, Java, Go
		{argv("node server.js"), "node", "node", ""},
		{argv("docker-entrypoint.sh node --max-old-space-size=460 dist/main.js"), "node", "node", ""},
		{argv("npm start"), "node", "npm", "npm"},
		{argv("npm run start:prod"), "node", "npm", "npm"},
		{argv("yarn start"), "node", "yarn", "yarn"},
		{argv("dumb-init node server.js"), "node", "node", "dumb-init"},
		{argv("tini -g -- node server.js"), "node", "node", "tini"},
		{argv("java -jar app.jar"), "jvm", "java", ""},
		{sh("java $JAVA_OPTS -Dserver.port=$PORT -jar target/*.jar"), "jvm", "java", "sh"},
		{sh("exec $JAVA_HOME/bin/java -cp app:app/lib/* com.example.Main"), "jvm", "java", ""},
		{argv("/app/server"), "generic", "/app/server", ""},
		// wrappers
		{argv("env -i -u HOME PATH=/bin RACK_ENV=production puma"), "puma", "puma", ""},
		{argv("nice -n 10 ionice -c 2 -n 7 nohup stdbuf -o L puma"), "puma", "puma", ""},
		{argv("nice -10 puma"), "puma", "puma", ""},
		{argv("timeout -s TERM 3600 sidekiq"), "sidekiq", "sidekiq", "timeout"},
		{argv("su-exec app puma"), "puma", "puma", ""},
		{argv("busybox sh -c puma"), "puma", "puma", "sh"},
		{sh(`exec sh -c "exec bundle exec 'puma' -C config/puma.rb"`), "puma", "puma", ""},
		{sh("set -e\n# migrate first\nbin/rails db:prepare\nexec bin/rails server \\\n -p 3000"), "puma", "rails server", ""},
		{sh("puma 2>&1 | tee -a log/puma.log"), "puma", "puma", "sh"},
		{sh("exec puma >log/puma.log 2>&1"), "puma", "puma", ""},
		{sh("puma & wait"), "puma", "puma", "sh"},
		{sh("puma || exit 1"), "puma", "puma", "sh"},
		// what could be one or the other, or is not read
		{sh("puma & sidekiq"), "generic", "sh", ""},
		{sh("nginx -t && ./server"), "generic", "./server", "sh"},
		{sh("puma || unicorn"), "generic", "sh", ""},
		{sh("if [ -f Gemfile ]; then puma; fi"), "generic", "sh", ""},
		{sh("(cd app; puma)"), "generic", "sh", ""},
		{sh("puma 'unfinished"), "generic", "sh", ""},
		{sh(""), "generic", "sh", ""},
		{argv("sh start.sh"), "generic", "sh", ""},
		{argv("./entrypoint.sh"), "generic", "./entrypoint.sh", ""},
		{argv("foreman start"), "generic", "foreman", ""},
		{argv("mypuma"), "generic", "mypuma", ""},
		{argv("env"), "generic", "env", ""},
		{nil, "generic", "", ""},
	} {
		got := Recognise(row.command)
		if got.Preset != row.preset || got.Word != row.word || got.Stays != row.stays {
			t.Errorf("%q: got %s by %q behind %q, want %s by %q behind %q", row.command, got.Preset, got.Word, got.Stays, row.preset, row.word, row.stays)
		}
	}
}

func TestEveryPresetButTheUnrecognisableIsRecognised(t *testing.T) {
	var missing []string
	for _, name := range Presets() {
		if !slices.ContainsFunc(servers, func(s server) bool { return s.preset == name }) {
			missing = append(missing, name)
		}
	}
	if want := []string{"generic", "go"}; !slices.Equal(missing, want) {
		t.Errorf("got %q, want %q", missing, want)
	}
	for _, s := range servers {
		if _, known := PresetText(s.preset); !known {
			t.Errorf("%s is no preset", s.preset)
		}
	}
}

// Match must not find the wrapper, whose command line holds the server's.
func TestMatchFindsTheServerAndNotItsWrapper(t *testing.T) {
	for title, preset := range map[string]string{
		"puma 5.6.5 (tcp://0.0.0.0:3000) [app]":               "puma",
		"sidekiq 6.4.1 app [0 of 5 busy]":                     "sidekiq",
		"unicorn master -c unicorn.rb":                        "unicorn",
		"nginx: master process nginx -g daemon off;":          "nginx",
		"php-fpm: master process (/etc/php/8.2/php-fpm.conf)": "php-fpm",
		"/usr/sbin/apache2 -D FOREGROUND":                     "apache",
		"node server.js":                                      "node",
		"/opt/java/openjdk/bin/java -jar app.jar":             "jvm",
		"/usr/lib/postgresql/15/bin/postgres -D /data":        "postgres",
		"uwsgi --ini uwsgi.ini":                               "uwsgi",
	} {
		r := Recognised{Preset: preset}
		if !matches(r.Match(), title) {
			t.Errorf("%s does not match %s", title, r.Match())
		}
		for _, wrapper := range []string{"sh -c " + title, "npm start", "/bin/sh /usr/sbin/apache2ctl -D FOREGROUND", "tini -- " + title} {
			if matches(r.Match(), wrapper) {
				t.Errorf("%s matches %s", wrapper, r.Match())
			}
		}
	}
	for preset := range mains {
		if _, known := PresetText(preset); !known {
			t.Errorf("%s is no preset", preset)
		}
	}
}

func FuzzRecognise(f *testing.F) {
	f.Add("exec env A=1 bundle exec puma -w $(nproc) 2>&1 | tee x & wait")
	f.Add("'\\' \"\\\" `a` ; && || | <<E (")
	f.Fuzz(func(t *testing.T, script string) {
		for _, command := range [][]string{sh(script), strings.Split(script, " ")} {
			if r := Recognise(command); !slices.Contains(Presets(), r.Preset) {
				t.Errorf("%q: got %+v, want a preset", command, r)
			}
		}
	})
}
