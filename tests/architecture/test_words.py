"""No sentence anywhere says more than is so: words that claim, in documents, texts of the program, data and examples.

The product collects and checks evidence. It decides no question of law, gives no seal and no score, and is not the log that Art. 12
asks of a running system. Where one of these words is meant, to deny it or as the name of something, the sentence is listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from repository import ROOT, tracked_texts
from typer.main import get_command
from typer.testing import CliRunner

from orchestrail.cli.app import COMMANDS, app
from orchestrail.requirements.catalogue import load_catalogue
from orchestrail.requirements.law import disclaimer, wording

CLAIMS = re.compile(
    r"\b(?:non-?)?complian(?:ce|t)(?:ly)?\b|\bcompl(?:y|ies|ied|ying)\b|\bconform(?:s|ity|ant)?\b"  # with a law
    r"|\bcertif(?:y|ies|ied|ication)\b|\baccredit\w*|\bseal(?:s| of)\b|\bquality mark\b|\bAI[- ]Act[- ](?:ready|proof|safe)\b"
    r"|\b(?:audit|tamper|court|future|forgery)[- ]?proof\b|\bunforgeable\b|\bguarantee[ds]?\b|\bimmutable (?:log|record|store)\b"
    r"|\blegally (?:valid|binding|safe|sufficient)\b|\b(?:fully|100 ?%) (?:auditable|traceable|covered|documented)\b"
    r"|\b(?:score|grade|rating) (?:of|is|in) [^.\n]{0,20}(?:%|percent)"
    r"|(?:%|\bpercent\b) of (?:the )?(?:requirements|checks|points)\b|(?:%|\bpercent\b) (?:complete|passed|ready)\b"
    r"|\bArt(?:icle|\.) ?12[- ](?:log|record)\b|\bthe log (?:of|that) Art(?:icle|\.) ?12\b",
    re.IGNORECASE,
)

ALLOWED = (
    disclaimer(),
    # names of things
    "compliance layer",
    "compliance engineer",
    "declaration of conformity",
    "presumption of conformity",
    "conformity assessment",
    # the provision speaks
    "shortcomings that prevent compliance",
    # denials
    "No sentence anywhere may say that using this makes anybody comply with a law.",
)
"""What may stand there, whole: the sentence or the name, as it is written."""

READ = {".md", ".py", ".toml", ".txt", ".yaml", ".json", ".html", ".css", ".js", ".j2", ".svg", ".yml"}
LAW = Path("src/orchestrail/requirements/law/texts.yaml")
"""Quotations of the law, in its words."""


def claims(text: str) -> Iterator[str]:
    """Give the claims in a text, each with what stands around it."""
    flat = re.sub(r"\s*\n[\s>#|]*", " ", text)
    for allowed in ALLOWED:
        flat = re.sub(re.escape(allowed), "", flat, flags=re.IGNORECASE)
    for found in CLAIMS.finditer(flat):
        yield flat[max(0, found.start() - 50) : found.end() + 50]


def test_no_file_claims_more_than_is_so() -> None:
    """README, documents, change log, the program with its pages and texts, the catalogue, adapters, examples."""
    found = [
        f"{path}: {claim}"
        for path, text in tracked_texts()
        if path.suffix in READ and path != LAW and "tests" not in path.parts
        for claim in claims(text)
    ]
    assert not found, "\n".join(found)


def typed(command: Any, *words: str) -> Iterator[list[str]]:
    """Give each command and the commands inside it, as they are typed."""
    yield list(words)
    if hasattr(command, "list_commands"):  # Typer brings a click of its own: no type to ask for
        context = command.context_class(command)
        for name in command.list_commands(context):
            _, inside, _ = command.resolve_command(context, [name])
            if inside is not None:
                yield from typed(inside, *words, name)


def test_pages_are_read() -> None:
    """Those that the server shows and those of the technical documentation are templates."""
    read = {path.parts[2] for path, _ in tracked_texts() if path.suffix == ".j2" and path.suffix in READ}
    assert read == {"reports", "web"}


def test_no_help_claims_more_than_is_so() -> None:
    """As the command line prints it, of each command and of those inside it."""
    commands = list(typed(get_command(app)))
    assert {command[0] for command in commands if command} == set(COMMANDS)
    assert ["attest", "statement"] in commands
    for command in commands:
        shown = CliRunner().invoke(app, [*command, "--help"]).stdout
        assert "Usage" in shown
        assert not list(claims(shown)), command


@pytest.mark.parametrize("profile", ["build", "release", "operate"])
def test_no_answer_claims_more_than_is_so(profile: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a check prints of events that somebody captured, and its reports for build servers."""
    monkeypatch.setenv("ORCHESTRAIL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    assert run(app, ["ingest", str(ROOT / "tests/data/events/captured/airflow.jsonl")]).exit_code == 0
    shown = run(app, ["check", "--profile", profile, "--sarif", "a.sarif", "--junit", "a.xml"]).stdout
    assert f"Profile {profile}" in shown
    for text in (shown, *(Path(name).read_text() for name in ("a.sarif", "a.xml"))):
        assert not list(claims(text))


def test_no_requirement_claims_more_than_is_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As `orchestrail requirements` shows it, but for what it quotes."""
    monkeypatch.setenv("ORCHESTRAIL_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for one in load_catalogue().requirements:
        shown = CliRunner().invoke(app, ["requirements", one.id]).stdout
        for article in one.articles:
            for quoted in wording().of(article.ref):
                shown = shown.replace(quoted.text, "")
        assert one.title in shown
        assert not list(claims(shown)), one.id


@pytest.mark.parametrize(
    "sentence",
    [
        "Makes you AI Act compliant.",
        "It ensures compliance\n# with the AI Act.",
        "Your system complies with Art. 10.",
        "A certified record.",
        "An audit-proof log, tamper proof by design.",
        "This guarantees that nothing is lost.",
        "94 % of the requirements are met, 80 percent complete",
        "A score of 94 %",
        "This is the Art. 12 log.",
        "It conforms to the Regulation.",
    ],
)
def test_a_claim_is_found(sentence: str) -> None:
    """Also where a line breaks."""
    assert list(claims(sentence))


def test_what_is_allowed_is_written_somewhere() -> None:
    """The list holds no more than is needed."""
    texts = " ".join(re.sub(r"\s*\n[\s>#|]*", " ", text) for path, text in tracked_texts() if "tests" not in path.parts)
    unused = [allowed for allowed in ALLOWED if allowed.casefold() not in texts.casefold()]
    assert not unused


def test_readme_says_what_it_is_not() -> None:
    """In its first paragraphs: the log of the running system is another one; at its end, the disclaimer."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    first = " ".join(readme[: readme.index("## Try it")].split())
    assert (
        "It is the record of *pipelines*: Art. 12 also asks for the log of the running system, which this is not."
        in first
    )
    assert f"> {disclaimer()}" in readme
