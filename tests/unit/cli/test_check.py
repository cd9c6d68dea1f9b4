"""`orchestrail check`: the record judged, with exit codes that a pipeline can use."""

from __future__ import annotations


def test_a_contradiction_fails_with_its_witness(made, spooled, answer, run):
    """One run id for two jobs: exit code 1, and the events that show it."""
    spooled(made.event("START", 1, job="train"), made.event("COMPLETE", 1, job="other"))
    document = answer("check", code=1)
    (verdict,) = [each for each in document["verdicts"] if each["id"] == "RUN-ID-01"]
    assert (verdict["verdict"], verdict["examined"], verdict["subjects"]) == ("fail", 1, 1)
    assert {(each["run_id"], each["sequence"], each["detail"]) for each in verdict["witnesses"]} == {
        (made.run_id(1), 0, "default:train"),
        (made.run_id(1), 1, "default:other"),
    }
    text = run("check").stdout
    assert text.index("RUN-ID-01") < text.index("RUN-ID-02")
    assert "log entry 1: job default:other" in text


def test_witnesses_that_are_not_shown_are_counted(made, spooled, answer, run):
    """The first few of many unproven edges stand there, and how many more there are; so it is said what is not listed at all."""
    steps = [
        made.event("COMPLETE", number, second=number, outputs=[made.dataset(f"/{number}", f"{number}")])
        for number in range(1, 13)
    ]
    model = [made.dataset("/m", "m", kind="model")]
    spooled(*steps, made.event("COMPLETE", 13, second=13, upstream=tuple(range(1, 13)), outputs=model))
    document = answer("check", made.digest("m"), "--date", "2026-03-02", code=1)
    (verdict,) = [each for each in document["verdicts"] if each["id"] == "LIN-03"]
    assert (len(verdict["witnesses"]), verdict["reason"].endswith("; 2 more are not listed")) == (10, True)
    text, whole = run("check", made.digest("m")).stdout, run("check", made.digest("m"), "--full").stdout
    assert "and 6 more; see them with --full" in text
    assert "see them with --full" not in whole


def test_an_empty_record_passes_nothing(answer):
    """Exit code 3: no `must` fails, and none is known to hold."""
    document = answer("check", "--profile", "operate", code=3)
    assert {verdict["verdict"] for verdict in document["verdicts"]} == {"unknown"}
    assert document["summary"]["pass"] == 0


def test_the_same_head_and_day_give_the_same_bytes(made, spooled, run):
    """So that a report can be made again, and compared."""
    spooled(made.event("START", 1), made.event("COMPLETE", 1, second=1))
    first, second = (run("check", "--json", "--date", "2026-03-02").stdout for _ in range(2))
    assert first == second
    assert '"date": "2026-03-02"' in first


def test_a_run_is_judged_with_its_process(made, spooled, answer):
    """And with nothing of another one."""
    spooled(made.event("START", 1), made.event("START", 2, parent=1, job="t"), made.event("COMPLETE", 3))
    document = answer("check", made.run_id(2), "--date", "2026-03-02", code=3)
    assert document["target"] == {"kind": "run", "name": made.run_id(1)}
    (verdict,) = [each for each in document["verdicts"] if each["id"] == "RUN-ID-01"]
    assert verdict["subjects"] == 2


def test_a_system_is_judged_by_its_name(made, spooled, answer, run):
    """One that no run names is an error that says which there are."""
    spooled(made.event("COMPLETE", 1, ours={"system": "mortgage"}), made.event("COMPLETE", 2))
    document = answer("check", "--system", "mortgage", "--profile", "build", "--date", "2026-03-02", code=1)
    (verdict,) = [each for each in document["verdicts"] if each["id"] == "RUN-ID-01"]
    assert (document["target"], verdict["subjects"]) == ({"kind": "system", "name": "mortgage"}, 1)
    result = run("check", "--system", "else")
    assert (result.exit_code, "mortgage" in result.stderr) == (1, True)


def test_a_day_that_is_none_is_wrong_use(run):
    """With what it should look like."""
    result = run("check", "--date", "tomorrow")
    assert (result.exit_code, "2027-12-02" in result.stderr) == (2, True)


def test_what_turned_bad_is_told_when_it_is_asked_for(made, spooled, run, monkeypatch):
    """After the answer; that nobody can be reached is an error of its own, and its address is not shown."""
    spooled(made.event("START", 1, job="train"), made.event("COMPLETE", 1, job="other"))
    assert "There is nobody to tell" in run("check", "--notify").stderr
    monkeypatch.setenv("ORCHESTRAIL_NOTIFY", "json://127.0.0.1:9/T0K3N")
    result = run("check", "--notify")
    assert result.exit_code == 1
    assert "RUN-ID-01" in result.stdout
    assert "could not be delivered" in result.stderr
    assert "T0K3N" not in result.stdout + result.stderr


OWN = """
id: bank
version: "1"
title: What a bank asks beyond
requirements:
  - id: BANK-01
    title: Training runs from a clean commit
    level: must
    scope: step
    mode: auto
    profiles: [build, release, operate]
    hint: Commit before you train.
    since: "1"
    check: {where: [{field: role, is: train}], require: [{field: code_dirty, is: false}]}
select:
  only: {requirements: [BANK-01], reason: The rest is judged elsewhere.}
"""


def test_a_check_of_ones_own_is_judged_like_the_others(made, spooled, answer, tmp_path, monkeypatch):
    """All that is on the record, one more run, and a smaller scope: a verdict with its witness, and exit codes."""
    (tmp_path / "orchestrail.toml").write_text('catalogue = ["bank.yaml"]')
    (tmp_path / "bank.yaml").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    train = {"orchestrail_step": {"role": "train"}, "orchestrail_capabilities": {"capabilities": ["code_digest"]}}

    def asked(*arguments, code):
        (verdict,) = answer("check", *arguments, "--date", "2026-03-02", code=code)["verdicts"]
        return verdict

    spooled(made.event("COMPLETE", 1))
    nothing = asked(code=3)
    assert (nothing["id"], nothing["verdict"], nothing["why"]) == ("BANK-01", "unknown", "no_subjects")
    spooled(made.event("COMPLETE", 2, orchestrail_code={"dirty": False}, **train))
    assert asked(code=0)["verdict"] == "pass"
    spooled(made.event("COMPLETE", 3, orchestrail_code={"dirty": True}, **train))
    failing = asked(code=1)
    assert (failing["counts"], failing["hint"]) == ({"fail": 1, "pass": 1}, "Commit before you train.")
    (witness,) = failing["witnesses"]
    assert (witness["run_id"], witness["sequence"], witness["field"]) == (made.run_id(3), 2, "code_dirty")
    assert asked(made.run_id(2), code=0)["verdict"] == "pass"
    (tmp_path / "bank.yaml").write_text(OWN.replace("is: false", "known: true"))
    assert asked(code=0)["verdict"] == "pass"


def test_limits_of_a_file_of_ones_own_count(made, spooled, answer, tmp_path, monkeypatch):
    """A run that has been open for five days is too old where a file says three, and not by the default of seven."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bank.yaml").write_text('id: bank\nversion: "1"\ntitle: t\nlimits: {max_run_age_days: 3}\n')
    spooled(made.event("START", 1))

    def life(code):
        found = answer("check", "--date", "2026-03-06", code=code)["verdicts"]
        return next(each["verdict"] for each in found if each["id"] == "RUN-LC-01")

    assert life(code=3) == "unknown"
    (tmp_path / "orchestrail.toml").write_text('catalogue = ["bank.yaml"]')
    assert life(code=1) == "fail"
