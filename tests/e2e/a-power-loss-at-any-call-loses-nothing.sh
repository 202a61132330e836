#!/bin/bash
# What was not synced is gone at any call, and after the program said that it is done. HF_BIG=1:
# each call there is.
exec python3 "$(dirname "$0")/faults.py" power
