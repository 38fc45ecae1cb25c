# The targets that people and CI use. Everything is built by the Go toolchain alone.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
LDFLAGS  = -s -w -X main.version=$(VERSION)
LINT     = .cache/golangci-lint-2.15.0
NFPM     = .cache/nfpm-2.45.2

.PHONY: help build unit test test-long test-all differential lint bench demo demo-down release clean

build: ## a static binary for this machine, bin/polarbook
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/polarbook ./cmd/polarbook

release: build $(NFPM) ## dist/: static binaries for linux, darwin and windows (amd64, arm64), archives, debs, rpms, SBOM and SHA256SUMS
	rm -rf dist && mkdir dist
	for os in linux darwin windows; do for arch in amd64 arm64; do \
		suffix=; [ $$os != windows ] || suffix=.exe; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' \
			-o dist/polarbook-$$os-$$arch$$suffix ./cmd/polarbook || exit 1; \
	done; done
	go run ./test/release -nfpm $(NFPM) -version '$(VERSION)' -time "$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)}"

unit: ## the tests that need no hosts and no root, with the race detector: some minutes on two cores
	test/unit -short

test: ## every suite that this machine can run, in its short form; installs what that needs (INSTALL=no: nothing)
	test/needs test
	test/run

test-long: ## every suite that this machine can run, whole
	test/needs test
	LONG=yes test/run

test-all: ## every suite that boots hosts, on every flavour of host: hours
	test/all

differential: ## every case of test/differential with Ansible 2.14, Ansible 2.19 and polarbook, and a table of what differs: an hour and more
	test/differential/all

# Built as polarbook is: what is compiled for the one serves the other.
lint: export CGO_ENABLED = 0
lint: export GOFLAGS += -trimpath
lint: $(LINT) ## the linter, go vet among its checks, and the scripts' own
	$(LINT) run ./...
	go run ./test/scripts
	GOOS=windows go build -o /dev/null ./cmd/polarbook

$(LINT):
	mkdir -p .cache
	GOBIN=$(CURDIR)/.cache go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	mv .cache/golangci-lint $@

$(NFPM):
	mkdir -p .cache
	GOBIN=$(CURDIR)/.cache go install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
	mv .cache/nfpm $@

bench: ## a run with nothing to do: wall time, round trips and bytes per host, at 0 and 30 ms; how long nobody can write during a switchover, restart and upgrade
	go test ./test/bench -run '^$$' -bench . -benchtime 3x -count 1 -timeout 45m

demo: ## three throw-away hosts, a cluster on them, left up; installs what that needs
	test/needs demo
	$(MAKE) --no-print-directory build
	go run ./test/demo up

demo-down: ## what demo left
	go run ./test/demo down

clean: ## what build and release made
	rm -rf bin dist

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | expand -t 12
