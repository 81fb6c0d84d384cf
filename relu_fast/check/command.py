"""``relu-fast check``: which units of a saved network are dead on given data, for people and for pipelines."""

from __future__ import annotations

import argparse
import json
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ..report.files import write_atomically
from ..report.format import counted

if TYPE_CHECKING:
    from .conditions import Condition, Outcome
    from .survey import Survey

__all__ = ["add_arguments", "run"]

DESCRIPTION = """\
Show a network that relu_fast.nn saved all of the data, in evaluation mode, and say which units are dead."""

EPILOG = """\
conditions:
  METRIC>NUMBER, METRIC>=NUMBER  for a number of units
  METRIC>NUMBER%, METRIC>=NUMBER%  for a share of all units that have an activation
  METRIC is one of
    dead        never above the gate on this data, or proven dead over the box
    dormant     output at most a tenth of the layer's mean; of a layer that gives nothing but 0, or NaN, all units
    non_finite  NaN or infinite on some example
    proven      dead for every input of the box; needs --box
    unfired     never above 0, of an activation without a gate
    always_on   above the gate on every example
  Quote them: the shell takes > for itself.

exit code:
  0 if no condition holds, 1 if one does, 2 for options and files that do not fit

example:
  relu-fast check model.npz --data x.npy --fail-on 'dead>5%' --fail-on 'non_finite>0'"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("weights", metavar="WEIGHTS.npz", help="file of nn.save_weights or model.save")
    parser.add_argument(
        "--data", required=True, metavar="X.npy", help="file of numpy.save: numbers of shape (rows, features)"
    )
    parser.add_argument(
        "--fail-on",
        action="append",
        default=[],
        metavar="CONDITIONS",
        help="end with exit code 1 if one of these holds, see below; separated by commas, or given repeatedly",
    )
    parser.add_argument(
        "--box",
        metavar="BOX",
        help="also prove units dead for every input of a box: 'data', the range of each feature in the data, or "
        "LOW:HIGH for all features (as --box=-1:1)",
    )
    parser.add_argument("--json", metavar="PATH", help="also write the report as JSON")
    parser.add_argument(
        "--html", metavar="PATH", help="also write the report as a page; needs relu_fast[lab]"
    )
    parser.add_argument(
        "--batch-size", type=int, default=4096, metavar="N", help="rows at a time (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Returns
    -------
    int
        The exit code: 0; 1 if a condition holds; 2 for options and files that do not fit, with one line on
        stderr and no file written.
    """
    # Only now: `relu-fast --help` imports this module as well.
    from .inputs import load_box, load_data, load_network
    from .survey import survey

    try:
        conditions = _conditions(args)
        if args.html is not None and find_spec("jinja2") is None:
            return _failed("--html needs jinja2: pip install 'relu_fast[lab]'")
        if args.json is not None and args.json == args.html:
            raise ValueError(f"--json and --html are both {args.json!r}, expected two files")
        if args.batch_size < 1:
            raise ValueError(f"--batch-size is {args.batch_size}, expected an integer >= 1")
        model = load_network(args.weights)
        data = load_data(args.data, model)
        box = None if args.box is None else load_box(args.box, data, model)
        found = survey(model, data, box, batch_size=args.batch_size)
    except OSError as error:
        return _failed(f"cannot read {error.filename or 'the files'}: {error.strerror or error}")
    except ValueError as error:
        return _failed(str(error))
    except MemoryError:
        return _failed(f"--batch-size {args.batch_size} does not fit into memory")
    outcomes = [condition.judge(found.report) for condition in conditions]
    try:
        _write(args, found, outcomes)
    except OSError as error:
        return _failed(f"cannot write {error.filename}: {error.strerror or error}")
    _show(found, outcomes)
    return int(any(outcome.holds for outcome in outcomes))


def _conditions(args: argparse.Namespace) -> list[Condition]:
    from .conditions import parse

    conditions = [parse(text) for texts in args.fail_on for text in texts.split(",")]
    for condition in conditions:
        if condition.metric == "proven" and args.box is None:
            raise ValueError(f"{condition.text!r} needs --box: proofs are over a box of inputs")
    return conditions


def _facts(args: argparse.Namespace, found: Survey) -> dict[str, str]:
    examples = max(layer.example_count for layer in found.report.layers.values())
    facts = {"network": args.weights, "data": f"{args.data}, {examples} examples"}
    if found.proof is not None:
        facts["box"] = str(found.proof.box)
    return facts


def _write(args: argparse.Namespace, found: Survey, outcomes: list[Outcome]) -> None:
    """Write the files that are asked for, none before all of them are made."""
    facts, files = _facts(args, found), {}
    if args.json is not None:
        checked = {
            **facts,
            "failed": any(outcome.holds for outcome in outcomes),
            "conditions": [
                {"condition": o.condition.text, "count": o.count, "units": o.units, "holds": o.holds}
                for o in outcomes
            ],
        }
        content = found.report.to_dict() | {"check": checked}
        files[args.json] = json.dumps(content, allow_nan=False, ensure_ascii=False) + "\n"
    if args.html is not None:
        from ..report.page import render

        files[args.html] = render(
            found.report,
            facts=facts,
            outcomes=[(str(outcome), outcome.holds) for outcome in outcomes],
        )
    for path, text in files.items():
        write_atomically(path, text)


def _show(found: Survey, outcomes: list[Outcome]) -> None:
    print(found.report)
    if found.proof is not None:
        dead = sum(layer.dead or 0 for layer in found.report.layers.values())
        unproven = sum(found.proof.unproven(found.report).values())
        print(f"\n{found.proof}\n{unproven} of {counted(dead, 'dead unit')} could not be proven dead.")
    if outcomes:
        print()
    for outcome in outcomes:
        print(outcome)
    for outcome in outcomes:
        if outcome.holds:
            print(f"relu-fast check: {outcome}", file=sys.stderr)


def _failed(reason: str) -> int:
    print(f"relu-fast check: {' '.join(reason.split())}", file=sys.stderr)
    return 2
