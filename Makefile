# The face of the project. `make demo`, `make web` and `make test` do all their
# set-up on a fresh Debian 12.
.PHONY: all bootstrap build install demo web test test-pytorch check format tidy clean

all: build

bootstrap:
	tools/bootstrap

build: bootstrap
	cmake --preset release
	cmake --build --preset release

PREFIX ?= /usr/local
install: build
	cmake --install build --prefix "$(PREFIX)"

demo: build
	tools/bootstrap demo
	tools/demo

# build-web/explain.html: `snug explain` as one page for a browser.
web:
	tools/bootstrap web
	cmake --preset web
	cmake --build --preset web

test: build
	tools/test

# Every program of tests/dryrun/programs/ on each PyTorch that is tested: hours rather than minutes.
test-pytorch: build
	tools/bootstrap tests
	tools/test_pytorch

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

tidy: build
	git ls-files 'src/*.c' | xargs clang-tidy -p build --quiet

clean:
	rm -rf build build-debug build-clang build-thread build-fuzz build-web
