"""How the project is built, checked and tried. `nox` alone runs every check and every test; `nox --list` shows the rest.

Adapters are found by their folder. Each is tested in an environment of its own, since two orchestrators seldom fit into one.
"""

import shutil
import tempfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv"
nox.options.sessions = [
    "lint",
    "architecture",
    "typecheck",
    "docs",
    "tests",
    "stores",
    "postgresql",
    "quality",
    "server",
    "producers",
    "proofs",
    "web",
    "adapter",
    "template",
    "end_to_end",
    "bench",
    "chaos_small",
    "chaos_store_small",
]

ADAPTERS = sorted(path.parent.name for path in Path("adapters").glob("[!_]*/pyproject.toml"))
PRODUCERS = Path("tests", "with_server", "producers")
CHAOS = sorted(name for name in ADAPTERS if Path("benchmarks", f"chaos_{name}.py").exists())
GROUPS = ("test", "architecture", "lint", "mutation", "typecheck", "example")
BENCHMARKS = sorted(path.name.removesuffix("_overhead.py") for path in Path("benchmarks").glob("*_overhead.py"))
VENDORED = {
    "htmx.org/dist/htmx.min.js": "htmx.js",
    "htmx.org/LICENSE": "htmx.LICENSE",
    "idiomorph/dist/idiomorph-ext.min.js": "idiomorph.js",
    "idiomorph/LICENSE": "idiomorph.LICENSE",
}
"""Files of the npm packages of the pages, and what they are called here."""
COMPILED = {"UV_COMPILE_BYTECODE": "1"}
"""uv compiles nothing by itself, as pip does: where PYTHONDONTWRITEBYTECODE is set, as images of Python set it, each of the many
processes that tests start would compile anew all that it imports."""
each_benchmark = nox.parametrize("name", BENCHMARKS, ids=BENCHMARKS)
each_chaos = nox.parametrize("name", CHAOS, ids=CHAOS)
each_part = nox.parametrize("name", ["core", *ADAPTERS], ids=["core", *ADAPTERS])


def folder_of(name: str) -> Path:
    """Say where the part `name` lives: an adapter, or the core at the root."""
    return Path() if name == "core" else Path("adapters", name)


def hosts_of(name: str) -> list[str]:
    """Name the groups of host versions that an adapter is tested with: `test` holds the newest, others older ones."""
    return list(nox.project.load_toml(folder_of(name) / "pyproject.toml")["dependency-groups"])


def holds_audit(name: str, host: str) -> bool:
    """Say whether the command line fits into the environment of a host; where it does not, it gets one of its own."""
    hosts = nox.project.load_toml(folder_of(name) / "pyproject.toml").get("tool", {}).get("orchestrail-hosts", {})
    return host not in hosts.get("without-audit", ())


def locked(name: str, host: str = "test") -> Path:
    """Say which file holds the versions that a part is tested with; libraries beside the core's have theirs with their tests."""
    if name == "core" and host != "test":
        return Path("tests", f"with_{host}", "constraints.txt")
    return folder_of(name) / ("constraints.txt" if host == "test" else f"constraints-{host}.txt")


HOSTS = {name if host == "test" else f"{name}-{host}": (name, host) for name in ADAPTERS for host in hosts_of(name)}
each_host = nox.parametrize("name,host", list(HOSTS.values()), ids=list(HOSTS))


