#!/bin/bash
# The long campaigns: the tests that tests/run.sh runs, with a bigger number, and tools too slow for
# it. tests/nightly.sh [CAMPAIGN…], all if none is named:
#
#     fuzz      libFuzzer by clang, HF_FUZZ_SECONDS (600) for each target; what it finds: found/
#     faults    every allocation, every call on the disk, every kill and power cut (HF_POINTS: some)
#     explore   the pruning protocol at large bounds, in HF_EXPLORE_GIB (6) of memory
#     e2e       the end-to-end tests with HF_BIG=1
#     unit      unit tests with HF_BIG=1, and HF_FUZZ_ROUNDS (20000) changes of each fuzz input
#     valgrind  memcheck over the unit tests (leaks are LeakSanitizer's)
#     threads   TSan over the unit and contract tests and the mount's, HF_REPEAT (3) times
#     coverage  lines and branches of backend/ that unit, contract and fuzz tests reach
#     simulate  HF_SCHEDULES (10000) orders of calls of machines that back up, forget and prune
#     soak      a mount read by HF_SOAK_PROCESSES (64) for HF_SOAK_MINUTES (60)
#
# Builds lie in build-nightly/, logs in build-nightly/logs. HF_TEST_SEED is passed on; it is the day
# if it is not set. The last line is "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

TOP=$PWD/build-nightly
LOGS=$TOP/logs
mkdir -p "$LOGS"
export LC_ALL=C.UTF-8
export HF_TEST_SEED=${HF_TEST_SEED:-$(date +%Y%m%d)}
FUZZ_SECONDS=${HF_FUZZ_SECONDS:-600}
passed=0 failed=0 skipped=0
echo "HF_TEST_SEED=$HF_TEST_SEED"

# build NAME OPTION…
build() {
    local dir=$TOP/$1
    shift
    if [ ! -f "$dir/build.ninja" ]; then
        meson setup "$dir" -Db_lundef=false "$@" >"$dir.log" 2>&1 || { tail -5 "$dir.log"; return 1; }
    fi
    ninja -C "$dir" --quiet
}

# verdict NAME STATUS [LOG]
verdict() {
    case $2 in
        0) passed=$((passed + 1)); echo "passed: $1" ;;
        77) skipped=$((skipped + 1)); echo "skipped: $1: $(tail -n 1 "${3:-/dev/null}")" ;;
        *) failed=$((failed + 1)); echo "failed: $1 (status $2)${3:+, see $3}" ;;
    esac
}

