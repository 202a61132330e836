#!/bin/bash
# Calls on the disk fail, write half, or are the last before the process is killed: the repository
# is whole after, and the next run needs no help. HF_BIG=1: each call there is.
exec python3 "$(dirname "$0")/faults.py" disk
