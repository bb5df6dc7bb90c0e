"""The command: train with real images alone and with made ones, a record a run, and print what they are worth."""

from __future__ import annotations

import argparse
import dataclasses

from medkit import _command, markup, record, reproduce, sets
from medkit._files import write_whole
from medkit.ablate import show
from medkit.ablate.studies import PRESETS
from medkit.markup import Sheet
from medkit.synthesise import copies, run
from medkit.synthesise.gan import SIDE


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    said = "Does it help to add images by a GAN, or real ones in another style, and at which number of labels?"
    parser = argparse.ArgumentParser(prog="python3 -m medkit synthesise", description=said)
    known = ", ".join((*sets.PHANTOMS, *sets.REAL))
    parser.add_argument("--data", type=_command.data, default="phantom", metavar="SET", help=f"one with masks, of {known}, or a folder")
    sizes = "; ".join(f"{name}: {preset.settings.epochs} epochs" for name, preset in PRESETS.items())
    parser.add_argument("--preset", default="quick", choices=PRESETS, help=f"at {SIDE} pixels; {sizes}")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="of weights, order, labels, made images")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    parser.add_argument("--out", type=_command.path, help="folder for synthesis-SET/ (default: results/local)")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run `python3 -m medkit synthesise`; return the exit code."""
    chosen = parse(arguments)
    return _command.run(lambda: _run(chosen))


def sheet(records: list[dict]) -> Sheet:
    """Return the arms at each number of labels with paired differences, and below what the check for copies found."""
    found = show.sheet(records, {run.STUDY.name: run.STUDY})
    title = found.title[0].replace("Ablations", "Made images", 1)
    return dataclasses.replace(found, title=(title,), notes=(*found.notes, *_copies(records), *_sources(records)))


def _copies(records: list[dict]) -> list[str]:
    """Say for each number of labels whether the GANs have copied."""
    said = []
    for count in sorted({one["arm"]["labels"] for one in records}):
        checks = [one["synthetic"]["copies"] for one in records if one["arm"] == {"name": "GAN", "labels": count}]
        if checks:
            shares = ", ".join(f"{100 * check['share']:.0f}" for check in checks)
            caught = sum(check["copied"] for check in checks)
            ratios = [sum(check[name] for check in checks) / len(checks) for name in ("ratio", "ratio_held_out")]
            said.append(
                f"Copies, flipped or shifted ones too, {count} labels: {caught} of {len(checks)} GANs caught: {shares} % of their "
                f"images lie nearer to one training patient, beside the next, than all but one of {checks[0]['held_out']} held-out "
                f"images do; new patients give {100 * checks[0]['expected']:.1f} %, and from {100 * checks[0]['least']:.0f} % on it is "
                f"called copying (probability of so many below {copies.LIMIT:g}). "
                f"Median ratio {ratios[0]:.2f}, held out {ratios[1]:.2f}."
            )
            said.append(f"Masks by the GAN, {count} labels, that are empty: {_empty(records, count)}.")
    return said


def _empty(records: list[dict], count: int) -> str:
    """Say how many made masks are empty, by class, over all GANs that made any; what is to teach an outline must have one."""
    gans = [one for one in records if one["arm"] == {"name": "GAN", "labels": count}]
    by_class = zip(*(one["synthetic"]["empty_masks"] for one in gans))
    found = {name: [share for share in each if share is not None] for name, each in zip(gans[0]["data"]["classes"], by_class)}
    return ", ".join(f"{name} {100 * sum(shares) / len(shares):.0f} %" for name, shares in found.items() if shares)


def _sources(records: list[dict]) -> list[str]:
    steps = sorted({one["synthetic"]["steps"] for one in records if "steps" in one["synthetic"]})
    gan = [f"GAN: {SIDE} × {SIDE} pixels, {', '.join(map(str, steps))} steps: small, and far from finished."] if steps else []
    return [*gan, *(f"Style: of {source}." for source in sorted({one["synthetic"]["source"] for one in records}))]


def _run(chosen: argparse.Namespace) -> None:
    out = chosen.out or reproduce.RESULTS
    record.check_writable(out / "tables.txt")
    _command.say(f"{sets.called(chosen.data)}: loading …")
    work = run.prepare(chosen.data, chosen.preset, _command.device_named(chosen.device), out)
    records = run.run_all(work, list(dict.fromkeys(chosen.seeds)), _command.say)
    text = markup.as_text(sheet(records)) + "\n"
    write_whole(work.plan.out / "tables.txt", text)
    print(f"{text}\n· Records, and this text: {work.plan.out}", flush=True)
