#!/bin/bash
# One bit of any object, anywhere, an object that is cut, gone or in another's place: check finds it and names the
# files that it hurts, no command gives a wrong byte, and all other files are still read.
. "$(dirname "$0")/lib.sh"

mkdir -p "$WORK/tree/dir"
head -c 300000 /dev/urandom >"$WORK/tree/noise"
seq 20000 >"$WORK/tree/numbers"
for ((i = 0; i < 40; i++)); do
    echo "small $i" >"$WORK/tree/dir/$i"
done
new_repository
ok hf backup --source tree --label a=b "$WORK/tree"
echo more >"$WORK/tree/more"
ok hf backup --source tree "$WORK/tree"
ok hf check --read-data

SAMPLES=${BIG:+4000}
export SAMPLES="${SAMPLES:-9}"
ok python3 "$HERE/flip_bits.py" "$HOLDFAST" "$WORK/tree" latest/files/tree "$WORK/flips"
tail -n 1 "$SAID"
