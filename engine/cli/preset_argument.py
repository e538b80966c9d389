"""The arguments that every command about a preset takes: which preset, and keys of it set otherwise."""

import argparse


def add_preset_argument(parser: argparse.ArgumentParser) -> None:
    """Add PRESET and `--set KEY=VALUE`."""
    parser.add_argument("preset", metavar="PRESET", help="a preset's name, or a YAML file")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="set a key otherwise (dotted, such as datasets.0.path)",
    )
