"""The machine under a process, as its kernel and drivers tell: memory, limits, graphics cards, container. Nothing is asked over a
network, no program is run, and CUDA is not initialised. What nobody tells is None, not guessed.
"""

from __future__ import annotations

import importlib.util
import os
import re
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

_ROOT = Path("/")
_ID = r"([0-9a-f]{64})"
# In `mountinfo` the folder of the container's own files; in `cgroup` the name of its group.
_CONTAINER = re.compile(
    rf"/(?:docker/containers|overlay-containers)/{_ID}/|(?:/docker/|/docker-|/libpod-|/cri-containerd-|/crio-|/kubepods\S*/){_ID}"
)
_IMAGE_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})$")
_UNLIMITED = 1 << 60


def memory() -> int | None:
    """Give the bytes of memory that the machine has."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None


def distribution(root: Path = _ROOT) -> str | None:
    """Name the distribution of the operating system."""
    for line in _text(root / "etc/os-release").splitlines():
        name, _, value = line.partition("=")
        if name == "PRETTY_NAME":
            return value.strip("\"'") or None
    return None


def libc() -> str | None:
    """Name the C library; None where it is not glibc."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (OSError, ValueError):
        return None


def limits(root: Path = _ROOT) -> dict[str, Any]:
    """Say what the process may use of the machine.

    Args:
        root: where the kernel's file systems are.

    Returns:
        `usableCpus`: processors that it may run on; `cpus`: share of them that its control group may take, and `memoryBytes`:
        memory that it may have, None where there is no limit.
    """
    cpus, memories = [], []
    for folder in _groups(root):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        quota = quota or _text(folder / "cpu.cfs_quota_us")
        period = period or _text(folder / "cpu.cfs_period_us")
        with suppress(ValueError, ZeroDivisionError):
            if int(quota) > 0:
                cpus.append(round(int(quota) / int(period), 3))
        for name in ("memory.max", "memory.limit_in_bytes"):
            with suppress(ValueError):
                memories.append(int(_text(folder / name)))
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    limit = min(memories, default=_UNLIMITED)
    return {
        "usableCpus": usable,
        "cpus": min(cpus, default=None),
        "memoryBytes": limit if limit < _UNLIMITED else None,
    }


def container(image: str | None = None, root: Path = _ROOT) -> dict[str, Any] | None:
    """Say in which container the process runs.

    A process can see that it is in a container, and often its id. It cannot see its image: that is known where somebody tells.

    Args:
        image: the image as the settings name it.
        root: where the container's file system is.

    Returns:
        `runtime` (`docker`, `podman`, `kubernetes`), `id`, `image`, `imageDigest` (of its manifest, where it is named by that),
        `toldBy` (who named the image); None where nothing speaks of a container.
    """
    podman = _podman(root)
    told = [
        (image, "settings"),
        (os.environ.get("CI_JOB_IMAGE"), "CI_JOB_IMAGE"),  # GitLab's runner
        (podman.get("image"), "podman"),
    ]
    name, by = next(((value, by) for value, by in told if value), (None, None))
    found = _CONTAINER.search(_text(root / "proc/self/mountinfo") + _text(root / "proc/self/cgroup"))
    runtime = (
        "kubernetes" if "KUBERNETES_SERVICE_HOST" in os.environ
        else "podman" if podman
        else "docker" if (root / ".dockerenv").exists()
        else None
    )  # fmt: skip
    if not (name or found or runtime):
        return None
    digest = _IMAGE_DIGEST.search(name or "")
    return {
        "runtime": runtime,
        "id": podman.get("id") or (found and (found[1] or found[2])) or None,
        "image": name,
        "imageDigest": digest[1] if digest else None,
        "toldBy": by,
    }


def gpus(root: Path = _ROOT) -> list[dict[str, Any]] | None:
    """Name the graphics cards of NVIDIA; others are not looked for.

    Asks NVML where the host has installed `nvidia-ml-py`, else what the driver tells of itself below `/proc`. NVML does not
    initialise CUDA.

    Returns:
        For each card `model`, `driver`, `memoryBytes` and `toldBy` (`nvml` or `driver`); an empty list where there is no driver.
        None where there may be cards and nothing tells: a driver for Windows under WSL, without `nvidia-ml-py`.
    """
    asked = _asked()
    if asked is not None:
        return asked
    try:
        cards = sorted((root / "proc/driver/nvidia/gpus").iterdir())
    except OSError:
        return None if (root / "dev/dxg").exists() or (root / "dev/nvidiactl").exists() else []
    version = re.search(r"Kernel Module\D*?(\d[\d.]+)", _text(root / "proc/driver/nvidia/version"))
    models = [field(card / "information", "Model") for card in cards]
    return [
        {"model": model, "driver": version[1] if version else None, "memoryBytes": None, "toldBy": "driver"}
        for model in models
        if model is not None
    ]


def _asked() -> list[dict[str, Any]] | None:
    try:
        if importlib.util.find_spec("pynvml") is None:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # earlier distributions of it say that they have another name now
            nvml: Any = importlib.import_module("pynvml")
        nvml.nvmlInit()
    except Exception:  # no driver, or one of another version
        return None
    try:
        driver = _plain(nvml.nvmlSystemGetDriverVersion())
        cards = [nvml.nvmlDeviceGetHandleByIndex(number) for number in range(nvml.nvmlDeviceGetCount())]
        return [
            {
                "model": _plain(nvml.nvmlDeviceGetName(card)),
                "driver": driver,
                "memoryBytes": int(nvml.nvmlDeviceGetMemoryInfo(card).total),
                "toldBy": "nvml",
            }
            for card in cards
        ]
    except Exception:  # a card that is lost, a container that may not ask
        return None
    finally:
        with suppress(Exception):
            nvml.nvmlShutdown()


def field(file: Path, name: str) -> str | None:
    """Read the first `name : value` line of one of the kernel's files."""
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                key, _, value = line.partition(":")
                if key.strip() == name:
                    return value.strip() or None
    except OSError:
        return None
    return None


def _groups(root: Path) -> list[Path]:
    """Give the folders of the process's control groups, and those above: each of them can limit it."""
    top = root / "sys/fs/cgroup"
    found: dict[Path, None] = {}
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if not controllers:
            base = top
        elif {"cpu", "memory"} & set(controllers.split(",")):
            base = top / controllers
        else:
            continue
        inner = base / path.lstrip("/")
        # Within a container its own group is at the top, whatever path the kernel names.
        found.update(dict.fromkeys([one for one in (inner, *inner.parents) if one == base or base in one.parents]))
    return list(found)


def _podman(root: Path) -> dict[str, str]:
    file = root / "run/.containerenv"
    pairs = (line.partition("=") for line in _text(file).splitlines())
    told = {name: value.strip('"') for name, _, value in pairs}
    return told or ({"engine": "podman"} if file.exists() else {})


def _plain(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
