"""Checkpoints: whole or not there, and damage is found before use."""

import errno
import hashlib
import json
import os
import random

import pytest
import torch
from torch import nn

from medkit import _files, checkpoint
from medkit._check import MedkitInputError
from medkit.checkpoint import finished, load, load_weights, read, restore, save, tensors_of

pytestmark = pytest.mark.filterwarnings("error")


def build(seed=0, layout=torch.contiguous_format):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2))
    return model.to(memory_format=layout)


def step(model, optimiser, seed):
    image = torch.rand((4, 3, 8, 8), generator=torch.Generator().manual_seed(seed))
    optimiser.zero_grad()
    model(image).square().sum().backward()
    optimiser.step()


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values()))


def write(folder, number=1):
    return save(folder, "last", number, {"a": torch.arange(1000.0)}, {"step": number})


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_hand_what_is_saved_is_read(tmp_path):
    path = save(tmp_path / "new", "last", 7, {"a": torch.tensor([[1.5], [-0.0]])}, {"loss": 0.1, "no": float("nan")})
    assert names(path.parent) == ["last-000007.safetensors", "last-000007.safetensors.sha256"]
    found = load(tmp_path / "new", "last")
    assert found.path == path and found.tensors["a"].tolist() == [[1.5], [-0.0]]
    assert found.facts["loss"] == 0.1 and found.facts["no"] != found.facts["no"]
    digest, name = (path.parent / f"{path.name}.sha256").read_text(encoding="utf-8").split()
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest() and name == path.name  # as sha256sum writes it
    assert load(tmp_path, "last") is None and load(tmp_path / "nowhere", "last") is None


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_law_a_restored_run_goes_on_to_the_same_bits(tmp_path, layout):
    model = build(0, layout)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    for seed in range(3):
        step(model, optimiser, seed)
    save(tmp_path, "last", 3, tensors_of(model, optimiser), {})
    other = build(1, layout)
    again = torch.optim.Adam(other.parameters(), lr=0.1)
    restore(load(tmp_path, "last").tensors, other, again)
    assert same(model, other)
    assert again.state[other[0].weight]["exp_avg"].is_contiguous(memory_format=layout)
    weights_alone = build(2, layout)
    load_weights(finished(tmp_path, "last")[0], weights_alone)
    forgetful = torch.optim.Adam(weights_alone.parameters(), lr=0.1)
    for seed in range(3, 6):
        for pair in ((model, optimiser), (other, again), (weights_alone, forgetful)):
            step(*pair, seed)
    assert same(model, other)
    assert not same(model, weights_alone)  # the negative control: Adam's moments were left out


def test_law_older_ones_go_when_the_new_one_stands(tmp_path):
    (tmp_path / "last-000001.safetensors.99.tmp").write_bytes(b"half")
    (tmp_path / "mine.safetensors").write_bytes(b"mine")
    for number in (9, 10, 11):
        save(tmp_path, "last", number, {"a": torch.ones(1)}, {}, keep=2)
    save(tmp_path, "best", 2, {"a": torch.ones(1)}, {})
    numbers = [path.name for path in finished(tmp_path, "last")]
    assert numbers == ["last-000010.safetensors", "last-000011.safetensors"]
    assert "mine.safetensors" in names(tmp_path) and len(names(tmp_path)) == 7
    save(tmp_path, "last", 10**6, {"a": torch.ones(1)}, {})
    save(tmp_path, "last", 10**6 + 1, {"a": torch.ones(1)}, {}, keep=2)
    assert load(tmp_path, "last").path.name == "last-1000001.safetensors"  # by number, not by letter


def test_law_one_without_its_checksum_does_not_count(tmp_path):
    write(tmp_path, 1)
    unfinished = tmp_path / "last-000002.safetensors"
    unfinished.write_bytes(b"half of it")
    assert load(tmp_path, "last").facts == {"step": 1}


def test_law_every_flipped_byte_is_found_before_use(tmp_path):
    path = write(tmp_path)
    beside = path.with_name(path.name + ".sha256")
    draws = random.Random(0)
    for file, count in ((path, 100), (beside, 40)):
        good = file.read_bytes()
        for _ in range(count):
            bad = bytearray(good)
            bad[draws.randrange(len(bad))] ^= 1 << draws.randrange(8)
            file.write_bytes(bad)
            with pytest.raises(MedkitInputError, match=r"last-000001.safetensors is damaged.*; delete it"):
                load(tmp_path, "last")
        file.write_bytes(good)
    assert load(tmp_path, "last").facts == {"step": 1}
    bad = bytearray(path.read_bytes())
    bad[-3] ^= 1
    assert not torch.equal(checkpoint.safetensors.torch.load(bytes(bad))["a"], torch.arange(1000.0))  # silently


