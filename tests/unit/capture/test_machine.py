"""The machine as its kernel tells: files laid out as kernels, container engines and drivers write them."""

from __future__ import annotations

import resource

import pytest

from orchestrail.capture import machine

ID = "0123456789abcdef" * 4
OTHER = "f" * 64
DIGEST = "sha256:" + "ab" * 32


@pytest.fixture(autouse=True)
def _nobody_tells(monkeypatch):
    for name in ("KUBERNETES_SERVICE_HOST", "CI_JOB_IMAGE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def laid(tmp_path):
    """Lay files out below a root."""

    def lay(**files: str):
        for name, text in files.items():
            file = tmp_path / name.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path

    lay.files = lambda files: lay(**{name.replace("/", "__"): text for name, text in files.items()})
    return lay


TOP = {"proc/self/cgroup": "0::/\n"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, (None, None)),
        (TOP | {"sys/fs/cgroup/cpu.max": "max 100000\n", "sys/fs/cgroup/memory.max": "max\n"}, (None, None)),
        (TOP | {"sys/fs/cgroup/cpu.max": "150000 100000\n", "sys/fs/cgroup/memory.max": "4096"}, (1.5, 4096)),
        (
            {
                "proc/self/cgroup": "0::/kubepods.slice/pod1/box\n",
                "sys/fs/cgroup/kubepods.slice/cpu.max": "400000 100000",
                "sys/fs/cgroup/kubepods.slice/memory.max": "900",
                "sys/fs/cgroup/kubepods.slice/pod1/cpu.max": "50000 100000",
                "sys/fs/cgroup/kubepods.slice/pod1/box/memory.max": "max",
            },
            (0.5, 900),
        ),
        (
            {
                "proc/self/cgroup": "5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n3:pids:/\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "1024",
                "sys/fs/cgroup/pids/memory.max": "1",
            },
            (2.0, 1024),
        ),
        (
            {
                "proc/self/cgroup": "5:cpu:/\n4:memory:/\nnonsense\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "0",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
            },
            (None, None),
        ),
    ],
    ids=["none", "unlimited", "version 2", "nested", "version 1", "version 1 unlimited"],
)  # fmt: skip
def test_the_limits_of_control_groups_are_the_smallest_above_the_process(laid, files, expected):
    """Both versions of control groups, with a namespace of their own and without."""
    found = machine.limits(laid.files(files))
    assert (found["cpus"], found["memoryBytes"]) == expected


def test_the_processors_are_those_that_the_process_may_use(run):
    """After it was bound to one of them."""
    program = "import json, os; from orchestrail.capture import machine\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    assert run(program + "print(json.dumps(machine.limits()['usableCpus']))") == 1


MOUNTS = {
    "docker": f"612 593 254:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/vda1 rw\n",
    "podman": f"9 8 0:2 /containers/storage/overlay-containers/{ID}/userdata/hosts /etc/hosts rw - tmpfs tmpfs rw\n",
}
GROUPS = {
    "docker 1": f"4:memory:/docker/{ID}\n",
    "systemd": f"0::/system.slice/docker-{ID}.scope\n",
    "podman": f"0::/machine.slice/libpod-{ID}.scope\n",
    "containerd": f"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope\n",
    "cri-o": f"0::/kubepods.slice/kubepods-pod1.slice/crio-{ID}.scope\n",
    "kubelet 1": f"4:memory:/kubepods/burstable/pod1f6b5a/{ID}\n",
}


@pytest.mark.parametrize("files", [{"proc/self/mountinfo": text} for text in MOUNTS.values()]
                         + [{"proc/self/cgroup": text} for text in GROUPS.values()], ids=[*MOUNTS, *GROUPS])  # fmt: skip
def test_the_id_of_a_container_is_found_where_engines_leave_it(laid, files):
    """In the mounts of its own files, or in the name of its control group."""
    found = machine.container(root=laid.files(files))
    assert (found["id"], found["image"]) == (ID, None)


def test_outside_of_a_container_there_is_none(laid):
    """Digests in other places are no ids of containers."""
    files = {
        "proc/self/cgroup": f"0::/user.slice/{ID}\n",
        "proc/self/mountinfo": f"1 2 0:1 /{OTHER} /x rw - ext4 x rw\n",
    }
    assert machine.container(root=laid.files(files)) is None


