"""`python3 -m medkit lab | test | reproduce | claims | teach | ...`: from a bare machine to a running kit.

Only the standard library is used here. This file also parses on the Pythons that medkit refuses,
so that they get one clear sentence instead of a traceback.
"""

import os
import sys

OLDEST_PYTHON = (3, 11)
FIRST_PAGE = "notebooks/00_start_here.ipynb"

HELP = """medkit: learn, teach and check deep learning for medical images

  python3 -m medkit lab [JupyterLab arguments]     open the notebooks in JupyterLab
  python3 -m medkit test [pytest arguments]        run all tests and notebooks
  python3 -m medkit check PATH [--html FILE]       look through your own images before training with them
  python3 -m medkit reproduce [arguments]          repeat the paper's comparison, print its tables
  python3 -m medkit ablate [arguments]             the same model with and without each of its parts
  python3 -m medkit multiverse [arguments]         one result under many readings of the paper
  python3 -m medkit deploy [arguments]             export the models, measure size, agreement and time
  python3 -m medkit anomaly [arguments]            find what differs from healthy images
  python3 -m medkit explain [arguments]            what the models go by: maps, and whether to believe them
  python3 -m medkit synthesise [arguments]         train with made images beside real ones
  python3 -m medkit shift [arguments]              train on all sets but one, test on that one
  python3 -m medkit claims [arguments]             the verdict on each of the paper's claims
  python3 -m medkit teach [arguments]              hand out notebooks, grade them, make a web site
  python3 -m medkit fetch [SET]                    get a public set of images, checked; without SET: list them
  python3 -m medkit prepare mri|ct|us FOLDER       turn a published download into what --data reads
  python3 -m medkit doctor                         show what is there and where something is off
  python3 -m medkit COMMAND --help                 more about one command

A path that you give is taken from the folder you are in; ~ is your own. Records go to results/local of
medkit's folder unless --out names another. The first start makes the environment in .venv: about 3 GB
come down."""

HELP_OF = {
    "lab": """python3 -m medkit lab [JupyterLab arguments]

Opens JupyterLab at notebooks/00_start_here.ipynb; the first start makes the environment.
Without a display no browser opens: copy the printed URL into one. Ctrl-C ends it.
Further arguments go to JupyterLab, such as --port 9000. It works in medkit's folder: of paths among them,
those that are there as seen from your folder are taken from it, all others from medkit's.""",
    "test": """python3 -m medkit test [pytest arguments]

Runs all tests and notebooks (pytest --nbmake) in fast mode, in two processes of one thread each, and
prints what was skipped. No skip is allowed but for a missing CUDA GPU, MEDKIT_DATA unset, and Chromium
outside CI. Tests marked `slow` are left out unless -m is given. Further arguments go to pytest, such as
tests/test_denoise.py, -k gaussian or -x; where some tests are picked out, they run in one process. It works
in medkit's folder: of paths among them, those that are there as seen from your folder are taken from it,
all others from medkit's.""",
    "doctor": """python3 -m medkit doctor

Prints Python, package versions, device, memory, disk and the data found. Lines with !! are off
and say what to do; then the exit code is 1. Lines with ?? are worth knowing.""",
}

