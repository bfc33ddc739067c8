# `make` builds bin/reaperd, `make test` proves it, `make demo` shows it, `make help` lists the rest.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GO_BUILD  = CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)"
IMAGE    ?= reaperd
FUZZTIME ?= 30s

unit        = $$(go list ./... | grep -v /integration)
integration = $$(go list ./integration/... | grep -v /integration/docker)

.PHONY: build build-all image test test-long setup lint race integration integration-docker fuzz bench demo demo-ruby clean help

build: ## bin/reaperd for this machine, static and stripped, and bin/reaperd-net, its word over a network
	$(GO_BUILD) -o bin/reaperd ./cmd/reaperd
	$(GO_BUILD) -o bin/reaperd-net ./cmd/reaperd-net

build-all: ## both binaries for linux-amd64 and -arm64
	GOOS=linux GOARCH=amd64 $(GO_BUILD) -o bin/reaperd-linux-amd64 ./cmd/reaperd
	GOOS=linux GOARCH=amd64 $(GO_BUILD) -o bin/reaperd-net-linux-amd64 ./cmd/reaperd-net
	GOOS=linux GOARCH=arm64 $(GO_BUILD) -o bin/reaperd-linux-arm64 ./cmd/reaperd
	GOOS=linux GOARCH=arm64 $(GO_BUILD) -o bin/reaperd-net-linux-arm64 ./cmd/reaperd-net

image: build ## a FROM scratch image that holds only the binary
	docker build -q -t $(IMAGE) -t $(IMAGE):$(VERSION) .

test: setup lint race build-all integration integration-docker ## everything, once

test-long: ## the same with more rounds, and fuzzing; ends with a summary
	@mkdir -p bin
	@status=0; REAPERD_LONG=1 $(MAKE) --no-print-directory test fuzz 2>&1 | tee bin/test-long.log || status=$$?; \
	echo "--- summary (all of it in bin/test-long.log)"; \
	grep -E '^(ok|FAIL|---|panic|fuzz: [./])' bin/test-long.log || true; \
	[ $$status = 0 ] && echo "everything passed" || echo "FAILED"; exit $$status

setup: ## install and start what the tests need, if it is missing
	integration/setup.sh

lint: ## gofmt and vet
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "not gofmt'd:" $$unformatted; exit 1; }
	go vet ./...

race: ## unit tests under the race detector
	CGO_ENABLED=1 go test -race -timeout 15m $(unit)

integration: ## the real binary against real processes in PID namespaces
	go test -count 1 -timeout 20m -p 1 $(integration)

integration-docker: ## the real binary in real containers
	go test -count 1 -timeout 20m ./integration/docker

fuzz: ## every fuzz target for FUZZTIME
	@grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -r dirname | sort -u | while read -r dir; do \
		targets=$$(go test -list '^Fuzz' "$$dir" | grep '^Fuzz'); \
		for target in $$targets; do \
			echo "fuzz: $$dir $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$dir"; \
		done; \
	done

bench: build ## start-up, memory and sampling beside other inits and watchers; 6 minutes, best on a quiet machine
	go run ./integration/bench
	go run ./integration/bench/sampling

demo: build ## a leaky program is named, drained and restarted, within a minute
	@CGO_ENABLED=0 go build -o bin/leaky ./integration/apps/leaky
	@integration/apps/demo/run.sh bin/reaperd bin/leaky zombies 1000 4 stream-proxy

demo-ruby: build ## the same on a real Puma, with a gem that never waits for its children
	@integration/apps/demo/ruby.sh bin/reaperd

clean: ## remove what was built
	rm -rf bin

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
