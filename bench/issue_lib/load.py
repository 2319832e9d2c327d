# SPDX-License-Identifier: Apache-2.0
"""Clients: connections that stay, each with one order at a time, in processes of their own so that Python's lock is in nobody's
way."""

import http.client
import json
import multiprocessing
import threading
import time

from https_world import client_context
from issuer_world import make_csr, make_key

PROCESSES = 2


class Customer:
    """One connection."""

    def __init__(self, port, context, key, csr):
        self.fields = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self.csr = csr
        self.connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)
        self.connection.connect()

    def post(self, path, body):
        self.connection.request("POST", path, json.dumps(body), self.fields)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 201):
            raise AssertionError(f"{answer.status} {text}")
        return json.loads(text)

    def order(self, order_id):
        return self.post("/v1/certificate", {"csr_pem": self.csr, "order_id": order_id, "profile": "dv"})


def customer_maker(bench):
    context = client_context(bench.issuer.servers)
    csr = make_csr("www.example.com", make_key())
    return lambda: Customer(bench.issuer.public_port, context, bench.issuer.key, csr)


def in_processes(work, *arguments):
    """Runs `work` in each process and gives what it puts into the queue."""
    queue = multiprocessing.Queue()
    processes = [multiprocessing.Process(target=lambda i=i: queue.put(work(i, *arguments))) for i in range(PROCESSES)]
    for process in processes:
        process.start()
    results = [queue.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    return results


def in_threads(count, work):
    failures = []

    def run(number):
        try:
            work(number)
        except Exception as error:  # pylint: disable=broad-except
            failures.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def closed_loop(bench, connections, seconds):
    """Each connection orders as soon as it is answered: (count, seconds, each one's ms, processor time of the issuer)."""
    make, run_id = customer_maker(bench), time.time_ns()

    def work(process, until):
        times = []

        def one(number):
            customer, count = make(), 0
            while (begin := time.monotonic()) < until:
                count += 1
                customer.order(f"{run_id}-{process}-{number}-{count}")
                times.append(1000 * (time.monotonic() - begin))

        in_threads(connections // PROCESSES, one)
        return times

    cpu_s, begin = bench.issuer_cpu_s(), time.monotonic()
    times = sum(in_processes(work, begin + seconds), [])
    return len(times), time.monotonic() - begin, times, bench.issuer_cpu_s() - cpu_s


def open_loop(bench, per_second, seconds):
    """Orders at their times, whatever became of those before: (ms from its time to its answer of each, ms from its time to
    its sending, how many of them were published by then). A connection that still waits sends its next order late."""
    make, run_id = customer_maker(bench), time.time_ns()
    total, lanes = per_second * seconds, 16

    def work(process, begin):
        times, late, published = [], [], []

        def one(number):
            customer = make()
            for place in range(process * lanes + number, total, PROCESSES * lanes):
                due = begin + place / per_second
                time.sleep(max(0, due - time.monotonic()))
                late.append(1000 * (time.monotonic() - due))
                answer = customer.order(f"{run_id}-{place}")
                times.append(1000 * (time.monotonic() - due))
                published.append(answer["published"])

        in_threads(lanes, one)
        return times, late, sum(published)

    results = in_processes(work, time.monotonic() + 1)
    times, late, published = zip(*results)
    return sum(times, []), sum(late, []), sum(published)


