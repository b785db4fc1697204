"""What this machine is and what it can do."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from k8snet_lessons.data.measured import Machine

_VERSION_FLAGS = {"ip": "-V", "nginx": "-v", "haproxy": "-v", "openssl": "version", "go": "version"}


def describe(tools: Iterable[str] = ()) -> Machine:
    """This machine, with the versions of the ``tools`` that an experiment used."""
    return Machine(
        kernel=platform.release(),
        architecture=platform.machine(),
        cpu=_cpu_model(),
        cpus=os.cpu_count() or 1,
        memory_mib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        virtual="hypervisor" in _cpuinfo("flags").split(),
        distribution=_distribution(),
        tools={tool: tool_version(tool) for tool in tools if shutil.which(tool)},
    )


def tool_version(tool: str) -> str:
    """First line of what the tool says about its version, without the folder it lies in."""
    flag = _VERSION_FLAGS.get(tool, "--version")
    done = subprocess.run([tool, flag], capture_output=True, text=True, timeout=10, check=False)
    said = (done.stdout or done.stderr).strip().splitlines()
    return re.sub(r"^/\S*/", "", said[0]) if said else "unknown"


def load_average() -> float:
    """The one-minute load average."""
    return round(os.getloadavg()[0], 2)


def _cpu_model() -> str:
    return _cpuinfo("model name") or platform.processor() or "unknown"


def _cpuinfo(key: str) -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    except OSError:
        return "unknown"
