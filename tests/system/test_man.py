# SPDX-License-Identifier: Apache-2.0
"""Man pages and operations.md say all there is: keys with their defaults, verbs, options, metrics."""

import os
import re

import pytest

from issuer_world import ISSUER
from site_under_test import BUILD, EDGE, PRESIGNER, ROOT, STATIM, run

BENCH = BUILD / "bench" / "statim-bench"
MAN = ROOT / "docs" / "man"
PAGES = sorted(MAN.iterdir())


def page(name):
    """A man page's text with roff's hyphens made plain."""
    return (MAN / name).read_text().replace("\\-", "-")


def source(name):
    return (ROOT / name).read_text()


def table(text, name):
    """The rows of an X-macro table, each as the text between its parentheses."""
    body = re.search(rf"#define {name}\(X\).*?(?=\n\n|\nenum|\nstruct|\n/\*|\n#)", text, re.S)
    assert body, name
    rows = re.findall(r"\bX\(([a-zA-Z0-9_]+),\s*((?:[^()\"]|\"[^\"]*\"|\([^()]*\))*)\)",
                      body[0].replace("\\\n", "").split("(X)", 1)[1])
    assert rows, name
    return dict(rows)


def text_keys(text):
    """Keys of a libcyaml schema that are not numbers of a table."""
    keys = re.findall(r"\bTEXT\((?:struct \w+, )?([a-z_0-9]+),", text)
    keys += re.findall(r"\b(?:LIST|WORD)\(([a-z_0-9]+),", text)
    keys += re.findall(r"CYAML_FIELD_\w+\(\s*\"([a-z_0-9]+)\"", text)
    return set(keys) - {"member", "structure"}


def heads(text):
    """What stands in bold at the head of an entry, with its default if it has one."""
    return dict(re.findall(r"^\.TP\n\.BR? ([a-z_0-9]+)(?: \" \((\d+)\)\")?$", text, re.M))


def constant(name, path):
    return re.search(rf"#define {name}\s+(\w+)", source(path))[1]


def number(expression):
    """A default as the C source has it: sums and products of plain numbers."""
    plain = re.sub(r"\b(\d+)(?:u|ull|U|UL)\b", r"\1", expression.split(",")[0])
    assert re.fullmatch(r"[\d\s*<+()-]+", plain), expression
    return eval(plain)  # pylint: disable=eval-used


def test_edge_keys():
    rows = table(source("edge/config.h"), "EDGE_NUMBER_TABLE")
    said = heads(page("statim-edge.yaml.5"))
    # The program itself knows the defaults that stand for other names.
    defaults = dict(re.findall(r"^  (\w+) +(\d+) ", run(EDGE, "--help").stdout, re.M))
    assert set(rows) == set(defaults)
    for key, value in defaults.items():
        assert said.get(key) == value, f"{key}: {said.get(key)} in the man page, {value} in the program"
    assert set(said) == set(rows) | text_keys(source("edge/config_file.c"))


def test_presigner_keys():
    config = source("presigner/config.h")
    rows = table(config, "PRESIGNER_NUMBER_TABLE") | table(config, "ISSUER_NUMBER_TABLE")
    rows |= table(config, "CRL_NUMBER_TABLE") | table(config, "REDIS_NUMBER_TABLE")
    rows |= table(source("presigner/filter_options.h"), "FILTER_NUMBER_TABLE")
    events = constant("FEED_EVENTS_MAX", "lib/feed_event.h")
    rows |= {key: row.replace("FEED_EVENTS_MAX", events) for key, row in table(config, "FEED_NUMBER_TABLE").items()}
    said = heads(page("statim-presigner.yaml.5"))
    for key, row in rows.items():
        assert said.get(key) == str(number(row)), key
    assert set(said) == set(rows) | text_keys(source("presigner/config_file.c"))


