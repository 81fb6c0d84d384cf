#!/usr/bin/env bash
# Builds the examples and runs them: each way to link the library, with a program that uses it.
#
#   csrc/examples/run.sh                     against the relu_fast that `python3` imports
#   csrc/examples/run.sh --wheel FILE        against a wheel, installed into a fresh environment first
#   csrc/examples/run.sh [...] cmake rust    only these
#
# What lacks a tool is skipped, and says which. Fails if an example does. Leaves nothing behind but csrc/build.
set -euo pipefail
examples=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
all=(pkg-config cmake meson cython extension ctypes makefile rust)

wheel=
if [ "${1-}" = --wheel ]; then
    wheel=${2?"--wheel needs a file"}
    shift 2
fi
for name in "$@"; do
    [[ " ${all[*]} " == *" $name "* ]] || { echo "no example $name; choose from ${all[*]}" >&2; exit 2; }
done
[ $# -gt 0 ] || set -- "${all[@]}"

if [ -n "$wheel" ]; then
    python3 -m venv "$work/environment"
    . "$work/environment/bin/activate"
    unset PYTHONPATH
    pip install --quiet --disable-pip-version-check "$wheel"
    # what two of the examples build with; without it they are skipped
    pip install --quiet --disable-pip-version-check Cython setuptools || true
    command -v meson >/dev/null || pip install --quiet --disable-pip-version-check meson ninja || true
fi

config() { (cd "$work" && python3 -c 'import sys; from relu_fast.embed import main; sys.exit(main())' "$@"); }
skip() { echo "$*" >"$work/reason"; exit 77; }
needs() { for tool in "$@"; do command -v "$tool" >/dev/null || skip "needs $tool"; done; }
needs_package() { config --libdir >/dev/null 2>&1 || skip "needs relu_fast installed for python3"; }
expect() { # expect WANTED COMMAND...
    local wanted=$1 got
    shift
    got=$("$@")
    [ "$got" = "$wanted" ] || { printf 'got\n%s\nexpected\n%s\n' "$got" "$wanted"; return 1; }
}

try_pkg-config() {
    needs "${CC:-cc}" pkg-config python3
    needs_package
    export PKG_CONFIG_PATH=$(config --pkgconfigdir)
    ${CC:-cc} -O2 -Wall -Wextra "$examples/pkg-config/relu_pipe.c" $(pkg-config --cflags --libs relu_fast) -o relu_pipe
    python3 "$examples/pkg-config/check.py" ./relu_pipe
}

try_cmake() {
    needs cmake "${CXX:-c++}" python3
    needs_package
    cmake -S "$examples/cmake" -B . -DCMAKE_BUILD_TYPE=Release -Drelu_fast_DIR="$(config --cmakedir)"
    cmake --build .
    expect $'layer 1: 0 of 64 units dead\nlayer 2: 0 of 64 units dead' ./born_dead 0 64 2
    expect 'layer 1: 64 of 64 units dead' ./born_dead -100 64 1
}

try_meson() {
    needs meson ninja "${CC:-cc}" pkg-config python3
    needs_package
    PKG_CONFIG_PATH=$(config --pkgconfigdir) meson setup . "$examples/meson"
    meson compile
    expect $'# alpha = 1\n-1\t-0.632120558829\t0.367879441171\n2\t2\t1' ./activation elu -1 2
    ./activation | grep -q '^relu  *max'
}

try_cython() {
    needs "${CC:-cc}" python3
    needs_package
    python3 -c 'import Cython, setuptools' 2>/dev/null || skip "needs Cython and setuptools"
    cp "$examples"/cython/* .
    python3 setup.py --quiet build_ext --inplace
    expect 'unit 1 is dead' python3 check.py
}

try_extension() {
    needs "${CC:-cc}" python3
    needs_package
    python3 -c 'import setuptools' 2>/dev/null || skip "needs setuptools"
    cp "$examples"/extension/* .
    python3 setup.py --quiet build_ext --inplace
    expect 'unit 1 is dead' python3 check.py
}

try_ctypes() {
    needs python3
    needs_package
    local folder library
    folder=$(config --libdir)
    library=("$folder"/librelu_fast.*[!a]) # .so or .dylib
    expect $'0\n3' python3 "$examples/ctypes/activate.py" "${library[0]}" relu <<<'-1 3'
    expect '-0.0335762377302' python3 "$examples/ctypes/activate.py" "${library[0]}" mish <<<'-5'
}

try_makefile() {
    needs make "${CC:-cc}"
    make --silent -C "$examples/makefile" OUT="$PWD"
    for threads in 1 7; do
        expect '390144 firings, 1 dead units, mean 0.330024' ./shards $threads
    done
}

try_rust() {
    needs cargo python3
    needs_package
    cp -r "$examples/rust" crate
    export RELU_FAST_LIB_DIR=$(config --libdir)
    cargo build --quiet --offline --release --manifest-path crate/Cargo.toml --target-dir target
    expect $'0 0 2\n1.5 0 0\nfired 1 0 1' target/release/firing-rate <<<$'-1 -2 2\n1.5 -1 -3'
}

failed=0
for name in "$@"; do
    mkdir -p "$work/$name"
    set +e
    (set -e; cd "$work/$name"; "try_$name") >"$work/log" 2>&1
    status=$?
    set -e
    case $status in
    0) echo "ok       $name" ;;
    77) echo "skipped  $name: $(cat "$work/reason")" ;;
    *) echo "FAILED   $name"; sed 's/^/    /' "$work/log"; failed=1 ;;
    esac
done
exit $failed
