"""A real JupyterLab in a real Chromium, for `test_browser`: start it, open a notebook, use it, look at it.

Nothing here asserts what a notebook must be; the functions do what a reader does, and say what they saw.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

playwright = pytest.importorskip("playwright.sync_api")
pytest.importorskip("axe_playwright_python")

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
PATIENCE = 120_000  # milliseconds for one step, on a busy machine
RUN_PATIENCE = 600_000  # and for a whole notebook
GRACE = 3000  # and for what the kernel has sent to be seen
TALL = 2400  # pixels of a notebook in one screenshot
WINDOW = {"width": 1280, "height": 1000}
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
FOCUSABLE = ".jp-Notebook .jp-OutputArea-output :is(input, select, button, textarea, [role=slider])"
KNOWN = ".widget-slider [role=slider], .widget-dropdown select, .widget-checkbox input[type=checkbox]"
UPLOAD = ".jupyter-widgets.widget-upload"
SERIOUS = ("serious", "critical")


# ---- programs


def chromium() -> str:
    """Return where Chromium is; skip without it, but fail where CI is set."""
    found = next(filter(None, map(shutil.which, ("/usr/bin/chromium", "chromium", "google-chrome"))), None)
    if found is None and os.environ.get("CI"):
        pytest.fail("Chromium must be installed where CI is set, found none; apt-get install -y chromium")
    if found is None:
        pytest.skip("Chromium is not installed")
    return found


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def chromium_arguments() -> list[str]:
    """Return what keeps Chromium from asking the network for anything of its own."""
    quiet = ["gpu", "quic", "background-networking", "component-update", "sync"]
    return ["--no-first-run", *(f"--disable-{what}" for what in quiet), *(["--no-sandbox"] if is_root() else [])]


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
        return command + (["--allow-root"] if is_root() else [])

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

    def wait(self, seconds: float = PATIENCE / 1000) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(self.url("api/status"), timeout=5).close()
                return
            except OSError:
                time.sleep(0.3)
        log = (self.folder / "lab.log").read_text(encoding="utf-8", errors="replace")
        pytest.fail("JupyterLab did not start:\n" + log[-3000:])

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


# ---- a notebook


class Notebook:
    """A notebook open in JupyterLab; `cell` finds the node of a cell, and `heard` is what the page complained of."""

    def __init__(self, browser, server: Server, name: str):
        self.name, self.heard, self.home = name, [], f"127.0.0.1:{server.port}"
        self.page = browser.new_page(viewport=WINDOW)
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", self._hear_console)
        self.page.on("pageerror", lambda error: self.heard.append(f"page error: {error}"))
        self.page.on("request", self._hear_request)
        self.page.goto(server.url(f"lab/tree/{name}.ipynb", "reset&"))
        self.page.wait_for_selector(".jp-NotebookPanel .jp-Notebook-cell")
        self.page.wait_for_selector(".jp-NotebookPanel-toolbar")
        self.page.wait_for_function(
            """() => {
            const session = window.jupyterapp?.shell.currentWidget?.sessionContext;
            return session?.isReady && session.session?.kernel?.status === 'idle';
        }"""
        )
        self.page.evaluate(
            """() => window.jupyterapp.shell.currentWidget.content.widgets.forEach(
                cell => { cell.node.dataset.cell = cell.model.id; })"""
        )

    def _hear_console(self, message) -> None:
        if message.type == "error":
            self.heard.append(f"console: {message.text}")

    def _hear_request(self, request) -> None:
        at = urlsplit(request.url)
        if at.scheme in ("http", "https", "ws", "wss") and at.netloc != self.home:
            self.heard.append(f"asked the network for {request.url}")

    def run_all(self) -> None:
        """Run all cells; return when all have run, or one has raised, and the pictures are there."""
        self.page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        self.page.wait_for_function(
            """() => {
            const code = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')];
            const idle = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle';
            const raised = document.querySelector("[data-mime-type='application/vnd.jupyter.error']");
            return idle && (raised || (code.length && code.every(prompt => /\\[\\d+\\]/.test(prompt.textContent))));
        }""",
            timeout=RUN_PATIENCE,
        )
        self.page.wait_for_function("[...document.querySelectorAll('.jp-Notebook img')].every(one => one.complete)")

    def close(self) -> None:
        """Close the page and end its kernel: fourteen of them would not fit into a laptop."""
        self.page.evaluate("window.jupyterapp.serviceManager.sessions.shutdownAll()")
        self.page.close()

    def cell(self, cell_id: str):
        return self.page.locator(f"[data-cell='{cell_id}']")

    def cells_with(self, text: str) -> list:
        """Return the code cells whose source has `text`, from the notebook's model: no editor need be in sight."""
        found = self.page.evaluate(
            """text => window.jupyterapp.shell.currentWidget.content.widgets
                .filter(cell => cell.model.type === 'code' && cell.model.sharedModel.getSource().includes(text))
                .map(cell => cell.model.id)""",
            text,
        )
        return [self.cell(cell_id) for cell_id in found]

    def write_and_run(self, cell, source: str) -> None:
        """Replace what stands in a cell by the keyboard, and run it."""
        cell.locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.insert_text(source)
        typed = self.page.evaluate("window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.getSource()")
        if typed != source:
            raise ValueError(f"JupyterLab must hold the source as typed, got\n{typed}")
        self.page.keyboard.press("Control+Enter")

    def run_again(self, cell) -> None:
        """Run a cell as it stands."""
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    # ---- what is to be seen

    def complaints(self) -> list[str]:
        """Return errors and stderr that stand in the page, each with its cell."""
        return self.page.evaluate(
            """() => [...document.querySelectorAll(
                ".jp-Notebook :is([data-mime-type='application/vnd.jupyter.stderr'],"
                + " [data-mime-type='application/vnd.jupyter.error'])")]
                .map(one => `${one.closest('[data-cell]').dataset.cell}: ${one.textContent.slice(0, 500)}`)"""
        )

    def bad_images(self) -> list[str]:
        """Return the images, in outputs, widgets and text, that did not load or have no alt text.

        Where there is none, JupyterLab writes "Image", which axe then takes for one.
        """
        return self.page.evaluate(
            """() => [...document.querySelectorAll('.jp-Notebook .jp-Cell img')]
                .filter(one => !one.naturalWidth || ['', 'Image'].includes(one.alt.trim()))
                .map(one => `${one.closest('[data-cell]').dataset.cell}: `
                    + (one.naturalWidth ? 'has no alt text' : `did not load: ${one.alt}`))"""
        )

    def controls(self) -> list:
        """Return all that the keyboard can reach in widgets, in the order of the page."""
        return self.page.locator(FOCUSABLE).all()

    def in_theme(self, theme: str) -> None:
        title = THEMES[theme]
        self.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", title)
        self.page.wait_for_function("title => document.body.dataset.jpThemeName === title", arg=title)

    def take_screenshots(self, folder: Path, theme: str) -> None:
        """Save the whole notebook as it looks now, one file a tall window."""
        folder.mkdir(parents=True, exist_ok=True)
        self.page.set_viewport_size({"width": WINDOW["width"], "height": TALL + 120})
        height = self.page.evaluate("document.querySelector('.jp-WindowedPanel-inner').scrollHeight")
        for part, top in enumerate(range(0, height, TALL), start=1):
            self.page.evaluate(
                "top => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = top; }", top
            )
            self.page.wait_for_timeout(300)
            self.page.screenshot(path=folder / f"{self.name}_{theme}_{part}.png")
        self.page.set_viewport_size(WINDOW)

    def barriers(self, within: str = ".jp-Notebook") -> list[str]:
        """Return what axe-core calls serious or critical in what a cell shows: its output or its rendered text.

        What stands elsewhere is JupyterLab's: editors, prompts, the frame around outputs. What stands in a
        widget, but not in its HTML, is ipywidgets': it ties the label of a slider to no handle. JupyterLab's
        body has no height of its own and hides what flows over, so that axe would judge no colour at all.
        """
        self.page.mouse.move(0, 0)  # off the headings: JupyterLab shows its link to the one below the mouse
        if not self.page.evaluate("'axe' in window"):
            script = resources.files("axe_playwright_python").joinpath("axe.min.js")
            self.page.evaluate(script.read_text(encoding="utf-8"))
        return self.page.evaluate(
            """async ([within, serious]) => {
            document.body.style.height = '100vh';
            const found = await axe.run({include: [[within]]}, {resultTypes: ['violations'], elementRef: true});
            document.body.style.height = '';
            const ours = node => {
                const shown = node.parentElement?.closest('.jp-RenderedMarkdown, .jp-OutputArea-output');
                const widget = node.parentElement?.closest('.jupyter-widgets');
                return shown && (!widget || widget.classList.contains('widget-html'));
            };
            return found.violations.filter(one => serious.includes(one.impact)).flatMap(one => one.nodes
                .filter(node => ours(node.element))
                .map(node => `${node.element.closest('[data-cell]').dataset.cell}: ${one.id} (${one.impact}): `
                    + `${node.html.slice(0, 200)}: ${[...node.any, ...node.all, ...node.none][0]?.message}`));
        }""",
            [within, list(SERIOUS)],
        )