def test_issuer_keys():
    config = source("issuer/config.h")
    rows = {}
    for name in ("ISSUING", "REGISTRY", "AUDIT", "LINTER", "AUTHORITY", "PROFILE"):
        rows |= table(config, f"{name}_NUMBER_TABLE")
    said = heads(page("statim-issuer.yaml.5"))
    for key, row in rows.items():
        assert said.get(key) == str(number(row)), key
    code = source("issuer/config_file.c")
    keys = set(re.findall(r"\b(?:LIST|TEXT)\(struct \w+, (?!member)([a-z_0-9]+),", code))
    keys |= set(re.findall(r"\bPART\(\"([a-z_]+)\"", code)) | set(table(config, "PROFILE_FLAG_TABLE"))
    assert set(said) == set(rows) | keys | text_keys(code)


def test_shed_keys():
    number_rows = table(source("bpf/shed_config.h"), "SHED_NUMBER_TABLE")
    number_rows |= table(source("bpf/controller.h"), "CONTROLLER_NUMBER_TABLE")
    said = heads(page("statim-shed.yaml.5"))
    for key, row in number_rows.items():
        default = row.split(",")[0]
        if default == "FILTER_BUCKETS_DEFAULT":
            default = constant("FILTER_BUCKETS_DEFAULT", "bpf/filter.h")
        assert said.get(key) == str(number(default)), key
    code = source("bpf/shed_config_file.c")
    keys = set(re.findall(r"\bFILE_(?:TEXT|LIST|BOOL)\((?!member)([a-z_0-9]+)[,)]", code))
    keys |= set(re.findall(r"\bLIST\(struct \w+, (?!member)([a-z_0-9]+),", code))
    assert set(said) == set(number_rows) | keys | text_keys(source("bpf/shed_config_file.c"))


def verbs():
    return re.findall(r"^  ([a-z-]+) +\S", run(STATIM, "--help").stdout, re.M)


def test_every_verb_and_option():
    text = page("statim.1")
    sections = dict(re.findall(r"^\.SH \"VERB ([A-Z-]+)\"\n(.*?)(?=^\.SH )", text, re.S | re.M))
    assert [name.lower() for name in sections] == verbs()
    for verb in verbs():
        section = sections[verb.upper()]
        code = source(f"tools/verb_{verb.replace('-', '_')}.c")
        options = set(re.findall(r"\{\"([a-z-]+)\",\s*(?:required|no)_argument", code))
        if "WAIT_OPTION_TABLE" in code:
            options |= set(re.findall(r"\bX\(\"([a-z-]+)\"", source("tools/wait.h")))
        explained = set(re.findall(r"^\.TP\n\.BI? --([a-z-]+)", section, re.M))
        assert explained == options, verb
        synopsis = section.split(".YS")[0]
        for option in options:
            assert f"--{option}" in synopsis, f"{verb} --{option}: not in the synopsis"
            assert f"--{option}" in run(STATIM, verb, "--help").stdout, f"{verb} --{option}: not in --help"


@pytest.mark.parametrize("name, main", [("statim-edge.8", "edge/main.c"),
                                        ("statim-issuer.8", "issuer/main.c"),
                                        ("statim-presigner.8", "presigner/main.c"),
                                        ("statim-shed.8", "bpf/main.c"),
                                        ("statim.1", "tools/main.c")])
def test_options_of_programs(name, main):
    options = set(re.findall(r"strcmp\(argv\[\w+\], \"(--[a-z]+)\"\)", source(main)))
    assert options
    for option in options:
        assert option in page(name), f"{option} is not in {name}"


def test_options_of_bench():
    text = page("statim-bench.1")
    options = re.findall(r"^  --([a-z0-9-]+)", run(BENCH, "--help").stdout, re.M)
    assert len(options) > 20
    assert re.findall(r"^\.TP\n\.BI? --([a-z0-9-]+)", text, re.M) == options


def suffix(row):
    return "_total" if re.search(r"\bCOUNTER|METRIC_COUNTER", row) else ""


