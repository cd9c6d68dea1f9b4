"""What torch and safetensors write and read past the interpreter; an environment of its own, since torch is large."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import safetensors.torch
import torch

from orchestrail.capture import files, observers

NET = torch.nn.Linear(2, 1)
TORCH = f"torch {torch.__version__}"


def seen(action):
    """Run something as a run does, with the libraries observed."""
    files.install()
    observers.install()
    capture = files.FileCapture()
    token = files.capturing.set(capture)
    try:
        action()
    finally:
        files.capturing.reset(token)
        observers.uninstall()
    captured = capture.close()
    assert not captured.not_captured
    for one in (*captured.inputs, *captured.outputs):
        assert one.digest == f"sha256:{hashlib.sha256(Path(one.name).read_bytes()).hexdigest()}"
        assert one.weak is None
    return captured


@pytest.mark.parametrize(
    ("name", "write", "form", "read"),
    [
        ("state.pt", lambda p: torch.save(NET.state_dict(), p), "torch", torch.load),
        ("map.pt", lambda p: torch.save(NET.state_dict(), p), "torch", lambda p: torch.load(p, mmap=True)),
        ("net.bin", lambda p: torch.save(NET, p), "torch", lambda p: torch.load(p, weights_only=False)),
        ("sä.pt", lambda p: torch.save(NET.state_dict(), p), "torch", torch.load),
        ("script.pt", lambda p: torch.jit.save(torch.jit.script(NET), p), "torchscript", lambda p: torch.jit.load(p)),
        (
            "w.safetensors",
            lambda p: safetensors.torch.save_file(NET.state_dict(), p),
            "safetensors",
            lambda p: safetensors.torch.load_file(p),
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_model_is_written_and_read(tmp_path, monkeypatch, name, write, form, read):
    """With its digest, format and framework; nothing else is told."""
    monkeypatch.chdir(tmp_path)
    inputs, outputs, _ = seen(lambda: write(name))
    assert not inputs
    assert [(Path(one.name).name, one.kind, one.format, one.framework) for one in outputs] == [
        (name, "model", form, TORCH)
    ]
    inputs, outputs, _ = seen(lambda: read(name))
    assert [Path(one.name).name for one in inputs] == [name]
    assert not outputs


def test_the_step_of_an_optimizer_tells_of_training():
    """Of any optimizer, also of one that was there before; not outside of a run, nor when nobody watches any more."""
    before = torch.optim.Adam(NET.parameters())
    observers.install()
    later = torch.optim.SGD(NET.parameters(), lr=0.1)
    capture = files.FileCapture()
    token = files.capturing.set(capture)
    NET(torch.ones(1, 2)).sum().backward()
    before.step()
    later.step()
    files.capturing.reset(token)
    later.step()
    assert list(capture.told.calls) == [("train", "Adam.step"), ("train", "SGD.step")]
    observers.uninstall()
    capture = files.FileCapture()
    token = files.capturing.set(capture)
    before.step()
    files.capturing.reset(token)
    assert not capture.told.calls


def test_the_seed_of_torch_is_told(tmp_path):
    """With the numbers that are drawn without us; whoever took the function from torch.random has the same."""
    expected = torch.Generator().manual_seed(11)
    drawn = torch.rand(3, generator=expected)
    observers.install()
    made = files.FileCapture()
    token = files.capturing.set(made)
    try:
        assert torch.manual_seed(11) is torch.default_generator
        torch.random.manual_seed(12)
        torch.manual_seed(seed=11)
    finally:
        files.capturing.reset(token)
        observers.uninstall()
    assert torch.equal(torch.rand(3), drawn)
    assert [tuple(seed.values()) for seed in made.told.results.seeds] == [
        ("torch.manual_seed", 11), ("torch.manual_seed", 12)
    ]  # fmt: skip
