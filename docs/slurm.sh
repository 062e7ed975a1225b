#!/usr/bin/env bash
# Extraction on a Slurm cluster without Ray: task i of an array of n tasks computes shard i/n of the videos, so number the
# tasks from 1. Inputs, cache and checkout are on a file system that all nodes mount.
#
#     sbatch docs/slurm.sh videos/ configs/folder.yaml cache/ --set pose.stride=2
#
# Options may follow, such as `--set`; they are those of the command `extract`.
# Run it again after failures or a time limit; finished videos are skipped.
#SBATCH --job-name=aim-extract
#SBATCH --array=1-64
#SBATCH --cpus-per-task=4
#SBATCH --mem=12G
#SBATCH --time=12:00:00
#SBATCH --output=aim-extract-%A-%a.log
#SBATCH --signal=B:INT@120
set -euo pipefail

inputs=${1:?folder of videos} config=${2:?configuration} cache=${3:?folder of the outputs}
shift 3

# The first signal, sent two minutes before the time limit, lets the current write finish.
aqa extract "$inputs" --config "$config" --cache "$cache" \
    --shard "${SLURM_ARRAY_TASK_ID:-1}/${SLURM_ARRAY_TASK_COUNT:-1}" --workers "${SLURM_CPUS_PER_TASK:-4}" \
    "$@" --json > "extract-${SLURM_ARRAY_TASK_ID:-1}.json" &
trap 'kill -INT $! 2>/dev/null; wait $!' INT
wait $!
