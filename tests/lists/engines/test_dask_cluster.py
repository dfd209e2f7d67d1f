"""A cluster of two local workers: the manifest of one process, byte for byte; what is lost, refused or killed on the way."""

import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

import nibabel as nib
import pytest

from smart_nets import optional
from smart_nets.errors import ConfigError, InputError
from smart_nets.lists.check import check_data
from smart_nets.lists.check_scan import Rules
from smart_nets.lists.engines import dask_cluster
from smart_nets.lists.engines.dask_cluster import on_dask

distributed = pytest.importorskip("distributed")
SCANS = 24
PLAIN = {
    "scheduler_kwargs": {"dashboard": False},
    "host": "127.0.0.1",
    "dashboard_address": "127.0.0.1:0",
    "processes": True,
    "threads_per_worker": 1,
}


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(n_workers=2, **PLAIN) as found:
        yield found


@pytest.fixture(scope="module")
def scans(tmp_path_factory, phantom) -> Path:
    """Phantoms, each unlike the others; one of them twice, one damaged."""
    folder = tmp_path_factory.mktemp("scans")
    for number in range(SCANS):
        image = phantom.image.copy()
        image[5, 5, 5] = number
        nib.save(nib.Nifti1Image(image, phantom.affine), folder / f"{number:03d}.nii.gz")
    (folder / "copy.nii.gz").write_bytes((folder / "007.nii.gz").read_bytes())
    (folder / "cut.nii.gz").write_bytes((folder / "008.nii.gz").read_bytes()[:200])
    return folder


@pytest.fixture(scope="module")
def alone(scans, tmp_path_factory):
    """What one process writes."""
    folder = tmp_path_factory.mktemp("alone")
    check_data(scans, folder, workers=1)
    return written(folder)


def written(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("manifest.json", "rejected.json")]


def test_the_manifest_is_the_same_byte_for_byte(cluster, scans, alone, tmp_path):
    checked = check_data(scans, tmp_path, scheduler=cluster.scheduler_address)
    assert (len(checked.used), len(checked.rejected)) == (SCANS, 2)
    assert written(tmp_path) == alone
    before = time.perf_counter()
    check_data(scans, tmp_path, scheduler="tcp://127.0.0.1:1")  # nothing is left to do, so nobody is asked
    assert time.perf_counter() - before < 3 and written(tmp_path) == alone


def test_a_scheduler_file_will_do(cluster, scans, alone, tmp_path):
    (tmp_path / "scheduler.json").write_text(json.dumps({"address": cluster.scheduler_address}))
    check_data(scans, tmp_path / "out", scheduler=str(tmp_path / "scheduler.json"))
    assert written(tmp_path / "out") == alone


def test_results_in_any_order(monkeypatch, scans, alone, tmp_path):
    def backwards(address, task, items, seen):
        yield from reversed(list(enumerate(map(task, items))))

    monkeypatch.setattr("smart_nets.lists.check.on_dask", backwards)
    check_data(scans, tmp_path, scheduler="somewhere")
    assert written(tmp_path) == alone


def test_a_killed_worker_loses_nothing(scans, alone, tmp_path):
    """One of two workers is killed when the first results are in; its nanny starts it anew, and nothing is done without."""
    with distributed.LocalCluster(n_workers=2, **PLAIN) as own:
        killed_at = []

        def kill() -> None:
            journal = tmp_path / "checked.jsonl"
            while not journal.exists() or journal.read_bytes().count(b"\n") < 3:
                time.sleep(0.002)
            killed_at.append(journal.read_bytes().count(b"\n"))
            os.kill(own.workers[0].pid, signal.SIGKILL)

        thread = threading.Thread(target=kill, daemon=True)
        thread.start()
        check_data(scans, tmp_path, scheduler=own.scheduler_address)
        thread.join(10)
        own.wait_for_workers(2, timeout=30)  # a nanny that is closed while it starts its worker fails
    assert killed_at and killed_at[0] < SCANS
    assert written(tmp_path) == alone


def test_what_kills_every_worker_is_told(tmp_path):
    with distributed.LocalCluster(n_workers=1, **PLAIN) as own:
        own.scheduler.allowed_failures = 1
        with pytest.raises(InputError, match=r"batch from 0: a batch of scans has killed every worker.*goes on"):
            list(on_dask(own.scheduler_address, os._exit, [0, 0], [tmp_path]))
        own.wait_for_workers(1, timeout=30)  # a nanny that is closed while it starts its worker fails


