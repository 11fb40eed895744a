#!/bin/bash
# The part of a stage that one node runs: `-m stages.finetune …` follows as arguments. Started by TEACHERSPEC_LAUNCHER.
set -euo pipefail
exec accelerate launch --config_file examples/accelerate/fsdp2.yaml \
  --num_machines "$SLURM_NNODES" --num_processes "$((SLURM_NNODES * SLURM_GPUS_ON_NODE))" \
  --machine_rank "$SLURM_NODEID" --main_process_ip "$MAIN_IP" --main_process_port 29500 "$@"
