#!/usr/bin/env bash
# A run that is killed, interrupted or out of disk, and resumed, ends as the same run in one go.
# usage: resumed_run.sh MVSGD HANGUP_HANDLER killed|interrupted|left_alone|full_disk
# HANGUP_HANDLER: a library that handles SIGHUP as soon as it is loaded
set -euo pipefail
mvsgd=$1
hangup_handler=$2
work=$(mktemp -d)
pid=
trap '[[ -z $pid ]] || kill -9 "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
run=$work/run

fail() { echo "$*"; cat "$work"/log* 2>/dev/null || true; exit 1; }

# Small rounds, as many as --rounds says, with a checkpoint after each. A later --key overrides
# these.
train=("$mvsgd" train --preset ssgd-mv-ad --workers 3 --synthetic-train 96 --synthetic-test 16
  --epochs 2000 --eval-every 20 --backend reference --set width=2 --set batch=4
  --set checkpoint_every=1 --out)

# equal DIRECTORY: the finished run in DIRECTORY equals the one in $run, except for times, and nothing else
# is there.
equal() {
  [[ -z $(find "$run" -name '*.tmp') ]] || fail "a file that was never whole is left"
  cmp "$1/model.safetensors" "$run/model.safetensors" || fail "other parameters"
  cmp "$1/ledger.csv" "$run/ledger.csv" || fail "another ledger"
  local directory
  for directory in "$1" "$run"; do
    sed -E 's/,"seconds":.*//' "$directory/metrics.jsonl" >"$directory/timeless"
  done
  cmp "$1/timeless" "$run/timeless" || fail "other metrics"
}

# SIGKILL at 20 moments, most of them within a round or a checkpoint, some while a run is resuming.
killed() {
  RANDOM=20201111
  "${train[@]}" "$work/whole" --rounds 150 >"$work/log.whole" 2>&1 || fail "the whole run failed"
  local kills=0 status begun
  while ((kills < 20)); do
    if [[ -d $run/checkpoint && -f $run/config.toml ]]; then
      echo half >"$run/model.safetensors.tmp"
      "$mvsgd" train --resume "$run" >"$work/log" 2>&1 &
    else
      rm -rf "$run"
      "${train[@]}" "$run" --rounds 150 >"$work/log" 2>&1 &
    fi
    pid=$!
    if ((RANDOM % 4)); then # once it trains
      begun=$SECONDS
      until grep -q '^round ' "$work/log" || ! kill -0 "$pid" 2>/dev/null || ((SECONDS - begun > 120)); do
        sleep 0.01
      done
    fi
    sleep "0.$(printf '%03d' $((RANDOM % 250)))"
    kill -9 "$pid" 2>/dev/null || true
    status=0
    wait "$pid" 2>/dev/null || status=$?
    pid=
    ! grep -q damaged "$work/log" || fail "a damaged checkpoint"
    if ((status == 0)); then # it had ended by itself
      equal "$work/whole"
      rm -rf "$run"
    elif ((status == 137)); then
      kills=$((kills + 1))
      echo "killed: $(tail -c 200 "$run/metrics.jsonl" 2>/dev/null | grep -o '"round":[0-9]*' | tail -1)" \
        "$(ls "$run/checkpoint" 2>/dev/null | tr '\n' ' ')"
    else
      fail "exit $status"
    fi
  done
  if [[ -d $run ]]; then
    "$mvsgd" train --resume "$run" >"$work/log" 2>&1 || fail "cannot be resumed"
    ! grep -q damaged "$work/log" || fail "a damaged checkpoint"
    equal "$work/whole"
  fi
}

# wait_for PATTERN FILE
wait_for() {
  local begun=$SECONDS
  until grep -q "$1" "$2" 2>/dev/null; do
    ((SECONDS - begun < 120)) || fail "no '$1' in $2"
    sleep 0.01
  done
}

# train_whole ROUNDS: in one go
train_whole() {
  rm -rf "$work/whole"
  "${train[@]}" "$work/whole" --rounds "$1" >"$work/log.whole" 2>&1 || fail "the whole run failed"
}

# more_rounds: for a processor on which so few end before their signal
more_rounds() {
  ((rounds < 1000)) || fail "it has ended before its signal, though it has $rounds rounds"
  rounds=$((4 * rounds))
}

# ended: waits for the program, and sets its status
ended() {
  status=0
  wait "$pid" || status=$?
  pid=
}