# ---- a control of a widget, and its picture

PICTURE = """control => {
    const shown = [...control.closest('.jp-OutputArea').querySelectorAll('.widget-html-content')];
    const images = shown.flatMap(one => [...one.querySelectorAll('img')].map(image => image.src));
    return images.length ? images.join() : shown.map(one => one.innerHTML).join();
}"""


def described(control) -> str:
    """Return cell and label of a control, for messages."""
    return control.evaluate(
        """control => control.closest('[data-cell]').dataset.cell + ': '
            + control.closest('.lm-Widget').textContent.trim().slice(0, 60)"""
    )


def steps(control) -> tuple[str, str, int]:
    """Return the key that moves a control by one step, the key back, and how many steps may pass by unseen.

    A slider in per cent has several steps that point at one pixel; a menu and a box have none to spare.
    """
    kind, at_end = control.evaluate(
        """control => control.matches('[role=slider]')
            ? ['slider', control.ariaValueNow === control.ariaValueMax]
            : control.matches('select')
            ? ['menu', control.selectedIndex === control.options.length - 1]
            : ['box', false]"""
    )
    there, back, most = {
        "slider": ("ArrowRight", "ArrowLeft", 10),
        "menu": ("ArrowDown", "ArrowUp", 1),
        "box": ("Space", "Space", 1),
    }[kind]
    return (back, there, most) if at_end else (there, back, most)


