"""Notebook 01 in a real JupyterLab, in a real Chromium: sliders move pictures, exercises answer.

Screenshots, light and dark, go to the folder MEDKIT_SCREENSHOTS where that is set, else to a temporary
one. Skipped without Chromium, but failed where CI is set: there it must be present.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from medkit.exercises import EXERCISES

playwright = pytest.importorskip("playwright.sync_api")

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
COMPLAINTS = ", ".join(
    f".jp-Notebook [data-mime-type='application/vnd.jupyter.{kind}']" for kind in ("stderr", "error")
)
TALL = 2400  # pixels of a notebook in one screenshot
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


def chromium() -> str:
    found = next(filter(None, map(shutil.which, ("/usr/bin/chromium", "chromium", "google-chrome"))), None)
    if found is None and os.environ.get("CI"):
        pytest.fail("Chromium must be installed where CI is set, found none; apt-get install -y chromium")
    if found is None:
        pytest.skip("Chromium is not installed")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A JupyterLab with folders of its own, so that the reader's settings are neither read nor changed."""

    def __init__(self, folder: Path):
        self.token, self.port, self.folder = secrets.token_hex(16), free_port(), folder
        shutil.copytree(ROOT / "notebooks", folder / "notebooks")
        for name, setting in SETTINGS.items():
            file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(setting), encoding="utf-8")
        with open(folder / "lab.log", "wb") as log:
            self.process = subprocess.Popen(
                self._command(), env=self._environment(), cwd=folder, stdout=log, stderr=subprocess.STDOUT
            )

    def _command(self) -> list[str]:
        command = [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.folder / 'notebooks'}",
            "--LabApp.expose_app_in_browser=True",
        ]
        return command + (["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [])

    def _environment(self) -> dict[str, str]:
        own = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "IPYTHONDIR": "ipython",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "MEDKIT_PROGRESS": "progress.json",
        }
        settings = {name: str(self.folder / value) for name, value in own.items()} | {"MEDKIT_FAST": "1"}
        kept = {
            name: value for name, value in os.environ.items() if name not in ("MEDKIT_STRICT", "MEDKIT_DATA")
        }
        return kept | settings

    def url(self, path: str, query: str = "") -> str:
        return f"http://127.0.0.1:{self.port}/{path}?{query}token={self.token}"

    def wait(self, seconds: float = 90) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(self.url("api/status"), timeout=5).close()
                return
            except OSError:
                time.sleep(0.3)
        pytest.fail(
            "JupyterLab did not start:\n" + (self.folder / "lab.log").read_text(encoding="utf-8")[-3000:]
        )

    def stop(self) -> None:
        """End kernels and server; by its own door first, by force if it does not go."""
        try:
            request = urllib.request.Request(
                self.url("api/shutdown"), method="POST", headers={"Authorization": f"token {self.token}"}
            )
            urllib.request.urlopen(request, timeout=10).close()
            self.process.wait(timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait(timeout=10)


@pytest.fixture(scope="module")
def browser():
    arguments = [
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")
    path = chromium()
    with playwright.sync_playwright() as tool:
        opened = tool.chromium.launch(executable_path=path, args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def server(browser, tmp_path):
    started = Server(tmp_path)
    try:
        started.wait()
        yield started
    finally:
        started.stop()
        assert started.process.poll() is not None


@pytest.fixture
def screenshots(tmp_path) -> Path:
    folder = Path(os.environ.get("MEDKIT_SCREENSHOTS") or tmp_path / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def open_notebook(browser, server, name: str):
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(server.url(f"lab/tree/{name}", "reset&"))
    page.wait_for_selector(".jp-NotebookPanel .jp-Notebook-cell", timeout=60_000)
    page.wait_for_function(
        "window.jupyterapp && document.querySelector('.jp-NotebookPanel-toolbar')", timeout=60_000
    )
    page.wait_for_function(
        """() => {
        const session = window.jupyterapp.shell.currentWidget?.sessionContext;
        return session?.isReady && session.session?.kernel?.status === 'idle';
    }""",
        timeout=60_000,
    )
    return page


def run_all(page) -> None:
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(
        """() => {
        const code = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')];
        return code.length && code.every(prompt => /\\[\\d+\\]/.test(prompt.textContent));
    }""",
        timeout=180_000,
    )


def cell_with(page, text: str):
    return page.locator(".jp-CodeCell").filter(has=page.locator(".cm-content", has_text=text)).first


def write_and_run(page, cell, source: str) -> None:
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(source)
    page.keyboard.press("Control+Enter")


def take_screenshots(page, folder: Path, name: str) -> None:
    """Save the whole notebook, light and dark, one file a tall window."""
    page.set_viewport_size({"width": 1280, "height": TALL + 120})
    scroll = "top => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = top; }"
    for theme, title in THEMES.items():
        page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", title)
        page.wait_for_function(f"document.body.dataset.jpThemeName === '{title}'", timeout=30_000)
        height = page.evaluate("document.querySelector('.jp-WindowedPanel-inner').scrollHeight")
        for part, top in enumerate(range(0, height, TALL), start=1):
            page.evaluate(scroll, top)
            page.wait_for_timeout(600)
            page.screenshot(path=folder / f"{name}_{theme}_{part}.png")
    page.set_viewport_size({"width": 1280, "height": 1000})


def solution_with(exercise_id: str, mistake: int):
    """Return the source of a cell with a known mistake, and that mistake's name."""
    exercise = EXERCISES[exercise_id]
    known = exercise.mistakes[mistake]
    value = known.wrong() if callable(known.wrong) else known.wrong
    return exercise.cell.replace("...", str(value), 1), known.name


def test_slider_moves_the_picture_and_an_exercise_names_the_mistake_then_passes(browser, server, screenshots):
    page = open_notebook(browser, server, "01_denoise.ipynb")
    run_all(page)
    assert page.locator(COMPLAINTS).count() == 0

    explorer = cell_with(page, "explore_denoise()")
    picture = explorer.locator("figure img").first
    picture.wait_for(state="visible", timeout=60_000)
    before = picture.get_attribute("src")
    handle = explorer.locator(".widget-slider", has_text="σ").locator("[role=slider]")
    handle.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    playwright.expect(picture).not_to_have_attribute("src", before, timeout=30_000)
    playwright.expect(explorer.locator("figcaption")).to_contain_text("σ = 1.3", timeout=30_000)

    wrong, name = solution_with("1.3", 0)
    cell = cell_with(page, 'check("1.3"')
    playwright.expect(cell.locator(".jp-OutputArea")).to_contain_text("not attempted")
    write_and_run(page, cell, wrong)
    playwright.expect(cell.locator(".jp-OutputArea")).to_contain_text(name, timeout=30_000)
    playwright.expect(cell.locator(".jp-OutputArea")).to_contain_text("not yet")
    write_and_run(page, cell, EXERCISES["1.3"].solved_cell)
    playwright.expect(cell.locator(".jp-OutputArea")).to_contain_text("passed", timeout=30_000)

    take_screenshots(page, screenshots, "01_denoise")
    write_and_run(page, cell, "1 / 0")  # the search for complaints can fail
    playwright.expect(page.locator(COMPLAINTS)).to_have_count(1, timeout=30_000)
    page.close()


@pytest.mark.parametrize("name", ["00_start_here", "02_normalise"])
def test_notebook_runs_in_the_browser_and_shows_its_pictures(browser, server, screenshots, name):
    page = open_notebook(browser, server, f"{name}.ipynb")
    run_all(page)
    page.locator("figure img").first.wait_for(state="visible", timeout=60_000)
    broken = page.evaluate(
        "[...document.querySelectorAll('figure img')].filter(i => !i.naturalWidth || !i.alt).length"
    )
    assert broken == 0
    assert page.locator(COMPLAINTS).count() == 0
    take_screenshots(page, screenshots, name)
    page.close()