# Trains in rounds that take a while, of which the first is begun when this returns.
begin_long_rounds() {
  rm -rf "$run"
  "${train[@]}" "$run" --rounds 60 --width 32 --batch 32 >"$work/log" 2>&1 &
  pid=$!
  wait_for 'round,worker' "$run/ledger.csv"
  sleep 0.3
}

interrupted() {
  local signal status rounds=60
  train_whole $rounds
  for signal in INT TERM HUP QUIT XCPU USR1 USR2; do
    while true; do
      rm -rf "$run"
      "${train[@]}" "$run" --rounds $rounds --checkpoint-every 0 >"$work/log" 2>&1 &
      pid=$!
      wait_for '"round":3' "$run/metrics.jsonl"
      kill -s "$signal" "$pid" 2>/dev/null || true
      ended
      ((status == 0)) || break
      more_rounds
      train_whole $rounds
    done
    ((status == 5)) || fail "exit $status after SIG$signal"
    grep -q "gives this round up" "$work/log" || fail "no word of the signal"
    grep -q "mvsgd train --resume $run\$" "$work/log" || fail "no word of how to resume"
    "$mvsgd" train --resume "$run" >"$work/log" 2>&1 || fail "cannot be resumed"
    equal "$work/whole"
  done
  # A second signal does not wait for the round to be given up, which takes a while here.
  local attempt
  for attempt in {1..20}; do
    begin_long_rounds
    kill -INT "$pid"
    wait_for "once more: stops at once" "$work/log"
    kill -TERM "$pid" 2>/dev/null || true
    ended
    ((status == 5)) || break # not that late
  done
  ((status == 143)) || fail "exit $status after a second signal"
  # SIGTERM twice at once, as SLURM sends it when a job's time is over, is one signal.
  local begun took
  for attempt in {1..20}; do
    begin_long_rounds
    begun=${EPOCHREALTIME/./}
    kill -TERM "$pid"
    sleep 0.03
    kill -TERM "$pid" 2>/dev/null || true
    took=$((${EPOCHREALTIME/./} - begun))
    ended
    ((took > 500000)) || break # microseconds
  done
  ((status == 5)) || fail "exit $status after SIGTERM twice within $took us"
}

# A run goes on if nobody reads its progress to the end, and if its terminal closes under nohup, whatever libraries
# make of SIGHUP.
left_alone() {
  "${train[@]}" "$work/whole" --rounds 30 >"$work/log.whole" 2>&1 || fail "the whole run failed"
  "${train[@]}" "$run" --rounds 30 2>"$work/log" | head -1 >"$work/first"
  ((PIPESTATUS[0] == 0)) || fail "exit ${PIPESTATUS[0]} when the output is closed"
  equal "$work/whole"
  rm -rf "$run"
  local status rounds=30 is_late=1
  while ((is_late)); do
    rm -rf "$run"
    nohup env LD_PRELOAD="$hangup_handler" "${train[@]}" "$run" --rounds $rounds >"$work/log" 2>&1 &
    pid=$!
    wait_for '"round":3' "$run/metrics.jsonl"
    if kill -s HUP "$pid" 2>/dev/null && ! grep -q '"end":true' "$run/metrics.jsonl"; then is_late=0; fi
    ended
    ((status == 0)) || fail "exit $status after a SIGHUP that nohup ignores"
    if ((is_late)); then more_rounds; fi
  done
  train_whole $rounds
  equal "$work/whole"
}

full_disk() {
  "${train[@]}" "$work/whole" --rounds 10 >"$work/log.whole" 2>&1 || fail "the whole run failed"
  "${train[@]}" "$run" --rounds 5 >"$work/log" 2>&1 || fail "the first part failed"
  local status=0
  # No file may grow beyond 100 KiB; a checkpoint's arrays are larger.
  (ulimit -f 100; trap '' XFSZ; exec "$mvsgd" train --resume "$run" --rounds 10) \
    >"$work/log" 2>&1 || status=$?
  ((status == 4)) || fail "exit $status"
  grep -q 'arrays.safetensors: File too large' "$work/log" || fail "another message"
  [[ $(ls "$run/checkpoint") == $'round-00000003\nround-00000004' ]] || fail "other checkpoints"
  "$mvsgd" train --resume "$run" --rounds 10 >"$work/log" 2>&1 || fail "cannot be resumed"
  grep -q 'resumed after round 4' "$work/log" || fail "another checkpoint"
  cmp "$work/whole/model.safetensors" "$run/model.safetensors" || fail "other parameters"
}

"$3"
