# SPDX-License-Identifier: Apache-2.0
"""Arguments of the measuring programs that are better refused at once than after an hour."""

import argparse
import os
from pathlib import Path


def new_file(text):
    """A file that is written at the end: it, or its folder, must be there by now."""
    path = Path(text)
    writable = os.access(path, os.W_OK) if path.exists() else os.access(path.parent, os.W_OK | os.X_OK)
    if path.is_dir() or not writable:
        raise argparse.ArgumentTypeError(f"{text} cannot be written: no such folder, or not ours to write to")
    return path


def old_folder(text):
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text}")
    return path


def number(kind, low, high=None):
    """Of that kind, from `low` to `high`."""
    def parse(text):
        value = kind(text)
        if not (low <= value and (high is None or value <= high)):  # nan is neither
            wanted = f"at least {low}" if high is None else f"from {low} to {high}"
            raise argparse.ArgumentTypeError(f"{text} is not {wanted}")
        return value
    parse.__name__ = kind.__name__  # in the message about what is no number
    return parse
