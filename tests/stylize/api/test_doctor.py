from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import pytest

from stylize.api import doctor
from stylize.api.doctor import Check, format_check, opencv_clash, run_doctor


def test_this_machine_is_fit():
    checks = {check.name: check for check in run_doctor().checks}
    assert {
        "python",
        "packages",
        "opencv",
        "cv2",
        "reader",
        "ffmpeg",
        "threads",
        "gpu",
        "learned",
        "device",
        "weights",
        "disk",
    } <= set(checks)
    assert [c for c in checks.values() if c.state == "bad" and c.name not in ("disk", "threads")] == []


def test_the_one_distribution_is_right():
    assert opencv_clash(["numpy", "opencv-contrib-python"]).state == "ok"


@pytest.mark.parametrize(
    "installed",
    [
        ["opencv-python", "opencv-contrib-python"],
        ["opencv_python_headless", "Opencv-Contrib-Python", "opencv-python"],
        ["opencv-python"],
        ["opencv-contrib-python-headless"],
    ],
)
def test_a_clash_is_named_with_one_command_that_mends_it(installed):
    check = opencv_clash(installed)
    assert check.state == "bad"
    wrong = {name.lower().replace("_", "-") for name in installed} - {"opencv-contrib-python"}
    assert all(name in check.found for name in wrong)
    uninstall, _, again = check.mend.partition(" && ")
    assert wrong <= set(uninstall.split())
    assert again.endswith("install --force-reinstall --no-deps opencv-contrib-python")


def test_no_opencv_at_all():
    assert opencv_clash(["numpy"]).found == "no OpenCV distribution"


def test_missing_contrib_functions_are_found(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", SimpleNamespace(__version__="9", ximgproc=None))
    check = next(c for c in run_doctor().checks if c.name == "cv2")
    assert (check.state, check.found) == ("bad", "9 without optflow")


def test_a_missing_package_is_found(monkeypatch):
    def version(name):
        if name == "av":
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(doctor, "version", version)
    check = next(c for c in run_doctor().checks if c.name == "packages")
    assert (check.state, check.found) == ("bad", "missing: av")
    assert check.mend.endswith("-m pip install av")


def test_a_check_that_breaks_is_a_finding_and_hides_no_other(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    checks = {check.name: check for check in run_doctor().checks}
    assert checks["reader"].state == "bad"
    assert checks["ffmpeg"].state == "ok"


def test_a_switched_off_compiler_and_a_full_disk(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    checks = {check.name: check for check in run_doctor(tmp_path / "not" / "yet").checks}
    assert checks["threads"].mend == "unset NUMBA_DISABLE_JIT"
    assert checks["disk"].state == "bad"


def test_spelled_for_a_person():
    assert format_check(Check("disk", "bad", "full", "free some")) == "BAD  disk      full\n     mend: free some"
    assert format_check(Check("gpu", "absent", "none")) == "-    gpu       none"


def test_a_library_that_opencv_lacks_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)  # importing it raises ImportError
    check = next(c for c in run_doctor().checks if c.name == "cv2")
    assert check.state == "bad"
    assert "libgl1" in check.mend


def test_learned_packages_that_are_missing_are_no_fault(monkeypatch):
    real = doctor.find_spec
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name == "peft" else real(name))
    check = next(c for c in run_doctor().checks if c.name == "learned")
    assert check.state == "absent"
    assert "peft" in check.found
    assert "keystylize[diffusion]" in check.mend


def test_a_torchvision_of_another_build_is_named(monkeypatch, tmp_path):
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator nms does not exist')", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.setattr(doctor, "version", lambda _: "1")
    for name in doctor.LEARNED:
        (tmp_path / f"{name}.py").touch()
    check = doctor._learned()
    assert check.state == "absent"
    assert "nms does not exist" in check.found
    assert "torch torchvision" in check.mend


def test_models_that_are_here_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    check = doctor._weights()
    assert check.state == "absent"
    assert str(tmp_path) in check.found
    place = tmp_path / "hub" / "models--latent-consistency--lcm-lora-sdxl"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("abc", encoding="utf-8")
    (place / "snapshots" / "abc").mkdir(parents=True)
    (place / "snapshots" / "abc" / "pytorch_lora_weights.safetensors").touch()
    assert "here: lcm-sdxl" in doctor._weights().found


@pytest.mark.filterwarnings("ignore")
def test_the_device_of_learned_painters_is_named(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (6 * 1024**3, 8 * 1024**3))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Card")
    assert doctor._device() == Check("device", "ok", "Card, 6.0 of 8.0 GiB free")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert "mps" in doctor._device().found
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert doctor._device().state == "absent"
    monkeypatch.setattr(doctor, "find_spec", lambda _: None)
    assert "torch is not installed" in doctor._device().found


def test_every_package_that_is_required_is_looked_for(monkeypatch):
    required = [
        "numpy>=2.0",
        "psd-tools>=1.26",
        "no-such-package[fast]>=3",
        "torch>=2 ; extra == 'diffusion'",
    ]
    monkeypatch.setattr(doctor, "requires", lambda name: required if name == "keystylize" else None)
    check = next(check for check in run_doctor().checks if check.name == "packages")
    assert (check.state, check.found) == ("bad", "missing: no-such-package")
    assert check.mend.endswith("pip install no-such-package")


def test_mends_use_the_python_that_runs_and_not_the_first_on_the_path(monkeypatch, tmp_path):
    inside = tmp_path / "my venv" / "python3"
    monkeypatch.setattr(sys, "executable", str(inside))
    monkeypatch.setattr(doctor.shutil, "which", lambda _: "/usr/bin/python3")
    assert opencv_clash([]).mend.startswith(f"'{inside}' -m pip install ")
    monkeypatch.setattr(doctor.shutil, "which", lambda _: str(inside))
    assert opencv_clash([]).mend.startswith("python3 -m pip install ")


def test_kernels_that_can_be_kept_nowhere_are_bad(tmp_path, monkeypatch):
    def refuse(name):
        raise RuntimeError("cannot cache function 'hash3': no locator available")

    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    assert doctor._kernel_cache().state == "absent", "the user's cache will do"
    monkeypatch.setattr(doctor.importlib, "import_module", refuse)
    assert doctor._kernel_cache().state == "bad"
