#!/bin/bash
# Each of many allocations fails in each command that writes: none crashes, none calls short
# memory damage, and the repository is whole after. HF_BIG=1: each allocation there is.
exec python3 "$(dirname "$0")/faults.py" memory
