"""The commands that read: runs, show, trace."""

from __future__ import annotations

import pytest


def test_runs_lists_root_runs(story, run, answer):
    """As a table, and as the contract's document; the spool is collected on the way."""
    result = run("runs", "--tz", "UTC")
    assert result.exit_code == 0
    heading, line, begins = result.stdout.splitlines()
    assert "started (UTC)" in heading
    assert line.split() == [
        "00000000a001",
        "2026-03-01",
        "12:00:00",
        "5.00",
        "s",
        "✔",
        "COMPLETE",
        "prefect",
        "3.8.8",
        "train",
        "scoring",
    ]
    assert begins == "The record begins: prefect 2026-03-01 12:00:00"
    document = answer("runs")
    assert [row["job"]["name"] for row in document["runs"]] == ["train"]
    assert document["record_begins"] == {"prefect": "2026-03-01T12:00:00.000000Z"}
    assert len(answer("runs", "--all", "--state", "complete")["runs"]) == 4


def test_times_are_shown_in_the_zone_that_is_asked_for(story, run):
    """Stored in UTC, shown elsewhere."""
    assert "2026-03-01 21:00:00" in run("runs", "--tz", "Asia/Tokyo").stdout
    refused = run("runs", "--tz", "Mars/Olympus")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Mars/Olympus" in refused.stderr


@pytest.mark.parametrize(
    "since", ["2026-01-01", "2026-01-01T00:00", "yesterday", "5 parsecs", "0001-01-01T00:00+14:00"]
)
def test_times_without_a_zone_are_refused(story, run, since):
    """And so is what is no time."""
    assert run("runs", "--since", since).exit_code == 2


@pytest.mark.parametrize(
    ("since", "count"), [("2026-03-01T13:00:00+01:00", 1), ("2026-03-01T12:00:01Z", 0), ("20000d", 1), ("1 h", 0)]
)
def test_runs_since_a_time(story, answer, since, count):
    """An instant in any zone, or a span back from now."""
    assert len(answer("runs", "--since", since)["runs"]) == count


def test_no_runs_are_no_error(run, answer):
    """A new home is made; an empty answer is an answer, and says where to look next."""
    first, second = run("runs").stdout.splitlines()
    assert first == "No runs."
    assert second.startswith("`orchestrail doctor` tells")
    assert answer("runs") == {"runs": [], "record_begins": {}}


def test_without_collecting_there_may_be_no_store(story, run):
    """`--no-collect` leaves the spool alone and makes nothing: exit code 4."""
    result = run("runs", "--no-collect", "--json")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "There is no audit store" in result.stderr


def test_what_is_older_than_the_record_is_told_as_such(story, run, tmp_path, made, spooled):
    """A run, a file, a digest and a parent that are not on the record: each answer says since when there is one."""
    begins = "The record begins: prefect 2026-03-01 12:00:00"
    (tmp_path / "older.csv").write_text("from before")
    for arguments, code in (
        (["show", "fffffff"], 2),
        (["trace", str(tmp_path / "older.csv")], 1),
        (["trace", "sha256:" + "0" * 64], 1),
        (["trace", "no/such/data"], 1),
    ):
        result = run(*arguments)
        assert (result.exit_code, f"{begins}Z." in " ".join(result.stderr.split())) == (code, True), result.stderr
    spooled(made.event("START", 0xB001, second=60, job="orphan", parent=0xB000))
    assert begins in run("show", "b001", "--tz", "UTC").stdout
    assert begins not in run("show", "a001", "--tz", "UTC").stdout
    assert begins in run("trace", str(story / "model.joblib"), "--tz", "UTC").stdout


def test_show_draws_the_tree(story, run, monkeypatch):
    """Names, roles, states, versions, short digests, paths from here, and what was not captured; no colours in a pipe."""
    monkeypatch.chdir(story)
    text = run("show", "a004").stdout
    assert "\x1b" not in text
    lines = text.splitlines()
    assert lines[0] == "train  ✔ COMPLETE  5.00 s  00000000a001"
    assert "├─ clean  ✔ COMPLETE  preprocess  1.50 s  00000000a002" in lines
    assert any(line.startswith("└─ fit  ✔ COMPLETE") and line.endswith("<- asked for") for line in lines)
    assert "system scoring · environment dev" in text
    assert "cpython 3.11.7 · Linux 6 x86_64 · 1 package " in text
    assert "impute  version 1.2.0" in text
    assert "code   abababababab  steps.py" in text
    assert "read   raw.csv  sha256:" in text
    assert "3 rows, 2.0 kB" in text
    assert "weak: changed after it was opened" in text
    assert text.count("handed on in memory: not captured") == 2


