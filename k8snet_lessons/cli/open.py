"""``k8snet open``: JupyterLab on the course."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from pathlib import Path

import click

from k8snet_lessons.cli._place import course_folder
from k8snet_lessons.course.curriculum import LESSONS, find

FIRST_PORT = 8888
TRIES = 50
START_SECONDS = 90

EXAMPLE = """Examples:

\b
  k8snet open                  the start notebook
  k8snet open 1                lesson 1; its slug or a part of it works too
  k8snet open 1 --reading      with the code folded and the text centered
  k8snet open --no-browser     print the address, open nothing
"""


@click.command(epilog=EXAMPLE)
@click.argument("lesson", required=False, default="0")
@click.option("--port", type=click.IntRange(1, 65535), help="This port and no other.")
@click.option("--reading/--no-reading", default=None, help="Code folded, text centered, or not.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option("--json", "as_json", is_flag=True, help="Print {url, port, pid} when it is up.")
def command(
    lesson: str, port: int | None, reading: bool | None, no_browser: bool, as_json: bool
) -> None:
    """Open the course in JupyterLab, at LESSON if one is named.

    Takes the first free port from 8888 on. With no browser on the machine the address is
    printed. Stop it with Ctrl-C.
    """
    chosen = _free_port(port)
    folder = course_folder()
    notebook = _notebook(folder, lesson)
    token = secrets.token_hex(16)
    url = f"http://127.0.0.1:{chosen}/lab/tree/{notebook.as_posix()}?token={token}"
    if reading is not None:
        url += "&k8snet-reading=" + ("on" if reading else "off")
    arguments = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={chosen}",
        "--ServerApp.port_retries=0",
        "--Application.log_level=ERROR",
        f"--LabApp.default_url=/lab/tree/{notebook.as_posix()}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")  # containers have no other user
    if not as_json:
        click.echo("k8snet: starting JupyterLab ...", err=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop the server on the way out
    server = subprocess.Popen(arguments, env={**os.environ, "JUPYTER_TOKEN": token})
    try:
        _wait_until_up(server, chosen)
        _announce(url, chosen, server.pid, no_browser, as_json)
        server.wait()
    except KeyboardInterrupt:
        click.echo("\nk8snet: closed", err=True)
    finally:
        _stop(server)
    sys.exit(0 if server.returncode in (0, -2, -15) else 1)


def _notebook(folder: Path, wanted: str) -> Path:
    try:
        lesson = find(wanted)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    path = Path("notebooks") / f"{lesson.slug}.ipynb"
    if not (folder / path).is_file():
        have = [one.slug for one in LESSONS if (folder / one.path).is_file()]
        raise click.UsageError(
            f"lesson {lesson.slug} is still to come; here are: {', '.join(have) or 'none'}"
        )
    return path


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port(port: int | None) -> int:
    if port is not None:
        if not _is_free(port):
            raise click.UsageError(
                f"port {port} is taken; name another with --port, or leave --port away"
            )
        return port
    for candidate in range(FIRST_PORT, FIRST_PORT + TRIES):
        if _is_free(candidate):
            return candidate
    raise click.UsageError(
        f"ports {FIRST_PORT} to {FIRST_PORT + TRIES - 1} are all taken; name a free one with --port"
    )


def _wait_until_up(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise click.ClickException("JupyterLab stopped while starting; its message is above")
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise click.ClickException(f"JupyterLab did not answer within {START_SECONDS} s")


def _announce(url: str, port: int, pid: int, no_browser: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"url": url, "port": port, "pid": pid}))
    else:
        click.echo(f"k8snet: the course is at {url}\nk8snet: stop it with Ctrl-C")
    sys.stdout.flush()
    if not no_browser and not as_json and not _open_browser(url):
        click.echo("k8snet: no browser here; open the address above in one")


def _open_browser(url: str) -> bool:
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("BROWSER")
    ):
        return False
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