def prepare(
    session: nox.Session, *groups: str, adapter: str = "core", host: str = "test", extras: str = "audit"
) -> None:
    """Install the core, groups of tools and an adapter with its host, in the locked versions; keep the user's folders out of it."""
    folder = folder_of(adapter)
    together = holds_audit(adapter, host)
    wanted = [f".[{extras}]" if together else "."]
    if adapter != "core":
        wanted += [f"./{folder}[host]", "--group", f"{folder}/pyproject.toml:{host}"]
    for group in groups:
        wanted += ["--group", group]
    session.install(*wanted, "--constraint", str(locked(adapter, host)), env=COMPILED)
    own = Path(session.create_tmp()).resolve()
    session.env.update(
        PYTHONPATH=None,
        TMPDIR=None,  # some tests act as another user, who must be able to reach their files
        ORCHESTRAIL_HOME=str(own / "orchestrail"),
        PREFECT_HOME=str(own / "prefect"),
        PREFECT_LOCAL_STORAGE_PATH=str(own / "prefect" / "storage"),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
    )
    if not together:
        command = own / "command"
        session.run_install("uv", "venv", "--quiet", "--clear", str(command))
        into = ("--python", str(command / "bin" / "python"), "--constraint", "constraints.txt")
        with_tools = [f"--group={group}" for group in groups]
        session.run_install("uv", "pip", "install", "--quiet", ".[audit]", *with_tools, *into, env=COMPILED)
        session.env["ORCHESTRAIL_COMMAND"] = str(command / "bin" / "orchestrail")


def run_tests(session: nox.Session, *what: str, **environment: str) -> None:
    """Run pytest in as many processes as there are processors, four at most; a file of tests keeps to one, with what it has begun.

    `-- -n0` of a session's user comes later and counts: one process.
    """
    session.run("pytest", "--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile", *what, env=environment)


def beside(session: nox.Session, name: str, *wanted: str, constraint: Path) -> Path:
    """Make an environment beside the session's own; give the folder of its commands."""
    session.install("uv")
    folder = Path(session.create_tmp()).resolve() / name
    session.run("uv", "venv", "--quiet", "--clear", str(folder))
    into = ("--python", str(folder / "bin" / "python"), "--constraint", str(constraint))
    session.run("uv", "pip", "install", "--quiet", *wanted, *into, env=COMPILED)
    return folder / "bin"


def airflow_beside(session: nox.Session) -> str:
    """Make an environment with Airflow and its adapter beside the session's own; give its interpreter."""
    wanted = (".", "./adapters/airflow[host]", "pandas")
    return str(beside(session, "airflow", *wanted, constraint=locked("airflow")) / "python")


def airflow_alone(session: nox.Session) -> str:
    """Make an environment with Airflow and its OpenLineage provider, and nothing of ours; give the folder of its commands."""
    provider = "--group=adapters/airflow/pyproject.toml:test"
    return str(beside(session, "airflow", provider, constraint=locked("airflow")))