def mapped(made, *said):
    """A flow with a mapped step `part`, one run for each of what is said."""
    runs = [
        made.event("COMPLETE", 0xD001 + place, job="train.part", parent=0xD001, second=place, **facts)
        for place, facts in enumerate(said, start=1)
    ]
    last = made.event("COMPLETE", 0xD0FF, job="train.sum", parent=0xD001, second=50, upstream=(0xD002,))
    return [made.event("COMPLETE", 0xD001, job="train"), *runs, last]


@pytest.mark.parametrize(
    ("said", "names"),
    [
        (
            [
                {"orchestrail_parameters": {"parameters": {"region": {"value": region}, "rate": {"value": 1}}}}
                for region in ("north", "south")
            ],
            ["part region='north'", "part region='south'"],
        ),
        ([{"ours": {"nativeId": f"run/part/{number}"}} for number in (0, 1)], ["part [0]", "part [1]"]),
        ([{}, {}], ["part #1", "part #2"]),
        ([{}], ["part"]),
    ],
    ids=["parameter", "number", "order", "alone"],
)
def test_show_tells_the_runs_of_a_mapped_step_apart(made, spooled, run, said, names):
    """By the parameter that varies, else by the orchestrator's number, else by their order; one alone has its name alone."""
    spooled(*mapped(made, *said))
    lines = run("show", "d001").stdout.splitlines()
    assert [line.split("  ")[0][3:] for line in lines if line[3:7] == "part"] == names
    assert f"after  {names[0]} 00000000d002" in "\n".join(lines)


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ([{"ours": {"nativeId": f"run/part/{number}"}} for number in (0, 1)], ["train.part [0]", "train.part [1]"]),
        ([{}, {}], ["train.part …00000000d002", "train.part …00000000d003"]),
    ],
    ids=["number", "id"],
)
def test_trace_and_impact_tell_the_runs_of_a_mapped_step_apart(made, spooled, run, said, names):
    """Where each is drawn, where it is met again, and in a list; by no place among those that happen to be shown."""
    spooled(*mapped(made, *said))
    both = (0xD002, 0xD003)
    spooled(made.event("COMPLETE", 0xD0FE, job="train.all", parent=0xD001, second=60, upstream=both))
    drawn = [
        line.partition("by")[2].strip(" ") for line in run("trace", "d0fe").stdout.splitlines() if "train.part" in line
    ]
    assert [line.split("  ")[0] for line in drawn] == names
    again = [line for line in run("trace", "d001").stdout.splitlines() if line.endswith("as above")]
    assert [line.partition("by")[2].strip(" ").split(" ✔")[0] for line in again] == [names[0], *names]
    listed = [line.strip(" ").split("  ")[0] for line in run("impact", "d001").stdout.splitlines()]
    assert [name for name in listed if name.startswith("train.part")] == names


def test_show_names_a_retry_as_what_it_retries(made, spooled, run):
    """A mapped run that was tried again is one of two, not one of three."""
    tried = [{"ours": {"attempt": 1}}, {"ours": {"attempt": 2, "previousAttempt": made.run_id(0xD002)}}, {}]
    spooled(*mapped(made, *tried))
    lines = run("show", "d001").stdout.splitlines()
    assert [line.split("  ")[0][3:] for line in lines if line[3:7] == "part"] == ["part #1", "part #1", "part #2"]


def test_show_full_cuts_nothing_off(made, story, run):
    """Whole digests and whole run ids."""
    text = run("show", "a004", "--full").stdout
    assert made.digest("raw.csv") in text
    assert made.run_id(0xA002) in text


