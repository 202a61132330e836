#!/bin/bash
# Each of many allocations fails in each command that writes: none crashes, none calls short
# memory damage, and the repository is whole after. HF_BIG=1: each way to an allocation.
# The first hundred are OpenSSL's own beginning, which crashed where a program went on after it.
here=$(dirname "$0")
fails=$(realpath "${HF_PRELOADS:-.}/preload_memory.so")
if [ -e "$fails" ]; then
    work=$(mktemp -d) || exit 1
    trap 'rm -rf "$work"' EXIT
    for k in $(seq 60 3 99); do
        ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0:detect_leaks=0 HF_FAIL_ALLOC=$k \
            LD_PRELOAD=$fails "$HOLDFAST" -q -r "$work/$k" --key-file "$work/$k.key" init \
            >"$work/said" 2>&1
        status=$?
        [ $status -le 1 ] || { echo "FAILED: init, allocation $k: status $status"; exit 1; }
    done
fi
python3 "$here/faults.py" memory
