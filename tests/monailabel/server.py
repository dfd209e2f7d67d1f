"""The real MONAI Label server as a child process on 127.0.0.1, always stopped, and what is asked of it over REST."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

START, ANSWER, LOG, STOP = 240, 300, 10, 20  # seconds
BIN = Path(sys.executable).parent


def clean_environment() -> dict[str, str]:
    """Nothing but the archive itself may bring smart_nets, and nothing is fetched from the internet."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HF_HUB_OFFLINE": "1"}


class Server:
    """MONAI Label with some models, in a `with` block.

    Args:
        app: the folder of the app "monaibundle", the models in its model/.
        studies: the folder of the images.
        models: names of the models.
        log: file that gets all the server says.

    Raises:
        RuntimeError: it ends, or does not answer in time; the end of the log is told.
    """

    def __init__(self, app: Path, studies: Path, models: Sequence[str], log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url, self.log = f"http://127.0.0.1:{port}", log
        conf = {"models": ",".join(models), "zoo_source": "local", "sam2": "false"}
        self.command = [
            str(BIN / "monailabel"), "start_server", "--app", str(app), "--studies", str(studies),
            "--host", "127.0.0.1", "--port", str(port),
        ]  # fmt: skip
        for name, value in conf.items():
            self.command += ["--conf", name, value]
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy stands between a machine and itself
        self.session.headers["Connection"] = "close"  # the server drops a connection after each fault

    def __enter__(self) -> Server:
        with self.log.open("w") as log:
            # a session of its own, so that whatever it starts is stopped with it
            self.process = subprocess.Popen(
                self.command,
                cwd=self.log.parent,
                env=clean_environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:  # also Ctrl-C: no server may stay behind
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait(self) -> None:
        end = time.monotonic() + START
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.session.get(f"{self.url}/info/", timeout=5).raise_for_status()
            except requests.RequestException:
                time.sleep(0.5)
            else:
                return
        raise RuntimeError(f"MONAI Label does not start: {self.said()[-600:]}")

    def stop(self) -> None:
        """End the server and its children, by force if they do not end by themselves."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                os.killpg(self.process.pid, sign)
                try:
                    self.process.wait(STOP)
                except subprocess.TimeoutExpired:
                    continue

    def said(self) -> str:
        """The log so far."""
        return self.log.read_text(errors="replace")

    def logs(self, words: str) -> bool:
        """Whether the log has these words; a fault is written after its answer is sent."""
        end = time.monotonic() + LOG
        while words not in self.said():
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
        return True

    def info(self) -> dict[str, Any]:
        """What clients read when they connect."""
        return self.session.get(f"{self.url}/info/", timeout=ANSWER).json()

    def infer(self, model: str, image: str, output: str, **params: Any) -> requests.Response:
        """Ask for one image of the studies; `params` are what a client sends along."""
        query, form = {"image": image, "output": output}, {"params": json.dumps({"device": "cpu", **params})}
        return self.session.post(f"{self.url}/infer/{model}", params=query, data=form, timeout=ANSWER)

    def save_label(self, image: str, path: Path) -> requests.Response:
        """A finished label map of an image, as a client saves it."""
        query = {"image": image, "tag": "final"}
        with path.open("rb") as file:
            return self.session.put(f"{self.url}/datastore/label", params=query, files={"label": file}, timeout=ANSWER)

    def post(self, path: str, body: dict[str, Any]) -> requests.Response:
        """Ask for a long task, and wait for it."""
        return self.session.post(f"{self.url}/{path}", params={"run_sync": "true"}, json=body, timeout=ANSWER)