@nox.session
def demo(session: nox.Session) -> None:
    """Record a real run of examples/mortgage over Airflow and Prefect, and show what the record answers."""
    prepare(session, "example", adapter="prefect", extras="audit,server")
    python = airflow_beside(session)
    session.chdir(session.create_tmp())
    session.run("orchestrail", "demo", "--airflow", python, *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Test the core."""
    prepare(session, "test", "example", "capture")
    elsewhere = (
        "architecture",
        "end_to_end",
        "with_boosting",
        "with_postgresql",
        "with_quality",
        "with_browser",
        "with_go",
        "with_server",
        "with_stores",
        "with_torch",
    )
    run_tests(session, *(session.posargs or ("tests", *(f"--ignore=tests/{name}" for name in elsewhere))))


@nox.session
def keep_store(session: nox.Session) -> None:
    """Keep a small log of the present schema in tests/data/stores, once the schema has risen: later versions have to verify it."""
    prepare(session, "test")
    session.run("python", "tests/store/keep_fixture.py", "tests/data/stores")


@nox.session
def stores(session: nox.Session) -> None:
    """Test what is captured of stores, registries and versioned data, with libraries that do not fit in with the core's."""
    prepare(session, "test", "stores", host="stores")
    run_tests(session, "tests/with_stores", *session.posargs)


@nox.session
def postgresql(session: nox.Session) -> None:
    """Test the store in PostgreSQL, with a server of the tests' own."""
    prepare(session, "test", "postgresql", extras="audit,postgresql")
    run_tests(session, "tests/with_postgresql", *session.posargs)


@nox.session(venv_backend="venv")
def torch(session: nox.Session) -> None:
    """Test what is captured of torch, which is large: by itself, and installed by pip, whose settings choose the build."""
    session.install("pip>=25.1")  # earlier ones do not know groups
    prepare(session, "test", "capture", "example")
    session.install("torch>=2.4")
    session.run("pytest", "tests/with_torch", *session.posargs)


@nox.session
def boosting(session: nox.Session) -> None:
    """Test what is captured of xgboost, lightgbm and catboost, which nothing else here needs."""
    prepare(session, "test", "example")
    session.install("catboost>=1.2", "lightgbm>=4.5", "xgboost-cpu>=3")
    session.run("pytest", "tests/with_boosting", *session.posargs)


@nox.session
def quality(session: nox.Session) -> None:
    """Test what is captured of pandera and Great Expectations, which bring much that nothing else here needs."""
    prepare(session, "test", "example", "capture")
    session.install("great-expectations>=1.3", "pandera>=0.24")
    session.run("pytest", "tests/with_quality", *session.posargs)


@nox.session
def server(session: nox.Session) -> None:
    """Test the server as a process, with OpenLineage's own client."""
    prepare(session, "test", "server", extras="audit,server")
    run_tests(session, "tests/with_server", f"--ignore={PRODUCERS}", *session.posargs)


@nox.session
def producers(session: nox.Session) -> None:
    """Have Airflow's OpenLineage provider and dbt, each in an environment without orchestrail, write to a server."""
    prepare(session, "test", "server", extras="audit,server")
    dbt = beside(session, "dbt", "--group=dbt", constraint=PRODUCERS / "constraints.txt")
    found = {"AIRFLOW_BIN": airflow_alone(session), "DBT_BIN": str(dbt)}
    session.run("pytest", str(PRODUCERS), *session.posargs, env=found)


@nox.session
def proofs(session: nox.Session) -> None:
    """Have another implementation, Go's, check our proofs and tiles on both engines; Debian's packages, installed where needed."""
    if shutil.which("go") is None or not Path("/usr/share/gocode/src/golang.org/x/mod").is_dir():
        packages = ("golang-go", "golang-golang-x-mod-dev")
        session.run("apt-get", "update", "--quiet", external=True)
        session.run("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages, external=True)
    prepare(session, "test", "postgresql", "server", extras="audit,postgresql,server")
    session.run("pytest", "tests/with_go", *session.posargs)


@nox.session
def web(session: nox.Session) -> None:
    """Test the pages in Debian's Chromium, installed where it is not there; with SCREENSHOTS=FOLDER keep a picture of each."""
    if shutil.which("chromium") is None:
        session.run("apt-get", "update", "--quiet", external=True)
        session.run("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium", external=True)
    prepare(session, "test", "example", "web", adapter="prefect", extras="audit,server")
    run_tests(session, "tests/with_browser", *session.posargs)


@nox.session
def vendor(session: nox.Session) -> None:
    """Lay the libraries of the pages beside them, as npm has them in the versions that are locked; the same bytes each time."""
    folder = Path("src", "orchestrail", "web", "vendored")
    copy = Path(session.create_tmp()).resolve() / "vendored"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(folder / name, copy)
    session.run("npm", "ci", "--prefix", str(copy), "--ignore-scripts", "--no-audit", "--no-fund", external=True)
    for source, name in VENDORED.items():
        shutil.copyfile(copy / "node_modules" / source, folder / name)


@nox.session
@each_host
def adapter(session: nox.Session, name: str, host: str) -> None:
    """Test an adapter with its real host, in each of the versions that its pyproject.toml names."""
    prepare(session, "test", adapter=name, host=host)
    run_tests(session, f"adapters/{name}/tests", *session.posargs)


@nox.session
def airflow_examples(session: nox.Session) -> None:
    """Run Airflow's own example DAGs twice without us and once with us: all, or as many as `-- --count 10` says."""
    prepare(session, "test", adapter="airflow")
    session.run("python", "-m", "airflow_examples", *session.posargs, env={"PYTHONPATH": "adapters/airflow/tests"})


@nox.session
@each_host
def matrix(session: nox.Session, name: str, host: str) -> None:
    """Try an adapter with the conformance kit, and write what came of it into docs/reference/adapters.md."""
    prepare(session, "test", adapter=name, host=host)
    file = f"{name if host == 'test' else f'{name}-{host}'}.json"
    results = {"KIT_RESULTS": str(Path("docs", "reference", "conformance", file).resolve())}
    session.run("pytest", f"adapters/{name}/tests/test_conformance.py", *session.posargs, env=results)
    session.run("python", "-m", "orchestrail.testing.matrix", "docs/reference")


@nox.session
def reference(session: nox.Session) -> None:
    """Write the pages of the reference that are made of code, schemas and the catalogue, and the schema of catalogue files."""
    session.install("--editable", ".[audit,server]", "--constraint", "constraints.txt")
    for page in ("requirements_page", "reference_pages"):
        session.run("python", "-m", f"orchestrail.testing.{page}", "docs/reference")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation as a site, in which every link leads somewhere: `-- FOLDER` keeps it."""
    session.install("--group", "docs", "--constraint", "constraints.txt")
    folder = Path(session.create_tmp()).resolve() / "site"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree("docs", folder / "docs")
    shutil.move(folder / "docs" / "zensical.toml", folder)  # its pages have to lie below it
    with session.chdir(folder):
        session.run("zensical", "build", "--strict")
    if session.posargs:
        shutil.copytree(folder / "site", session.posargs[0], dirs_exist_ok=True)


@nox.session
def new_adapter(session: nox.Session) -> None:
    """Make the folder of a new adapter: `nox -s new_adapter -- NAME`."""
    session.run("python", "adapters/new_adapter.py", *session.posargs)


@nox.session
def template(session: nox.Session) -> None:
    """Make an adapter from the template, in a copy of the repository, and check and test it as it stands."""
    copy = Path(session.create_tmp()).resolve() / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(".", copy, ignore=shutil.ignore_patterns(".*", "build", "dist"))
    session.chdir(copy)
    session.run("python", "adapters/new_adapter.py", "tidepool", silent=True)
    prepare(session, "test", "lint", "typecheck", adapter="tidepool")
    everything = ("--config", "exclude=[]", "--no-respect-gitignore")  # the copy lies where ruff and git do not look
    session.run("ruff", "check", *everything, "adapters/tidepool")
    session.run("ruff", "format", "--check", *everything, "adapters/tidepool")
    session.run("mypy", "adapters/tidepool/src")
    session.run("pytest", "adapters/tidepool/tests", *session.posargs)


@nox.session
def mutation(session: nox.Session) -> None:
    """Change the evaluators one place at a time; tests have to notice nine of ten changes. `-- runs lineage` for these alone."""
    prepare(session, "test", "mutation")
    within = Path(tempfile.mkdtemp(prefix="orchestrail-mutation-"))
    session.run("python", "benchmarks/mutation.py", "--within", str(within), *session.posargs)
    shutil.rmtree(within)


@nox.session
def end_to_end(session: nox.Session) -> None:
    """Test the whole product on the example: flow, DAG, service, command line."""
    prepare(session, "test", "example", adapter="prefect")
    run_tests(session, "tests/end_to_end", *session.posargs, AIRFLOW_PYTHON=airflow_beside(session))


@nox.session
def architecture(session: nox.Session) -> None:
    """Check the import contracts and the form of the repository."""
    prepare(session, "architecture")
    session.run("lint-imports", "--no-cache")
    session.run("pytest", "tests/architecture", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and spelling."""
    session.install("--group", "lint", "--constraint", "constraints.txt")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("codespell")


@nox.session
@each_part
def typecheck(session: nox.Session, name: str) -> None:
    """Check the types of the core or of an adapter, with its host installed."""
    prepare(session, "typecheck", adapter=name, extras="audit,postgresql,server" if name == "core" else "audit")
    session.run("mypy", str(folder_of(name) / "src"))


@nox.session
@each_benchmark
def bench(session: nox.Session, name: str) -> None:
    """Measure what recording costs a host. Without arguments in a tiny size, which measures nothing but that it works."""
    if name in ADAPTERS:
        prepare(session, adapter=name)
        tiny = ("--pairs", "1", "--tasks", "5")
    else:  # what is captured, on the example
        prepare(session, "example", adapter="prefect")
        tiny = ("--pairs", "1", "--calls", "100", "--megabytes", "4")
    session.run("python", f"benchmarks/{name}_overhead.py", *(session.posargs or tiny))


@nox.session
@each_chaos
def chaos(session: nox.Session, name: str) -> None:
    """Kill an orchestrator's processes at random moments, judge what is on the record, add a row to benchmarks/results/chaos.md."""
    run_chaos(session, name, *session.posargs)


@nox.session
@each_chaos
def chaos_small(session: nox.Session, name: str) -> None:
    """The same in a few minutes, without a row."""
    run_chaos(session, name, "--tasks=40", "--kills=6", "--seed=7", "--table=-", *session.posargs)


def run_chaos(session: nox.Session, name: str, *options: str) -> None:
    """Run the chaos program of an orchestrator in a fresh folder."""
    prepare(session, "test", adapter=name)
    folder = tempfile.mkdtemp(prefix="chaos-", dir=session.create_tmp())
    session.run("python", f"benchmarks/chaos_{name}.py", "--folder", folder, *options)


@nox.session
def chaos_store(session: nox.Session) -> None:
    """Kill what writes to the store, the server and the database, and judge the log: `-- 1000` for so many of each engine."""
    run_chaos_store(session, *session.posargs)


@nox.session
def chaos_store_small(session: nox.Session) -> None:
    """The same with 30 kills of each engine, without a row."""
    run_chaos_store(session, "30", "--seed=7", "--table=-", *session.posargs)


def run_chaos_store(session: nox.Session, *options: str) -> None:
    """Run the chaos program of the store in a fresh folder, which the user of the database can reach."""
    prepare(session, "test", "postgresql", extras="audit,postgresql,server")
    with tempfile.TemporaryDirectory(prefix="chaos-store-") as folder:
        Path(folder).chmod(0o755)
        session.run("python", "benchmarks/chaos_store.py", "--folder", folder, *options)


@nox.session
def lock(session: nox.Session) -> None:
    """Write the constraints files anew: the newest versions that fit, of everything that the sessions install."""
    session.install("uv")
    for name, host in (("core", "test"), ("core", "stores"), *HOSTS.values()):
        adapters = [] if name == "core" else [name]
        source = Path(session.create_tmp()) / "wanted.in"
        serves = (name, host) in (("core", "test"), ("prefect", "test"))  # the pages are tested beside Prefect
        core = ".[audit,server]" if serves else ".[audit]" if holds_audit(name, host) else "."
        source.write_text("\n".join([core, *(f"./adapters/{one}[host]" for one in adapters)]) + "\n")
        groups = [
            *(("test", "stores") if host == "stores" else GROUPS),
            *(("capture", "docs", "server") if (name, host) == ("core", "test") else ("web",) if serves else ()),
            *(f"adapters/{one}/pyproject.toml:{host}" for one in adapters),
        ]
        unlisted = ["orchestrail", *(f"orchestrail-{one}" for one in adapters)]
        wanted = [str(source), *(f"--group={group}" for group in groups)]
        write_lock(session, locked(name, host), *wanted, *(f"--no-emit-package={one}" for one in unlisted))
    write_lock(session, PRODUCERS / "constraints.txt", "--group=dbt")


def write_lock(session: nox.Session, file: Path, *wanted: str) -> None:
    """Write a constraints file of what is wanted."""
    session.run(
        "uv", "pip", "compile", *wanted, "--output-file", str(file),
        "--no-header", "--no-annotate", "--upgrade", "--quiet", f"--python-version={session.python or '3.11'}",
    )  # fmt: skip
