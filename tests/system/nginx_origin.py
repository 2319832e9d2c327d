# SPDX-License-Identifier: Apache-2.0
"""A publication behind a server of others."""

import os
import shutil
import subprocess

from site_under_test import free_port, wait_for

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

CONFIGURATION = """
daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {host}:{port};
        root {root};
        default_type application/octet-stream;
    }}
}}
"""


class Nginx:
    """A publication served by nginx, started and stopped by process id; `enter` runs it elsewhere."""

    def __init__(self, folder, root, host="127.0.0.1", enter=()):
        folder.mkdir()
        self.host, self.port = host, free_port()
        self.folder = folder
        self.enter = enter
        self.config = folder / "nginx.conf"
        self.config.write_text(CONFIGURATION.format(folder=folder, root=root, host=host, port=self.port))
        self.process = None

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    def start(self):
        command = [str(word) for word in (*self.enter, NGINX, "-c", self.config, "-p", self.folder)]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        wait_for(self.listens, "nginx", 30, self.process)

    def listens(self):
        """By the kernel's table of where nginx runs; all of nginx is up when its pid is written."""
        with open(f"/proc/{self.process.pid}/net/tcp", encoding="ascii") as table:
            ports = [line.split()[1].split(":")[1] for line in table.read().splitlines()[1:]
                     if line.split()[3] == "0A"]
        return f"{self.port:04X}" in ports

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None