def metrics():
    """Every metric name with its program's prefix."""
    rows = table(source("presigner/counters.h"), "PRESIGNER_COUNTER_TABLE")
    found = {f"statim_presigner_{name}" + suffix(row) for name, row in rows.items()}
    for path, name in (("edge/serve_counters.h", "SERVE_COUNTER_TABLE"),
                       ("edge/sync_counters.h", "EDGE_SYNC_COUNTER_TABLE"),
                       ("edge/shared.h", "SERVE_GAUGE_TABLE")):
        rows = table(source(path), name)
        found |= {"statim_edge_" + re.search(r'"(\w+)"', row)[1] + suffix(row) for row in rows.values()}
    rows = table(source("bpf/shed_metrics.h"), "SHED_VALUE_TABLE")
    found |= {"statim_shed_" + re.search(r'"(\w+)"', row)[1] + suffix(row) for row in rows.values()}
    for path, name, prefix in (("issuer/issuer_counters.h", "ISSUER_COUNTER_TABLE", ""),
                               ("issuer/audit_metrics.c", "AUDIT_METRIC_TABLE", ""),
                               ("issuer/https.h", "HTTPS_COUNTER_TABLE", "https_")):
        rows = table(source(path), name)
        found |= {f"statim_issuer_{prefix}{name}" + suffix(row) for name, row in rows.items()}
    for path in ("issuer_counters", "audit_metrics", "feed_lag", "expiring", "issuer_pages"):
        for name, kind in re.findall(r'\{\s*"(\w+)", (METRIC_\w+)', source(f"issuer/{path}.c")):
            found.add("tls_" + name if name == "cert_days_remaining" else f"statim_issuer_{name}" + suffix(kind))
    rows = table(source("bpf/filter.h"), "FILTER_TROUBLE_TABLE")
    found |= {"statim_shed_" + re.search(r'"(\w+)"', row)[1] + "_total" for row in rows.values()}
    return found


def test_every_metric_is_in_operations():
    text = (ROOT / "docs" / "operations.md").read_text()
    missing = [name for name in sorted(metrics())
               if f"`{name.split('_', 2)[2] if name.startswith('statim_') else name}`" not in text]
    assert not missing
    for row in table(source("issuer/issue_stage.h"), "ISSUE_STAGE_TABLE").values():
        label = re.search(r'"(\w+)"', row)[1]
        assert f"`{label}`" in text, f"{label} is not in operations.md"
    for path, name in (("edge/outcome.h", "OUTCOME_TABLE"), ("edge/conn_end.h", "CONN_END_TABLE"),
                       ("bpf/filter.h", "FILTER_REASON_TABLE")):
        for row in table(source(path), name).values():
            label = re.search(r'"(\w+)"', row)[1]
            assert f"`{label}`" in text, f"{label} is not in operations.md"


def test_every_line_of_the_health_page_is_in_operations():
    text = (ROOT / "docs" / "operations.md").read_text()
    body = re.search(r"^bool pages_health\(.*?^}", source("edge/pages.c"), re.S | re.M)[0]
    body = re.sub(r'%" PRIu64 "', "N", body)
    lines = re.findall(r'text_writer_format\(\s*w, "(.*?)\\n"', body, re.S)
    assert len(lines) >= 8
    for line in lines:
        assert f"| {line} |" in text, line


def test_metrics_of_running_programs(served):
    """What the programs show is what the tables say, so the document covers it."""
    shown = {re.split(r"[{ ]", line)[0] for line in served.admin("/metrics")[1].splitlines()
             if line and not line.startswith("#")}
    text = (ROOT / "docs" / "operations.md").read_text()
    missing = [name for name in sorted(shown) if f"`{name.split('_', 2)[2]}`" not in text]
    assert not missing


def test_every_page_is_installed():
    installed = set(re.findall(r"'man/([^']+)'", source("docs/meson.build")))
    assert installed == {path.name for path in PAGES}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_page_is_clean(path):
    environment = {**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MAN_KEEP_STDERR": "1"}
    done = run("man", "--warnings", "-l", path, env=environment)
    assert done.stderr == "" and len(done.stdout) > 500


def test_versions():
    for program in (STATIM, EDGE, PRESIGNER, ISSUER):
        assert re.fullmatch(r"statim\S* \d+\.\d+\.\d+\n", run(program, "--version").stdout)
