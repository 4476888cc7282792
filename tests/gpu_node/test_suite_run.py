"""A suite measured from end to end on a scripted model: samples, metrics, report, command line, any `/v1`."""

import json
import shlex
from pathlib import Path

import pytest

from gpu_node.evaluation.asking import Asked
from gpu_node.evaluation.command import evaluate_command
from gpu_node.evaluation.modes import MODES, SEARCH_ANSWERS, Mode, run_spec
from gpu_node.evaluation.question import Question
from gpu_node.evaluation.suite_report import suites_json, suites_markdown
from gpu_node.evaluation.suite_run import Answered, OrchestratorAsker, suite_run
from gpu_node.evaluation.suites import suite_questions
from gpu_node.evaluation.url_asker import UrlAsker, UrlRefused, url_client
from gpu_node.inference.scripted import Answer, Attempt, Call, Script
from gpu_node.protocol.job_spec import MODES_WITH_CRITIC
from gpu_node.protocol.run_spec import BUILT_IN_TOOLS
from tests.gpu_node.job_node import tiny_checkpoint
from tests.gpu_node.scripted_node import MODEL, SOLVE, TableTools, cast, node_of, orchestrator_of, served
from tests.gpu_node.suite_rows import suites_written

TOOLS = TableTools()
PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return suites_written(tmp_path_factory.mktemp("suites"))


async def measured(
    questions: list[Question], attempts: dict[str, list[Attempt]], *, mode: Mode = MODES["tools"], num_samples: int = 1
) -> list[Answered]:
    asker = OrchestratorAsker(orchestrator=orchestrator_of(Script(attempts=attempts), TOOLS))
    return await suite_run(asker, questions, mode, tools=TOOLS, num_samples=num_samples)


async def test_a_suite_is_asked_and_its_figures_counted(data: Path) -> None:
    questions = suite_questions("gsm8k", num=3, data=data)
    said = {
        questions[0].text: [[Call("symbolic_math", SOLVE), Answer("1,002")]],
        questions[1].text: [[Call("symbolic_math", "{"), Answer("It is 1003 pens.")]],
    }
    answered = await measured(questions, said)
    result = suites_json(answered, mode=MODES["tools"], model=MODEL, command="c", seconds=1.0)
    [row] = result["families"]
    assert (row["family"], row["n"], row["details"]["with_tools"]["right"]) == ("gsm8k", 3, 2)
    assert (row["strict"]["right"], row["flexible"]["right"], row["symbolic"]["right"]) == (1, 2, 2)
    assert (row["tool_use"]["right"], row["tool_validity"]["right"], row["tool_validity"]["n"]) == (2, 1, 2)
    used = [one.samples[0].num_tokens for one in answered]
    assert row["tokens_per_problem"] == round(sum(used) / 3, 1)
    assert row["tokens_per_solved"] == round(sum(used) / 2, 1)
    first = result["problems"][0]
    assert (first["item"], first["given"], first["is_right"]) == ("train.jsonl.gz, line 1", "1,002", True)
    assert first["trace"][-1]["type"] == "run.finished"
    assert "| gsm8k | 3 | 67 (21-94) |" in suites_markdown(result)


async def test_samples_give_pass_majority_and_the_unanswered_are_told(data: Path) -> None:
    [question] = suite_questions("mawps", num=1, data=data)
    attempts: list[Attempt] = [[Answer(text)] for text in ("4", "5", "5.0", "7")]
    [one] = await measured([question], {question.text: attempts}, num_samples=4)
    assert sorted(sample.given for sample in one.samples) == ["4", "5", "5.0", "7"]
    result = suites_json([one], mode=MODES["tools"], model=MODEL, command="c", seconds=1.0, num_samples=4)
    figures = result["families"][0]["of_samples"]
    assert (figures["pass@1"]["share"], figures["pass@4"]["share"], figures["maj@4"]["share"]) == (0.5, 1.0, 1.0)
    assert figures["pass@2"]["share"] == round(1 - 1 / 6, 4)
    assert figures["verifier@4"] is None
    assert "maj@4" in suites_markdown(result)
    long = Question("mawps", "long", "why? " * 4_000, question.grader)
    [refused] = await measured([long], {})
    assert refused.samples[0].asked.problem.startswith("prompt_too_long")
    result = suites_json([refused], mode=MODES["tools"], model=MODEL, command="c", seconds=1.0)
    assert result["families"][0]["num_problems_not_answered"] == 1
    assert "no run could be made of" in suites_markdown(result)


async def test_the_critics_choice_is_counted_by_its_scores(data: Path) -> None:
    [question] = suite_questions("mawps", num=1, data=data)
    [one] = await measured([question], {question.text: [[Answer("4")], [Answer("5")]]}, num_samples=2)
    for sample in one.samples:
        sample.asked.score = 0.9 if sample.marks.is_right else 0.2
    result = suites_json([one], mode=MODES["critic"], model=MODEL, command="c", seconds=1.0, num_samples=2)
    assert result["families"][0]["of_samples"]["verifier@2"]["share"] == 1.0
    assert (result["critic_auc"], result["critic_samples"]) == (1.0, {"right": 1, "n": 2})


