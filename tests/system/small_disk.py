# SPDX-License-Identifier: Apache-2.0
"""A folder on a small file system of its own, which only the commands that enter it see."""

import os
import subprocess
from pathlib import Path

from site_under_test import wait_for


class SmallDisk:
    """A tmpfs over a folder in a mount namespace that a sleeping process holds."""

    def __init__(self, folder, size_kib):
        self.folder = Path(folder)
        script = (f"mount -t tmpfs -o size={size_kib}k,mode=0755 small '{self.folder}' && "
                  "echo mounted && exec sleep 100000")
        self.holder = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "mounted\n":
            reason = self.holder.stderr.read().strip()
            self.remove()
            raise OSError(f"no tmpfs here: {reason}")

    @property
    def enter(self):
        """The command that runs its arguments where the disk is to be seen."""
        return ["nsenter", "-t", self.holder.pid, "-m", "--"]

    def path(self, name=""):
        """The way in for others."""
        return Path(f"/proc/{self.holder.pid}/root{self.folder}") / name

    def fill(self):
        """Takes all space that is left."""
        with open(self.path("filler"), "wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass
        wait_for(lambda: os.statvfs(self.path()).f_bavail == 0, "a full disk", 20)

    def free(self):
        os.unlink(self.path("filler"))

    def remove(self):
        self.holder.kill()
        self.holder.wait(10)