EXPERIMENTS = {  # a command, its module, and what its help says before the environment stands
    "check": """python3 -m medkit check PATH [--html FILE]

Looks through your own images (DICOM, NIfTI, pictures, MedMNIST, Decathlon) before anything is trained with
them: what is there, twins, masks that do not fit, and every other fault with its file and what to do. The
exit code is 1 where something stops training.""",
    "reproduce": """python3 -m medkit reproduce [--data mri|ct|us|FOLDER] [arguments]

Trains the models on phantoms, or on the data named, and prints Tables 4-7: the paper's number
beside the measured one, with its interval. A stopped run goes on.""",
    "ablate": """python3 -m medkit ablate [--study attention|preparation|augmentation|transfer] [arguments]

Trains the model with and without one of its parts, all else equal, over several seeds, and prints
the differences with their intervals. A stopped run goes on.""",
    "multiverse": """python3 -m medkit multiverse [--data us|mri|phantom] [arguments]

Trains the models under many readings of what the paper leaves open, and shows how far its headline
numbers move. A stopped run goes on.""",
    "anomaly": """python3 -m medkit anomaly [--data phantom|ct|us] [arguments]

Trains detectors on healthy images alone, and measures what they find, where, and how many false
alarms they give. A stopped run goes on.""",
    "deploy": """python3 -m medkit deploy [--data us|mri|phantom] [arguments]

Trains the models small, exports them to ONNX, in int8 and in half precision, and measures size,
memory, agreement with PyTorch, Dice and time of each form. A stopped run goes on.""",
    "explain": """python3 -m medkit explain [--data us|mri|phantom] [arguments]

Trains the models small and measures whether attention, Grad-CAM and occlusion point at the lesion, whether
the model goes by what they show, and whether untrained weights change them. A stopped run goes on.""",
    "synthesise": """python3 -m medkit synthesise [--data us|mri|phantom] [arguments]

Trains with few real images alone, and with made ones beside them: by a GAN, and in the style of
another scanner. Prints the differences, and whether the GAN copied patients. A stopped run goes on.""",
    "shift": """python3 -m medkit shift [--data mri us lung] [arguments]

Trains a model on all sets but one and tests it on that one, beside a model that learned there, with
three ways to scale grey values. Without --data: the phantom's three modalities. A stopped run goes on.""",
    "claims": """python3 -m medkit claims [arguments]

Prints every claim of the paper with its verdict and the records that it rests on.""",
    "teach": """python3 -m medkit teach hand-out|solve|grade|site [arguments]

hand-out DEST writes unsolved notebooks for students, solve DEST solved ones; grade FOLDER --out DEST
gives points and feedback for those that came back; site DEST writes the solved course as web pages.""",
    "fetch": """python3 -m medkit fetch [SET] [--to FOLDER]

Gets a public set of images from its own address, by https alone, checks it against its published sum and
unpacks it safely, and says which command comes next. Without SET it lists them with their licences. A
download that broke off goes on.""",
    "prepare": """python3 -m medkit prepare mri|ct|us FOLDER [--out FOLDER] [--anew]

Turns the download of BRISC 2025 (mri), CT-ICH (ct) or BUSI (us) into the files that --data mri|ct|us
reads, so that the tables can be repeated. They go where --out says, or else MEDKIT_DATA.""",
}
NOT_YET = "All arguments are shown by the same command once the environment stands."

IN_ENVIRONMENT = "import sys; sys.path.insert(0, %r); from medkit import __main__ as m; sys.exit(m.%s(sys.argv[1:]))"


def say(text=""):
    """Print at once: what follows may be another program's output."""
    print(text, flush=True)


def refuse(sentence):
    """End with one sentence on stderr; the exit code is 1."""
    sys.stdout.flush()
    sys.stderr.write("medkit: %s\n" % sentence)
    return 1


def python_problem(version):
    """Say in one sentence what is wrong with this version of Python, or None.

    >>> python_problem((3, 10, 4))
    'Python must be 3.11 or newer, got 3.10.4; install a newer one and start medkit with it'
    """
    if tuple(version[:2]) >= OLDEST_PYTHON:
        return None
    return "Python must be %d.%d or newer, got %s; install a newer one and start medkit with it" % (
        OLDEST_PYTHON + (".".join(str(part) for part in version[:3]),)
    )


def has_display(platform, environ):
    """Guess whether a browser can open: always on Windows and macOS, but never over ssh."""
    if environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"):
        return True
    return platform in ("win32", "darwin") and not environ.get("SSH_CONNECTION")


def open_lab(arguments):
    """Open JupyterLab at the first notebook."""
    from medkit import environment

    if not (environment.ROOT / FIRST_PAGE).is_file():
        return refuse("%s must be there, found nothing; get medkit's folder again" % FIRST_PAGE)
    python = environment.ensure(["requirements.txt"], say)
    command = [str(python), "-m", "jupyterlab", "--ServerApp.root_dir=%s" % environment.ROOT]
    command.append("--LabApp.default_url=/lab/tree/" + FIRST_PAGE)  # in the printed URL as well
    command.append("--ServerApp.answer_yes=True")  # Ctrl-C ends it, no question asked
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    if not has_display(sys.platform, os.environ):
        command.append("--no-browser")
        say("medkit: no display here; copy the URL below into a browser. Ctrl-C ends JupyterLab.")
    command += environment.from_here(arguments)
    return environment.hand_over(command, environment.child_environment(python), environment.ROOT)