def test_an_image_is_known_where_somebody_tells(laid, monkeypatch):
    """The settings before the platform; a digest only where the image is named by it."""
    root = laid.files({".dockerenv": "", "proc/self/mountinfo": MOUNTS["docker"]})
    named = f"registry.example/team/train@{DIGEST}"
    assert machine.container(named, root) == {
        "runtime": "docker", "id": ID, "image": named, "imageDigest": DIGEST, "toldBy": "settings"
    }  # fmt: skip
    assert machine.container("train:1.2", root)["imageDigest"] is None
    monkeypatch.setenv("CI_JOB_IMAGE", "python:3.11")
    assert [machine.container(None, root)[key] for key in ("image", "toldBy")] == ["python:3.11", "CI_JOB_IMAGE"]
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert machine.container(named, root)["runtime"] == "kubernetes"


def test_podman_tells_its_image_in_a_privileged_container(laid):
    """Otherwise the file is empty, and only says that it is one."""
    root = laid.files({"run/.containerenv": ""})
    assert machine.container(root=root)["runtime"] == "podman"
    told = (
        f'engine="podman-5.2"\nname="x"\nid="{ID}"\nimage="docker.io/library/python:3"\nimageid="{OTHER}"\nrootless=1\n'
    )
    found = machine.container(root=laid.files({"run/.containerenv": told}))
    assert (found["runtime"], found["id"], found["image"], found["toldBy"]) == (
        "podman", ID, "docker.io/library/python:3", "podman"
    )  # fmt: skip


def test_cards_are_those_that_the_driver_names(laid):
    """Without the library; no driver, no cards; a driver that names none is no answer."""
    assert machine.gpus(laid.files({})) == []
    version = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.161.07  Sat Feb 17 22:55:48 UTC 2024\nGCC version: gcc 12\n"
    root = laid.files(
        {
            "proc/driver/nvidia/version": version,
            "proc/driver/nvidia/gpus/0000:00:04.0/information": "Model: \t\t NVIDIA L4\nIRQ: 3\n",
            "proc/driver/nvidia/gpus/0000:00:05.0/information": "IRQ: 3\n",
        }
    )
    assert machine.gpus(root) == [
        {"model": "NVIDIA L4", "driver": "535.161.07", "memoryBytes": None, "toldBy": "driver"}
    ]  # fmt: skip


def test_under_wsl_nobody_can_tell(laid):
    """There may be cards: that is not none."""
    assert machine.gpus(laid.files({"dev/dxg": ""})) is None


NVML = """
import json, pathlib, warnings
warnings.warn("another name", FutureWarning)
said = []
class Memory: total = 24 << 30
def nvmlInit():
    said.append("init")
    if pathlib.Path("no-driver").exists(): raise OSError("NVML Shared Library Not Found")
def nvmlShutdown(): said.append("shutdown")
def nvmlSystemGetDriverVersion(): return b"535.161.07"
def nvmlDeviceGetCount(): return 2
def nvmlDeviceGetHandleByIndex(number): return number
def nvmlDeviceGetName(card):
    if pathlib.Path("lost").exists(): raise ValueError("GPU is lost")
    return ["NVIDIA L4", b"NVIDIA A10"][card]
def nvmlDeviceGetMemoryInfo(card): return Memory
"""
ASK = """
import json
from orchestrail.capture import machine
found = machine.gpus()
import pynvml
print(json.dumps([found, pynvml.said]))
"""


@pytest.mark.parametrize("trouble", [None, "no-driver", "lost"])
def test_cards_are_asked_for_where_the_host_installed_the_library(run, tmp_path, trouble):
    """Here its names and nothing behind them; where it cannot tell, the driver is asked, and it is always let go again."""
    (tmp_path / "pynvml.py").write_text(NVML)
    if trouble:
        (tmp_path / trouble).write_text("")
    found, said = run(ASK, "-W", "error", "-c", ASK)
    assert said == (["init"] if trouble == "no-driver" else ["init", "shutdown"])
    if trouble is None:
        assert found == [
            {"model": model, "driver": "535.161.07", "memoryBytes": 24 << 30, "toldBy": "nvml"}
            for model in ("NVIDIA L4", "NVIDIA A10")
        ]
    else:
        assert found == machine.gpus()


def test_the_real_library_is_asked_and_changes_nothing(run):
    """nvidia-ml-py itself, on whatever machine this is: CUDA is not loaded by it."""
    program = """
        import json, sys
        from orchestrail.capture import machine
        found = machine.gpus()
        maps = open("/proc/self/maps").read()
        print(json.dumps([found, "pynvml" in sys.modules, "libcuda" in maps]))
    """
    found, asked, cuda = run(program)
    assert asked
    assert not cuda
    assert found == machine.gpus()


def test_memory_is_that_of_the_machine():
    """Not less than this process has used."""
    assert machine.memory() > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