def test_show_tells_of_a_root_run_who_began_it_and_what_its_adapter_does_not_see(made, spooled, run):
    """The pseudonym is cut as every digest is; the capabilities that lack come with `--full`."""
    who = made.digest("somebody")
    sees = {"adapter": "prefect", "capabilities": ["attempts", "code_digest", "parameters", "environment", "skips"]}
    ours = {"trigger": "manual", "actor": who}
    spooled(made.event("START", 0xC001, job="train", ours=ours, orchestrail_capabilities=sees))
    brief, full = run("show", "c001").stdout, run("show", "c001", "--full").stdout
    assert f"actor {who.removeprefix('sha256:')[:12]}\n" in brief
    assert "does not see" not in brief
    assert f"actor {who}\n" in full
    assert "unseen   what this adapter does not see: cache_origin, dataset_version, manual_changes\n" in full


def test_show_gives_the_whole_document(story, answer):
    """Root, runs and edges."""
    document = answer("show", "a001")
    assert document["root"]["run_id"] == document["runs"][0]["run_id"]
    assert len(document["runs"]) == 4
    assert {edge["kind"] for edge in document["edges"]} == {"parent", "after", "read", "wrote"}


@pytest.mark.parametrize(("given", "code", "word"), [("nothing", 2, "no run"), ("0192f000", 2, "fits 4 runs")])
def test_a_run_that_is_not_meant_clearly_is_wrong_use(story, run, given, code, word):
    """Unknown and ambiguous: exit code 2, a message in parts on standard error, nothing on standard output."""
    result = run("show", given, "--json")
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("orchestrail: ")
    assert word in result.stderr
    assert len(result.stderr.splitlines()) == 3


def test_trace_draws_the_way_back(story, run, monkeypatch):
    """From the model to the source, with every step drawn once and the gaps counted."""
    monkeypatch.chdir(story)
    result = run("trace", "model.joblib")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("model.joblib  sha256:")
    assert lines[0].endswith("  model  scikit-learn 1.9.0  joblib")
    assert "by  train.fit  ✔ COMPLETE" in lines[1]
    assert any("raw.csv" in line and line.endswith("source") for line in lines)
    assert result.stdout.count("impute  version 1.2.0") == 1
    assert "as above" in result.stdout
    assert "  handed on in memory, not captured: 2" in lines
    assert "  digest weak: 1" not in lines


def test_a_trace_says_which_version_of_a_name_it_is_of(made, spooled, run, answer):
    """The contents that the name bore besides are listed, and runs that wrote the same once more."""
    for number, content in ((0xF1, "old"), (0xF2, "new"), (0xF3, "new")):
        spooled(made.event("COMPLETE", number, second=number, outputs=[made.dataset("/m", content, kind="model")]))
    lines = run("trace", "file:/m").stdout.splitlines()
    assert lines[0].startswith(f"/m  sha256:{made.digest('new').removeprefix('sha256:')[:12]}")
    assert "also by  run 0000000000f2: the same contents" in lines[1]
    place = lines.index("Other contents of /m: 1  this answer is not of them; give the digest of one to trace it")
    assert lines[place + 1].startswith(f"  sha256:{made.digest('old').removeprefix('sha256:')[:12]}  written by 1 run,")
    (other,) = answer("trace", "file:/m")["other_contents"]["contents"]
    assert other["digest"] == made.digest("old")
    for number in range(7):
        spooled(made.event("COMPLETE", number, second=999, outputs=[made.dataset("/m", f"{number}", kind="model")]))
    assert "  ... and more: --full lists them" in run("trace", "file:/m").stdout.splitlines()
    assert "  ... and more: --full lists them" not in run("trace", "file:/m", "--full").stdout.splitlines()


def test_a_value_of_which_the_content_is_known_was_captured(made, spooled, run):
    """What is not known is who made it; one without a digest was handed on and not captured."""
    known, unknown = ({**made.dataset(name, content), "namespace": "inmemory"} for name, content in ("kb", "u-"))
    del unknown["facets"]["version"], unknown["facets"]["orchestrail_dataset"]
    spooled(made.event("COMPLETE", 0xF1, inputs=[known, unknown], outputs=[made.dataset("/model", "m")]))
    lines = run("trace", "/model").stdout.splitlines()
    (captured,) = [line for line in lines if "sha256:" in line and "model" not in line]
    assert captured.endswith("  in memory: no recorded run is known to have made it")
    assert [line.endswith("handed on in memory: not captured") for line in lines].count(True) == 1