def is_whole_run(arguments):
    """Tell whether pytest's arguments pick out no tests, so that two processes are worth their start.

    >>> is_whole_run(["-q"]), is_whole_run(["-k", "gaussian"]), is_whole_run(["--pdb"])
    (True, False, False)
    """
    return all(a.startswith("-") and not a.startswith(("-n", "-m", "-k", "--pdb", "--co")) for a in arguments)


def run_tests(arguments):
    """Run all tests and notebooks."""
    from medkit import environment

    python = environment.ensure(["requirements.txt", "tests/requirements.txt"], say)
    command = [str(python), "-m", "pytest", "--nbmake"]
    if not any(a.startswith("-m") or a.startswith("--markexpr") for a in arguments):
        command += ["-m", "not slow"]
    environ = environment.child_environment(python)
    environ.update(MEDKIT_FAST="1", MEDKIT_NO_SKIP="1")
    if is_whole_run(arguments):
        command += ["-n", "2", "--dist", "loadfile"]
        environ.setdefault("OMP_NUM_THREADS", "1")  # two processes with a thread for each core are in each other's way
    environ.pop("MEDKIT_STRICT", None)  # the notebooks are tested as students open them: unsolved
    return environment.hand_over(command + environment.from_here(arguments), environ, environment.ROOT)


def inside(python, function, arguments):
    """Return the command that calls a function of this file in the environment of `python`, from any folder.

    This very package is what is imported, and nothing from the caller's folder (-P), whatever lies there.
    """
    from medkit import environment

    return [str(python), "-P", "-c", IN_ENVIRONMENT % (str(environment.ROOT), function)] + arguments


def experiment(name):
    """Return the function that runs a command of `EXPERIMENTS` in the environment."""

    def run(arguments):
        from medkit import environment

        asks = arguments[:1] in (["-h"], ["--help"])
        if asks and environment.standing(["requirements.txt"]) is None:
            say(EXPERIMENTS[name] + "\n" + NOT_YET)  # nobody should wait for a download to read a few lines
            return 0
        python = environment.ensure(["requirements.txt"], say)
        command = inside(python, "experiment_here", [name] + arguments)
        return environment.hand_over(command, environment.child_environment(python))

    return run


def see_doctor(arguments):
    """Show what is there, from inside the environment where one stands."""
    from medkit import environment

    if arguments:
        return refuse("doctor takes no arguments, got %s; leave them out" % " ".join(arguments))
    python = environment.find()
    if python is None or environment.is_running(python):
        return doctor_here([])
    return environment.hand_over(inside(python, "doctor_here", []), environment.child_environment(python))


def experiment_here(arguments):
    """Call `main` of the module that the first argument names, in an environment that is known to stand."""
    name, rest = arguments[0], arguments[1:]
    try:
        import importlib

        return importlib.import_module("medkit." + name).main(rest)
    except KeyboardInterrupt:
        refuse("stopped")
        return 130


def doctor_here(arguments):
    """Print the doctor's rows for the Python that runs this; 1 where something needed is off."""
    from medkit import doctor as module

    rows = module.examine()
    say(module.render(rows))
    return 1 if any(row.mark == module.OFF for row in rows) else 0


COMMANDS = {"lab": open_lab, "test": run_tests, "doctor": see_doctor}
COMMANDS.update((name, experiment(name)) for name in EXPERIMENTS)


def main(arguments):
    """Run one command; every way out that a user can cause is one sentence and an exit code."""
    problem = python_problem(sys.version_info)
    if problem:
        return refuse(problem)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        say(HELP)
        return 0
    name, rest = arguments[0], arguments[1:]
    if name not in COMMANDS:
        return refuse("the command must be %s, got %r; see --help" % (", ".join(COMMANDS), name))
    if name in HELP_OF and rest[:1] in (["-h"], ["--help"]):
        say(HELP_OF[name])
        return 0
    from medkit.environment import SetupError

    try:
        return COMMANDS[name](rest)
    except SetupError as error:
        return refuse(error)
    except KeyboardInterrupt:
        refuse("stopped; start again at any time, what came down so far is kept")
        return 130
    except OSError as error:
        return refuse("%s; check the disk and your right to write there, then start again" % error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
