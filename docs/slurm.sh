#!/usr/bin/env bash
# Extraction on a Slurm cluster without Ray: every task of the array computes its share of the videos
# (SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT). Inputs, cache and checkout are on a file system that all nodes mount.
#
#     sbatch docs/slurm.sh videos/ configs/folder.yaml cache/
#
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

# The first signal, sent two minutes before the time limit, lets the current write finish.
aqa extract "$inputs" --config "$config" --cache "$cache" \
    --workers "${SLURM_CPUS_PER_TASK:-4}" --set run.memory_gb=3 --json > "extract-${SLURM_ARRAY_TASK_ID:-0}.json" &
trap 'kill -INT $! 2>/dev/null; wait $!' INT
wait $!
