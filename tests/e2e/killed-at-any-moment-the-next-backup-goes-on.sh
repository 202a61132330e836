#!/bin/bash
# SIGKILL at many moments: what is there already is used again, nothing is damaged, nothing old is lost.
. "$(dirname "$0")/lib.sh"

POINTS=${HF_E2E_KILLS:-24}
MEGABYTES=${BIG:+400}
MEGABYTES=${MEGABYTES:-96}
PACK=$((18 << 20))

mkdir "$WORK/old"
seq 1000 >"$WORK/old/numbers"
mkdir -p "$WORK/tree/small" "$WORK/tree/large"
for ((i = 0; i < MEGABYTES / 8; i++)); do
    head -c 7000000 /dev/urandom >"$WORK/tree/large/$i"
done
for ((i = 0; i < 1500; i++)); do
    head -c 700 /dev/urandom >"$WORK/tree/small/$i"
done

# One run, undisturbed: how long it takes, and what it stores.
new_repository
ok hf backup --source old "$WORK/old"
base=$(stored_bytes)
started=$(date +%s%N)
ok hf backup --source tree "$WORK/tree"
took_ms=$((($(date +%s%N) - started) / 1000000))
one_run=$(($(stored_bytes) - base))
rm -rf "$HOLDFAST_REPOSITORY" "$HOLDFAST_CACHE_DIR" "$HOLDFAST_KEY_FILE"

new_repository
ok hf backup --source old "$WORK/old"
base=$(stored_bytes)
killed=0
for ((i = 1; i <= POINTS; i++)); do
    "$HOLDFAST" backup --source tree "$WORK/tree" >/dev/null 2>&1 &
    run=$!
    # Later each time, so that some die at the start and some near the end.
    sleep "$(awk -v i="$i" -v n="$POINTS" -v ms="$took_ms" 'BEGIN { print i * ms / n / 1600 }')"
    kill -KILL $run 2>/dev/null && killed=$((killed + 1))
    wait $run 2>/dev/null
    if ((i % 6 == 0)); then
        ok hf check
        hf cat latest/files/old/numbers | cmp - "$WORK/old/numbers" || fail "an old snapshot"
        # A finished one may be there already; an unfinished one never shows.
        hf snapshots --source files/tree >"$SAID" 2>&1
        if grep -q files/tree "$SAID"; then
            ok hf diff latest/files/tree "$WORK/tree"
        fi
    fi
done
# What one leaves the next need not do, so the later ones may be done before they are killed.
[ "$killed" -ge $((POINTS / 4)) ] || fail "only $killed of $POINTS runs were killed"

ok hf backup --source tree "$WORK/tree"
ok hf diff --metadata latest/files/tree "$WORK/tree"
ok hf check --read-data
all_runs=$(($(stored_bytes) - base))
echo "$killed killed runs; one run stores $one_run bytes, all together $all_runs"
[ "$all_runs" -le $((one_run + one_run / 10 + PACK)) ] ||
    fail "all runs together store $all_runs bytes, one run $one_run"
hf cat latest/files/old/numbers | cmp - "$WORK/old/numbers" || fail "an old snapshot, at the end"

# Interrupted politely: it says so.
touch "$WORK/tree/large/"*
"$HOLDFAST" backup --force --source tree "$WORK/tree" >"$SAID" 2>&1 &
run=$!
sleep 0.3
kill -INT $run
wait $run
status=$?
[ $status = 130 ] || [ $status = 0 ] || fail "status $status after SIGINT"
ok hf check