def press(page, control, key: str) -> None:
    """Press a key on a control. A menu is opened first: JupyterLab takes the arrows of a closed one for itself."""
    control.focus()
    if not control.evaluate("control => control.matches('select')"):
        page.keyboard.press(key)
        return
    page.keyboard.press("Space")
    page.wait_for_function("menu => menu.matches(':open')", arg=control.element_handle())
    page.keyboard.press(key)
    page.keyboard.press("Enter")


def has_picture(page, control, wanted: str, before: str, patience: float) -> bool:
    """Wait until the kernel has answered, then for a picture that is `===` or `!==` to `before`."""
    page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestKernelInfo()")
    try:
        page.wait_for_function(
            f"([control, before]) => ({PICTURE})(control) {wanted} before",
            arg=[control.element_handle(), before],
            timeout=patience,
        )
    except playwright.TimeoutError:
        return False
    return True


def stripes() -> bytes:
    """Return a PNG file that is none of the test images: 32 × 32 pixels, dark and bright by turns."""
    file = io.BytesIO()
    Image.frombytes("L", (32, 32), bytes([40, 200]) * 512).save(file, "PNG")
    return file.getvalue()


def upload_and_back(page, control) -> str:
    """Choose a file by the keyboard, then step away from it by the slider and back; return what is wrong, or nothing."""
    before = control.evaluate(PICTURE)
    control.focus()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files({"name": "stripes.png", "mimeType": "image/png", "buffer": stripes()})
    if not has_picture(page, control, "!==", before, 10 * GRACE):
        return f"{described(control)}: a file of one's own does not change the picture"
    slider = control.locator("xpath=ancestor::*[contains(@class,'jp-OutputArea')][1]").locator("[role=slider]").first
    there, back, _ = steps(slider)
    press(page, slider, there)
    press(page, slider, back)
    found = has_picture(page, control, "===", before, 10 * GRACE)
    return "" if found else f"{described(control)}: the slider does not bring back the picture"


def move_and_back(page, control) -> str:
    """Move a control by the keyboard and back; return what is wrong with it, or nothing.

    Its picture must change, and be the old one again at the end.
    """
    if control.evaluate(f"control => control.matches('{UPLOAD}')"):
        return upload_and_back(page, control)
    if control.is_disabled() or not control.evaluate(f"control => control.matches('{KNOWN}')"):
        return f"{described(control)}: no key is known that moves it"
    before = control.evaluate(PICTURE)
    there, back, most = steps(control)
    for taken in range(1, most + 1):
        press(page, control, there)
        if has_picture(page, control, "!==", before, GRACE):
            break
    else:
        return f"{described(control)}: {there} does not move the picture"
    for _ in range(taken):
        press(page, control, back)
    found = has_picture(page, control, "===", before, 10 * GRACE)
    return "" if found else f"{described(control)}: {back} does not bring back the picture"
