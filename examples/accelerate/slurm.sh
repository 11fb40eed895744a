#!/bin/bash
#SBATCH --job-name=teacher
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --time=24:00:00
# Builds the declared teacher: sbatch examples/accelerate/slurm.sh, in a clone on a disk that all nodes see.
# DVC runs once, on the first node; stages that compute start on all of them, by srun.
set -euo pipefail
cd "$SLURM_SUBMIT_DIR"
source .venv/bin/activate

MAIN_IP=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export MAIN_IP
export TEACHERSPEC_LAUNCHER="srun --kill-on-bad-exit=1 examples/accelerate/on-each-node.sh"

python -m teacherspec repro --pull --allow-missing
dvc push --run-cache