def test_a_scheduler_that_goes_away_is_told(tmp_path):
    with distributed.LocalCluster(n_workers=1, **PLAIN) as own:
        timer = threading.Timer(2, own.close)
        timer.start()
        with pytest.raises(InputError, match=r"--scheduler: the scheduler went away.*goes on where it was"):
            list(on_dask(own.scheduler_address, time.sleep, [0.05] * 400, [tmp_path]))
        timer.join()


def test_workers_of_another_version(cluster, scans, tmp_path):
    def set_version(version: str) -> None:
        import smart_nets

        smart_nets.__version__ = version

    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        (first, _) = client.ncores()
        version = client.run(lambda: __import__("smart_nets").__version__)[first]
        client.run(set_version, "9.9", workers=[first])
        try:
            with pytest.raises(ConfigError, match=r"another version of smart_nets .expected .*, found 9\.9"):
                check_data(scans, tmp_path, scheduler=cluster.scheduler_address)
        finally:
            client.run(set_version, version, workers=[first])
    assert (tmp_path / "checked.jsonl").read_text().count("\n") == 1  # nothing was computed


def test_a_worker_that_lacks_the_project_or_the_data(cluster, scans, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="a worker does not see the data"):
        list(on_dask(cluster.scheduler_address, len, ["a"], [tmp_path, tmp_path / "not mounted"]))

    def fails(seen: list[str]) -> None:
        raise ModuleNotFoundError("No module named 'smart_nets'")

    monkeypatch.setattr(dask_cluster, "_facts", fails)
    with pytest.raises(ConfigError, match="a worker lacks this project"):
        list(on_dask(cluster.scheduler_address, len, ["a"], [tmp_path]))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{port}", "127.0.0.1:{port}"])
def test_a_scheduler_that_is_not_there(scans, tmp_path, address):
    before = time.perf_counter()
    with pytest.raises(ConfigError, match=r"--scheduler .*no scheduler answers.*dask scheduler"):
        check_data(scans, tmp_path, scheduler=address.format(port=free_port()))
    assert time.perf_counter() - before < 15


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:x", "a b", "http://node1:8786", "node1:8786/x", "node1:123456", "/no/file.json"]
)
def test_what_can_be_no_scheduler_is_never_tried(scans, tmp_path, address):
    with pytest.raises(ConfigError, match=r"--scheduler: is no address of a scheduler .*tcp://node1:8786"):
        check_data(scans, tmp_path, scheduler=address)


@pytest.mark.parametrize(
    "address", ["tcp://node1:8786", "node-1.cluster:8786", "[::1]:8786", "tls://10.0.0.1:8786", "node1"]
)
def test_addresses_that_dask_prints_may_pass(address):
    assert dask_cluster._address(address) == address


def test_a_scheduler_without_workers(scans, tmp_path):
    none = distributed.LocalCluster(n_workers=0, **PLAIN)
    with none as own, pytest.raises(ConfigError, match=r"the scheduler has no workers"):
        check_data(scans, tmp_path, scheduler=own.scheduler_address)


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_what_is_no_scheduler_file(scans, tmp_path, content):
    (tmp_path / "s.json").write_text(content)
    with pytest.raises(ConfigError, match="is no scheduler file"):
        check_data(scans, tmp_path / "out", scheduler=str(tmp_path / "s.json"))


def test_without_dask_the_extra_is_named(scans, tmp_path, monkeypatch):
    def missing(module: str) -> None:
        raise ModuleNotFoundError(module)

    monkeypatch.setattr(optional.importlib, "import_module", missing)
    with pytest.raises(ConfigError, match=r"needs distributed; .*pip install 'smart-nets\[dask\]'"):
        check_data(scans, tmp_path, scheduler="tcp://127.0.0.1:1")


def test_workers_and_scheduler_are_not_given_both(scans, tmp_path):
    with pytest.raises(ConfigError, match="workers, scheduler: are given both"):
        check_data(scans, tmp_path, Rules(), workers=2, scheduler="tcp://127.0.0.1:1")