# logged NAME COMMAND…: one thing that passes, fails or is skipped, with a log of its own.
logged() {
    local name=$1 log
    log=$LOGS/${name// /-}.log
    shift
    "$@" >"$log" 2>&1
    verdict "$name" $? "$log"
}

skip() {
    skipped=$((skipped + 1))
    echo "skipped: $1: $2"
}

# meson_run NAME ARGUMENT…: all tests of a suite; what fails is named by meson's own summary.
meson_run() {
    local name=$1
    shift
    logged "$name" meson test --no-rebuild --print-errorlogs --timeout-multiplier 20 "$@"
    grep -E '(FAIL|TIMEOUT|ERROR) ' "$LOGS/${name// /-}.log" | sort -u | head -20
}

campaign_fuzz() {
    local program name
    command -v clang >/dev/null || { skip fuzz "clang is not installed"; return; }
    CC=clang build fuzz -Dtests=enabled -Dfuzzer=true -Db_sanitize=address,undefined ||
        { verdict "fuzz build" 1; return; }
    for program in "$TOP"/fuzz/tests/fuzz/fuzz_*; do
        [ -x "$program" ] && [ -f "$program" ] || continue
        name=${program##*/fuzz_}
        mkdir -p "$TOP/found/$name" "tests/fuzz/corpus/$name"
        logged "fuzz $name" "$program" -max_total_time="$FUZZ_SECONDS" -timeout=20 \
            -rss_limit_mb=2048 -seed="$((HF_TEST_SEED % 4294967291))" \
            -artifact_prefix="$TOP/found/$name-" "$TOP/found/$name" "tests/fuzz/corpus/$name"
        grep -o 'DONE.*' "$LOGS/fuzz-$name.log" | tail -n 1
    done
}

campaign_faults() {
    local campaign big=1
    [ -z "${HF_POINTS:-}" ] || big=
    build plain -Dtests=enabled || { verdict "plain build" 1; return; }
    for campaign in memory disk power; do
        HF_BIG=$big HOLDFAST=$TOP/plain/holdfast HF_PRELOADS=$TOP/plain/tests/e2e \
            logged "faults $campaign" python3 tests/e2e/faults.py "$campaign"
        cat "$LOGS/faults-$campaign.log"
    done
}

campaign_explore() {
    build plain -Dtests=enabled || { verdict "plain build" 1; return; }
    logged "explore table" "$TOP/plain/tests/explore/explore" table
    HF_BIG=1 logged "explore bounds" "$TOP/plain/tests/explore/explore" bounds
    grep -vE '^        ' "$LOGS/explore-bounds.log"
}

campaign_e2e() {
    build plain -Dtests=enabled || { verdict "plain build" 1; return; }
    HF_BIG=1 meson_run "e2e big" -C "$TOP/plain" --suite e2e
}

campaign_unit() {
    build asan -Dtests=enabled -Db_sanitize=address,undefined || { verdict "asan build" 1; return; }
    HF_BIG=1 HF_FUZZ_ROUNDS=${HF_FUZZ_ROUNDS:-20000} \
        meson_run "unit big" -C "$TOP/asan" --suite unit --suite contract --suite fuzz
}

campaign_valgrind() {
    command -v valgrind >/dev/null || { skip valgrind "valgrind is not installed"; return; }
    build valgrind -Dtests=enabled -Doptimization=1 || { verdict "valgrind build" 1; return; }
    CK_FORK=no meson_run valgrind -C "$TOP/valgrind" --suite unit --wrap \
        'valgrind --error-exitcode=9 --leak-check=no -q'
}

campaign_threads() {
    local fixed=
    build threads -Dtests=enabled -Db_sanitize=thread || { verdict "TSan build" 1; return; }
    setarch -R true 2>/dev/null && fixed="setarch -R"
    export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
    # shellcheck disable=SC2086 # two words or none
    logged threads $fixed meson test -C "$TOP/threads" --no-rebuild --print-errorlogs \
        --suite unit --suite contract --suite tsan --repeat "${HF_REPEAT:-3}" --timeout-multiplier 20
}

campaign_coverage() {
    command -v gcovr >/dev/null || { skip coverage "gcovr is not installed"; return; }
    build coverage -Dtests=enabled -Db_coverage=true -Doptimization=0 ||
        { verdict "coverage build" 1; return; }
    find "$TOP/coverage" -name '*.gcda' -delete
    meson_run "coverage tests" -C "$TOP/coverage" --suite unit --suite contract --suite fuzz
    logged coverage gcovr -r . "$TOP/coverage" -f backend/ --exclude-unreachable-branches -s
    grep -E '^(lines|branches)' "$LOGS/coverage.log"
}

campaign_simulate() {
    build plain -Dtests=enabled || { verdict "plain build" 1; return; }
    HF_SCHEDULES=${HF_SCHEDULES:-10000} logged simulate "$TOP/plain/tests/unit/test_simulate"
    tail -n 3 "$LOGS/simulate.log"
}

campaign_soak() {
    build plain -Dtests=enabled || { verdict "plain build" 1; return; }
    HOLDFAST=$TOP/plain/holdfast logged soak python3 tests/soak.py "${HF_SOAK_MINUTES:-60}" \
        "${HF_SOAK_PROCESSES:-64}"
    cat "$LOGS/soak.log"
}

[ $# -gt 0 ] || set -- fuzz faults explore e2e unit valgrind threads coverage simulate soak
for name in "$@"; do
    declare -F "campaign_$name" >/dev/null || { echo "no campaign is called $name"; exit 2; }
    "campaign_$name"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
