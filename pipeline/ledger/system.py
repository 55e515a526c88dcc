"""How busy the machine is: sampled with every sign of life, under the names of MLflow's own tab."""

from __future__ import annotations

import shutil
import subprocess

import psutil

MEGABYTE = 1e6
MOST_GPUS = 8
"""GPUs that are written down: each takes two of the thirty metric keys."""

QUERY = ("--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits")
QUERY_SECONDS = 5


def sample() -> dict[str, float]:
    """Return the load of processors, memory and NVIDIA GPUs since the last sample, by metric key."""
    memory = psutil.virtual_memory()
    found = {
        "system/cpu_utilization_percentage": psutil.cpu_percent(),
        "system/system_memory_usage_megabytes": memory.used / MEGABYTE,
        "system/system_memory_usage_percentage": memory.percent,
        "system/process_memory_megabytes": psutil.Process().memory_info().rss / MEGABYTE,
    }
    for number, (load, used) in enumerate(_gpus()):
        found[f"system/gpu_{number}_utilization_percentage"] = load
        found[f"system/gpu_{number}_memory_usage_megabytes"] = used
    return found


def _gpus() -> list[tuple[float, float]]:
    """Return utilisation in percent and memory in MiB of each GPU; none where nothing answers."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        answer = subprocess.run(  # noqa: S603 - fixed words
            [program, *QUERY], capture_output=True, text=True, timeout=QUERY_SECONDS, check=True
        ).stdout
        rows = [line.split(",") for line in answer.splitlines()[:MOST_GPUS]]
        return [(float(load), float(used)) for load, used in rows]
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