def test_trace_gives_the_whole_document(story, answer):
    """With every name of the contract."""
    document = answer("trace", str(story / "model.joblib"))
    assert {"target", "runs", "datasets", "edges", "unproven", "sources"} <= set(document)
    assert [source["name"] for source in document["sources"]] == [str(story / "raw.csv")]
    assert document["unproven"] == []


def test_a_source_is_said_to_be_one(story, run):
    """A file that runs only read: exit code 0, and who read it."""
    result = run("trace", str(story / "raw.csv"))
    assert result.exit_code == 0
    assert "none wrote it" in result.stdout
    assert "train.clean 00000000a002" in result.stdout


@pytest.mark.parametrize("target", ["nothing", "sha256:" + "0" * 64, "x" * 5000, "a\0b", "~nobody/x", "{file}"])
def test_what_is_not_recorded_is_a_negative_answer(story, run, tmp_path, target):
    """Exit code 1, whatever was typed."""
    (tmp_path / "other").write_text("other")
    result = run("trace", target.format(file=tmp_path / "other"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "is not produced by a recorded run" in result.stderr


def test_names_cannot_rewrite_a_terminal(made, spooled, run):
    """Control characters that somebody put into a name are shown, not obeyed."""
    name = "evil\x1b[2J\x07\r"
    spooled(
        made.event("COMPLETE", 1, job=name, outputs=[made.dataset(f"/{name}", "x")], errorMessage={"message": name})
    )
    for arguments in (["runs"], ["show", made.run_id(1)], ["trace", made.digest("x")]):
        result = run(*arguments)
        assert result.exit_code == 0
        assert not {"\x1b", "\x07", "\r"} & set(result.stdout)
        assert "evil\\x1b[2J" in result.stdout


def test_markup_in_names_is_text(made, spooled, run):
    """What others wrote is not taken for formatting."""
    spooled(made.event("COMPLETE", 1, job="[bold]train[/bold] :smile:"))
    assert "[bold]train[/bold] :smile:" in run("runs").stdout
    assert "[bold]train[/bold] :smile:" in run("show", made.run_id(1)).stdout


def test_states_and_attempts_are_told(made, spooled, run):
    """A retry, a cached step, a skipped one, a concluded end, and producers that differ."""
    inferred = {"fields": ["state", "ended_at"], "reason": "its process is gone", "by": "sweep"}
    spooled(
        made.event("START", 1, job="f"),
        made.event("FAIL", 2, second=1, job="f.a", parent=1, errorMessage={"message": "ValueError: no\nmore"}),
        made.event(
            "COMPLETE", 3, second=2, job="f.a", parent=1, ours={"attempt": 2, "previousAttempt": made.run_id(2)}
        ),
        made.event(
            "COMPLETE", 4, second=3, job="f.c", parent=1, ours={"state": "CACHED", "cachedFrom": made.run_id(2)}
        ),
        made.event("COMPLETE", 5, second=3, job="f.d", parent=1, ours={"state": "CACHED"}),
        made.event("OTHER", 6, second=4, job="f.s", parent=1, ours={"state": "SKIPPED", "reason": "upstream failed"}),
        made.event("START", 7, second=5, job="f.k", parent=1),
        made.event("ABORT", 7, second=6, producer=made.SWEEP, job="f.k", orchestrail_inferred=inferred),
        made.event("FAIL", 8, second=7, job="f.x", parent=1),
        made.event("COMPLETE", 8, second=7, producer=made.AIRFLOW, job="f.x"),
        made.event("COMPLETE", 9, second=8, job="f.orphan", parent=99, root=1),
    )
    text = run("show", made.run_id(1)).stdout
    for expected in (
        "▶ RUNNING",
        "✘ FAIL",
        "error  ValueError: no",
        "attempt 2",
        "after attempt 000000000002",
        "↺ CACHED",
        "result of run 000000000002",
        "the run that computed the result is not known",
        "○ SKIPPED",
        "upstream failed",
        "■ ABORT (concluded)",
        "ended_at, state: its process is gone",
        "producers report different ends",
        "its parent 000000000063 is not recorded",
    ):
        assert expected in text


def test_show_says_who_changed_a_state_by_hand_and_why(made, spooled, run, answer):
    """And the end before it, what was noted and cleared; in the document too, with pseudonyms as they are."""
    by_hand = {
        "manual": True,
        "changedBy": "hmac-sha256:abcdef0123456789",
        "changedAt": made.at(20),
        "reason": "shipped",
    }
    who = {"changedBy": "hmac-sha256:abcdef0123456789"}
    stopped = {"what": "marked", "state": "failed", "at": made.at(40), **who}
    changes = [
        {"what": "noted", "at": made.at(1), "reason": "monthly reload"},
        {"what": "cleared", "task": "f.train", "at": made.at(10), **who, "reason": "more memory"},
        stopped,
    ]
    last = {"manual": True, **who, "changedAt": made.at(40), "changes": changes}
    spooled(
        made.event("START", 1, job="f"),
        made.event("START", 2, second=2, job="f.train", parent=1),
        made.event(
            "FAIL", 2, second=3, job="f.train", parent=1, errorMessage={"message": "ValueError: no\nmore of it"}
        ),
        made.event("COMPLETE", 2, second=3, job="f.train", parent=1, ours=by_hand),
        made.event("OTHER", 3, second=4, job="f.join", parent=1, ours=by_hand | {"state": "SKIPPED"}),
        made.event("FAIL", 1, second=40, job="f", ours=last),
    )
    shown = run("show", made.run_id(1), "--tz", "UTC").stdout
    lines = [line.strip(" │") for line in shown.splitlines()]
    for expected in (
        "marked   ✘ FAIL by abcdef012345, 2026-03-01 12:00:40, no reason given",
        "noted    by somebody, 2026-03-01 12:00:01: monthly reload",
        "cleared  f.train by abcdef012345, 2026-03-01 12:00:10: more memory",
        "marked  ✔ COMPLETE by abcdef012345, 2026-03-01 12:00:20: shipped; before that ✘ FAIL ValueError: no",
        "marked  ○ SKIPPED by abcdef012345, 2026-03-01 12:00:20: shipped",
    ):
        assert expected in lines, shown
    assert [line for line in lines if line.startswith(("error", "differs", "skipped"))] == []
    assert "train  ✔ COMPLETE (by hand)" in shown
    assert "by hmac-sha256:abcdef0123456789, 2026" in run("show", made.run_id(1), "--full", "--tz", "UTC").stdout
    assert "✘ FAIL (by hand)" in run("runs").stdout
    root, train, _ = answer("show", made.run_id(1))["runs"]
    assert [(one["what"], one["by"], one["reason"]) for one in root["changes"]] == [
        ("noted", None, "monthly reload"),
        ("cleared", who["changedBy"], "more memory"),
        ("marked", who["changedBy"], None),
    ]
    assert (train["state"], train["error"]) == ("COMPLETE", "ValueError: no\nmore of it")
    told = [(one["state"], one["by_hand"], one["changed_by"], one["reason"], one["error"]) for one in train["ends"]]
    assert told == [
        ("FAIL", False, None, None, train["error"]),
        ("COMPLETE", True, who["changedBy"], "shipped", None),
    ]


def test_what_openlineage_has_no_word_for_is_no_difference(made, spooled, run):
    """Airflow's provider calls a skipped task complete."""
    spooled(
        made.event("START", 1),
        made.event("COMPLETE", 1, second=4, ours={"state": "SKIPPED"}),
        made.event("COMPLETE", 1, second=4, producer=made.AIRFLOW),
    )
    text = run("show", made.run_id(1)).stdout
    assert "○ SKIPPED" in text
    assert "producers report different ends" not in text


def test_a_service_says_once_how_it_prepares_data(made, spooled, run):
    """It states more as it goes on; what is shown is its last word."""
    clean = {
        "operation": "clean",
        "version": "1.0.0",
        "derived": False,
        "codeDigest": "py-tokens-1:sha256:" + "ab" * 32,
    }
    stated = [{"deployment": "eu-1", "model": None, "preparation": steps} for steps in ([], [clean])]
    spooled(*(made.event("RUNNING", 1, second=n, job="s", orchestrail_serving=facet) for n, facet in enumerate(stated)))
    text = run("show", made.run_id(1)).stdout
    assert text.count("eu-1") == 1
    assert "clean  version 1.0.0  code abababababab" in text


def test_results_are_shown_with_what_they_are_of_and_who_told_them(made, spooled, run, answer):
    """Failed checks first; of very many a few, unless all are asked for; the document has all."""
    of = {"dataset": {"namespace": "file", "name": "/data/x.csv", "digest": None}}
    checks = [
        {"name": f"c{n}", "success": n != 29, "severity": "warn", "kind": "quality", "expected": None, "actual": None}
        | of
        for n in range(30)
    ]
    checks[29] |= {"column": "age", "failures": 3, "by": "pandera"}
    metrics = [{"name": "auc", "value": 0.91234567, "dataset": None, "rows": 40, "by": "scikit-learn"}]
    usage = {
        "wallSeconds": 2,
        "processorSeconds": 1.5,
        "threadSeconds": None,
        "childSeconds": 0,
        "peakMemoryBytes": 5_000_000,
    }
    seeds = [{"name": "random.seed", "value": 7}, {"name": "random.seed", "value": None, "type": "str"}]
    spooled(
        made.event("START", 1),
        made.event(
            "COMPLETE",
            1,
            orchestrail_checks={"checks": checks},
            orchestrail_metrics={"metrics": metrics},
            orchestrail_execution={"usage": usage, "seeds": seeds},
        ),
    )
    lines = [line.split(maxsplit=1) for line in run("show", made.run_id(1)).stdout.splitlines()[1:]]
    shown = [text for word, text in lines if word == "check"]
    assert shown[0] == "c29 failed  warn, quality, 3 rows failed, column age, of x.csv, by pandera"
    assert shown[1:] == [
        *(f"c{n} passed  warn, quality, of x.csv" for n in range(19)), "... and 10 more checks: --full lists them"
    ]  # fmt: skip
    assert [text for word, text in lines if word == "metric"] == ["auc 0.912346  40 rows, by scikit-learn"]
    assert [text for word, text in lines if word == "seeds"] == ["random.seed 7, random.seed <str>"]
    assert not [text for word, text in lines if word == "used"]
    full = run("show", made.run_id(1), "--full").stdout
    assert full.count("passed") == 29
    assert "wall 2.00 s · processor 1.50 s · of child processes 0.00 s · peak memory of the process 5.0 MB" in full
    root = answer("show", made.run_id(1))["root"]
    assert (len(root["checks"]), root["metrics"], root["seeds"]) == (30, metrics, seeds)
    assert root["usage"]["processor_seconds"] == 1.5


def test_the_environment_tells_cards_limits_container_and_what_came_from_elsewhere(made, spooled, run):
    """In a line; addresses, commits and variables where all is asked for."""
    facts = {
        "python": {"implementation": "cpython", "version": "3.11.7"},
        "cpu": {"count": 8},
        "gpus": [{"model": "NVIDIA L4"}, {"model": "NVIDIA L4"}, {"model": None}],
        "limits": {"cpus": 1.5, "memoryBytes": 2_000_000_000, "usableCpus": 2},
        "container": {"runtime": "docker", "id": "ab" * 32, "image": "r.example/t@sha256:1", "imageDigest": None},
        "distributions": {"a": "1", "b": "2"},
        "origins": {"a": {"kind": "git", "url": "https://g.example/a", "commit": "c0ffee"}},
        "variables": {"OMP_NUM_THREADS": "3"},
    }
    spooled(made.event("COMPLETE", 1, orchestrail_environment=facts))
    (line,) = [line for line in run("show", made.run_id(1)).stdout.splitlines() if line.split()[0] == "in"]
    assert line.split(maxsplit=1)[1] == (
        "cpython 3.11.7 · 8 CPUs · 2 x NVIDIA L4 · 1 x a graphics card · limited to 1.5 CPUs · limited to 2.0 GB of memory · "
        "in a docker container abababababab, image r.example/t@sha256:1 · 2 packages unknown · 1 of them not from an index"
    )
    full = run("show", made.run_id(1), "--full").stdout
    assert "not from an index: a (git https://g.example/a c0ffee) · OMP_NUM_THREADS=3" in full
    spooled(
        made.event("COMPLETE", 2, orchestrail_environment={"python": {"version": "3"}, "gpus": None, "container": {}})
    )
    assert "graphics cards unknown" in run("show", made.run_id(2)).stdout
