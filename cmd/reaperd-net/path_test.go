package main

import (
	"strings"
	"testing"
)

// What Puma 6 in cluster mode, uWSGI 2.0 and others send, shortened.
const (
	pumaIdle = `{"workers":2,"phase":0,"worker_status":[
		{"pid":5,"index":0,"booted":true,"last_status":{"backlog":0,"running":5,"pool_capacity":5,"max_threads":5,"busy_threads":0}},
		{"pid":6,"index":1,"booted":true,"last_status":{"backlog":0,"running":5,"pool_capacity":5,"max_threads":5,"busy_threads":0}}]}`
	pumaBooting = `{"workers":2,"worker_status":[{"pid":5,"last_status":{"backlog":0,"busy_threads":0}},{"pid":6,"last_status":{}}]}`
	uwsgi       = `{"version":"2.0","workers":[
		{"id":1,"status":"idle","cores":[{"id":0,"in_request":0},{"id":1,"in_request":0}]},
		{"id":2,"status":"busy","cores":[{"id":0,"in_request":0},{"id":1,"in_request":1}]}]}`
	odd = `{"a.b":{"*":1},"list":[],"n":1.50,"big":12345678901234567890,"text":"7","null":null,"yes":true,"map":{"x":{"v":0},"y":{"v":0}},"a":{"b":2}}`
)

func TestJudge(t *testing.T) {
	busyThreads := "worker_status.*.last_status.busy_threads"
	for _, tt := range []struct {
		name, doc, path, value string
		idle                   bool
		why                    string // or what cannot be told
	}{
		{"every element is equal", pumaIdle, busyThreads, "0", true, "idle"},
		{"one is missing", pumaBooting, busyThreads, "0", false, `? worker_status.1.last_status has no "busy_threads"`},
		{"one differs, another is missing", pumaBooting, busyThreads, "1", false, "busy: worker_status.0.last_status.busy_threads is 0, not 1"},
		{"an element by number", pumaIdle, "worker_status.1.last_status.busy_threads", "0", true, "idle"},
		{"an element that is not there", pumaIdle, "worker_status.2.pid", "0", false, `? worker_status has no "2", only 0, 1`},
		{"a number below zero", pumaIdle, "worker_status.-1.pid", "0", false, `? worker_status has no "-1", only 0, 1`},
		{"stars within stars", uwsgi, "workers.*.cores.*.in_request", "0", false, "busy: workers.1.cores.1.in_request is 1, not 0"},
		{"a text", uwsgi, "workers.0.status", "idle", true, "idle"},
		{"all values of an object", odd, "map.*.v", "0", true, "idle"},
		{"a star for nothing proves nothing", odd, "list.*", "0", false, "? list has no elements"},
		{"a star for what is inside a number", odd, "n.*", "0", false, "? n has no elements"},
		{"a key with a dot", odd, `a\.b.\*`, "1", true, "idle"},
		{"the same without a backslash is another", odd, "a.b", "2", true, "idle"},
		{"numbers as numbers", odd, "n", "1.5", true, "idle"},
		{"numbers of any size", odd, "big", "12345678901234567891", false, "busy: big is 12345678901234567890, not 12345678901234567891"},
		{"a number in quotes", odd, "text", "7", true, "idle"},
		{"null", odd, "null", "null", true, "idle"},
		{"true", odd, "yes", "true", true, "idle"},
		{"true is not 1", odd, "yes", "1", false, "busy: yes is true, not 1"},
		{"an object", odd, "map", "0", false, "? map is not a single value"},
		{"a key that is nearly right", odd, "maps", "0", false, `? the answer has no "maps", only a, a.b, big, list, map, n, null, text, yes`},
		{"a list on top", `[{"x":0},{"x":0}]`, "*.x", "0", true, "idle"},
	} {
		doc, err := decode(strings.NewReader(tt.doc))
		if err != nil {
			t.Fatal(err)
		}
		idle, why, err := judge(doc, []expectation{{tt.path, tt.value}})
		if err != nil {
			why = "? " + err.Error()
		}
		if idle != tt.idle || !strings.HasPrefix(why, tt.why) {
			t.Errorf("%s: got %v %q, want %v %q", tt.name, idle, why, tt.idle, tt.why)
		}
	}
}

func TestSeveralExpectations(t *testing.T) {
	doc, err := decode(strings.NewReader(pumaIdle))
	if err != nil {
		t.Fatal(err)
	}
	fits, differs, missing := expectation{"workers", "2"}, expectation{"phase", "1"}, expectation{"none", "0"}
	for _, tt := range []struct {
		name         string
		want         []expectation
		idle, cannot bool
	}{
		{"all hold", []expectation{fits, fits}, true, false},
		{"one does not", []expectation{fits, differs}, false, false},
		{"one is missing", []expectation{missing, fits}, false, true},
		{"busy weighs more than missing", []expectation{missing, differs}, false, false},
	} {
		if idle, why, err := judge(doc, tt.want); idle != tt.idle || (err != nil) != tt.cannot {
			t.Errorf("%s: got %v %q %v, want %v, error %v", tt.name, idle, why, err, tt.idle, tt.cannot)
		}
	}
}

func FuzzJudge(f *testing.F) {
	f.Add(pumaIdle, "worker_status.*.last_status.busy_threads", "0")
	f.Add(odd, `a\.b.\*`, "1e5")
	f.Fuzz(func(t *testing.T, text, path, value string) {
		doc, err := decode(strings.NewReader(text))
		if err != nil {
			return
		}
		idle, _, err := judge(doc, []expectation{{path, value}})
		if steps, _ := splitPath(path); idle && (err != nil || len(steps) == 0) {
			t.Errorf("idle by %q at %q of %q", value, path, text)
		}
	})
}