async def test_a_function_call_is_graded_as_the_run_ends_in_it(data: Path) -> None:
    questions = suite_questions("bfcl", num=2, data=data)
    said = {question.text: [[Call("area.of", '{"base": 3}'), Answer("")]] for question in questions}
    answered = await measured(questions, said)
    assert [one.samples[0].marks.is_right for one in answered] == [False, True]  # irrelevance, simple
    assert answered[1].samples[0].given == 'area.of {"base": 3}'


def test_a_mode_is_fields_of_the_runs_spec(data: Path) -> None:
    [question] = suite_questions("mawps", num=1, data=data)
    for mode in MODES.values():
        spec = run_spec(question, mode, model=MODEL, context_tokens=100, temperature=0.0, sample=0)
        assert spec.search.strategy == (mode.name if mode.is_search else "none")
        assert spec.verify == (mode.name in MODES_WITH_CRITIC)
        assert spec.tools == ([] if mode.name == "no_tools" else list(BUILT_IN_TOOLS))
        assert spec.max_total_tokens == (100 * SEARCH_ANSWERS if mode.is_search else 400 if mode.verify else 100)
    client = suite_questions("bfcl", num=1, data=data)[0]
    spec = run_spec(client, MODES["tools"], model=MODEL, context_tokens=100, temperature=0.0, sample=0)
    assert (spec.tools, [tool.name for tool in spec.client_tools]) == ([], ["area.of"])
    assert spec.client_tools[0].parameters["type"] == "object"


async def test_any_v1_is_measured_through_the_openai_client(tmp_path: Path, data: Path) -> None:
    node = node_of(cast(), tmp_path)
    known = Question("own", "1", "Solve x^2 = 4", suite_questions("mawps", num=1, data=data)[0].grader)
    called = Question("own", "2", "client tool", known.grader, client_tools=())
    async with served(node) as url, url_client(f"{url}/v1", None) as client:
        asker = UrlAsker(client=client, model=MODEL)
        answered = await suite_run(asker, [known, called], MODES["tools"], tools=TOOLS)
        assert answered[0].samples[0].given == "x = -2 or x = 2 ✓"
        rows = node.store.usage_rows(after=0, limit=10)
        assert sum(row.usage.total_tokens for row in rows) == sum(one.samples[0].num_tokens for one in answered)
        no_tools = await asker.ask(known, MODES["no_tools"], sample=0, temperature=0.0)
        assert isinstance(no_tools, Asked)
        with pytest.raises(UrlRefused, match="refuses the key"):
            await suite_run(UrlAsker(client=client, model="gpt-5"), [known], MODES["tools"], tools=TOOLS)
    async with url_client("http://127.0.0.1:9/v1", None) as nobody:
        with pytest.raises(UrlRefused, match="does not answer"):
            await UrlAsker(client=nobody.with_options(max_retries=0), model="m").ask(
                known, MODES["tools"], sample=0, temperature=0.0
            )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "give --model-path"),
        (["--suite", "gsm8k"], "either --model-path FOLDER or --url"),
        (["--suite", "gsm8k", "--url", "http://x/v1"], "--url needs --model"),
        (["--suite", "gsm8k", "--model-path", "m"], "give --data PATH"),
        (["--suite", "gsm8k", "--model-path", "m", "--data", "/nowhere"], "does not exist"),
        (["--suite", "gsm9k", "--model-path", "m"], "no suite 'gsm9k'"),
        (["--suite", ",", "--model-path", "m"], "--suite names none"),
        (["--suite", "families", "--model-path", "m", "--samples", "0"], "--samples 0"),
        (["--suite", "families", "--model-path", "m", "--n", "0"], "--n 0"),
        (["--suite", "families", "--model-path", "m", "--mode", "beam"], "needs the critic"),
        (["--suite", "families", "--url", "http://x/v1", "--model", "m", "--key-env", "NO_SUCH_KEY"], "holds no key"),
        (["--suite", "families", "--model-path", "/nowhere"], "/nowhere"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    assert evaluate_command([*words, "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said
    assert not out.exists()


def test_the_pages_command_writes_the_report(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first block of docs/evaluation.md, on a tiny checkpoint and invented rows in place of the real ones."""
    block = PAGE.read_text().partition("```bash\n")[2].partition("```")[0]
    words = shlex.split(block.replace("\\\n", " "))
    assert words[:4] == ["python", "-m", "gpu_node", "evaluate"]
    places = {"../shared/data": str(data), "gpu_node/weights/svend-nano": str(tiny_checkpoint(tmp_path / "tiny"))}
    monkeypatch.chdir(tmp_path)
    assert evaluate_command([places.get(word, word) for word in words[4:]]) == 0
    result = json.loads((tmp_path / "gsm8k.json").read_text())
    assert [(row["family"], row["n"]) for row in result["families"]] == [("gsm8k", 2), ("mawps", 1)]
    assert "| gsm8k | 2 |" in capsys.readouterr().out