def fail(code):
    def stop(*arguments):
        raise OSError(code, os.strerror(code))

    return stop


@pytest.mark.parametrize("broken, code", [
    ("fsync", errno.ENOSPC), ("fsync", errno.EFBIG), ("replace", errno.EACCES), ("open", errno.EROFS),
])  # fmt: skip
def test_edge_a_failed_write_leaves_the_old_one_and_says_so(tmp_path, monkeypatch, broken, code):
    write(tmp_path, 1)
    before = names(tmp_path)
    if broken == "open":
        monkeypatch.setattr(_files, "open", fail(code), raising=False)
    else:
        monkeypatch.setattr(_files.os, broken, fail(code))
    with pytest.raises(MedkitInputError) as error:
        write(tmp_path, 2)
    monkeypatch.undo()
    assert str(error.value) == (
        f"last-000002.safetensors could not be saved ({os.strerror(code)}); make room or allow writing, "
        f"and run again; the checkpoint before it is kept: last-000001.safetensors"
    )
    assert names(tmp_path) == before and load(tmp_path, "last").facts == {"step": 1}


def test_edge_a_failed_checksum_leaves_the_old_one_too(tmp_path, monkeypatch):
    write(tmp_path, 1)
    real = _files.os.replace
    monkeypatch.setattr(
        _files.os, "replace", lambda a, b: fail(errno.EIO)() if str(b).endswith("sha256") else real(a, b)
    )
    with pytest.raises(MedkitInputError, match="last-000002.safetensors could not be saved"):
        write(tmp_path, 2)
    assert load(tmp_path, "last").facts == {"step": 1} and len(names(tmp_path)) == 2


def test_edge_the_same_once_more_is_not_written(tmp_path, monkeypatch):
    path = write(tmp_path)
    monkeypatch.setattr(_files.os, "fsync", fail(errno.EIO))
    assert write(tmp_path) == path
    with pytest.raises(MedkitInputError, match="kept: none"):
        save(tmp_path, "last", 1, {"a": torch.zeros(1)}, {})  # another one of this number


def test_edge_files_that_are_no_checkpoints(tmp_path):
    def lay(content):
        path = tmp_path / "last-000001.safetensors"
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        path.with_name(path.name + ".sha256").write_bytes(f"{digest}  {path.name}\n".encode())
        return path

    plain = checkpoint.safetensors.torch.save({"a": torch.ones(2)})
    broken = checkpoint.safetensors.torch.save({"a": torch.ones(2)}, metadata={"facts": "{"})
    for content in (b"", b"not one", plain, broken):
        with pytest.raises(MedkitInputError, match="is no checkpoint of medkit"):
            read(lay(content))
    with pytest.raises(MedkitInputError, match=r"last-000009.safetensors can't be read"):
        read(tmp_path / "last-000009.safetensors")


def test_edge_another_model(tmp_path):
    path = save(tmp_path, "best", 1, tensors_of(build()), {})
    with pytest.raises(MedkitInputError, match="best-000001.safetensors holds the weights of another model"):
        load_weights(str(path), nn.Linear(2, 2))


def test_shared_and_strided_weights_are_saved_too(tmp_path):
    shared = torch.arange(6.0)
    save(tmp_path, "last", 1, {"a": shared, "b": shared, "c": shared.view(2, 3).T}, {})
    found = load(tmp_path, "last").tensors
    assert torch.equal(found["b"], shared) and torch.equal(found["c"], shared.view(2, 3).T)


def test_facts_are_text_not_code(tmp_path):
    content = write(tmp_path).read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert set(header) == {"a", "__metadata__"} and json.loads(header["__metadata__"]["facts"]) == {"step": 1}


def test_a_run_begun_anew_in_the_same_folder_keeps_its_own(tmp_path):
    save(tmp_path, "best", 40, {"a": torch.zeros(1)}, {})
    path = save(tmp_path, "best", 1, {"a": torch.ones(1)}, {})
    assert finished(tmp_path, "best") == [path]
