"""Jobs read public layouts and mixtures as they are, show them as the model reads them, and generate through an API."""

import json
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from gpu_node.data.tokenizer import tokenizer_load
from gpu_node.protocol.job_frames import JobFailed, Metric
from gpu_node.protocol.job_spec import DataSpec, EndpointSpec, GenerateSpec
from gpu_node.protocol.plan import Preview, PreviewRequest, PreviewRow
from gpu_node.training.job_errors import JobRefused
from gpu_node.training.job_inputs import shipped_tokenizer_folder
from gpu_node.training.job_rows import rows_make
from tests.gpu_node.artifact_server import Artifacts, artifacts_served
from tests.gpu_node.job_node import JobNode, data_folder, error_of
from tests.gpu_node.layout_rows import ROWS
from tests.gpu_node.scripted_node import cast, node_of, served
from tests.gpu_node.test_job_kinds import artifact

pytestmark = pytest.mark.timeout(300)  # a job's process imports sympy and clients: slow where others compute too


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with served(node_of(cast(), tmp_path / "node")) as url, httpx.AsyncClient(base_url=url, timeout=30) as http:
        yield http


@pytest.fixture(scope="module")
def store() -> Iterator[Artifacts]:
    with artifacts_served() as served:
        yield served


def text_of(row: PreviewRow, *, learnt: bool = False) -> str:
    return "".join(token.text for token in row.tokens if not learnt or token.weight == 1.0)


async def test_a_preview_shows_a_public_layout_as_the_model_reads_it(
    client: httpx.AsyncClient, store: Artifacts, tmp_path: Path
) -> None:
    files = [store.take(data_folder(tmp_path / "gsm8k", ROWS["gsm8k"]))]
    asked = PreviewRequest(data=DataSpec(source="file"), files=files, num_rows=1)
    (row,) = Preview.model_validate((await client.post("/preview", content=asked.model_dump_json())).json()).rows
    assert '"expression": "4*1.50"}<|/tool_call|><|tool_result|>6<|/tool_result|><|think|>6.\nShe pays' in text_of(row)
    assert text_of(row, learnt=True).endswith("<|think|>9.<|/think|>9<|end|>")


async def test_a_preview_mixes_files_by_their_weights(
    client: httpx.AsyncClient, store: Artifacts, tmp_path: Path
) -> None:
    plain = [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(40)]
    camel = [ROWS["camel"][0] | {"message_1": f"Find the slope of y = {n}x."} for n in range(40)]
    files = [store.take(data_folder(tmp_path / name, rows)) for name, rows in (("a", plain), ("b", [*camel, camel[0]]))]
    data = DataSpec(source="mixture", files=["job_a:1@3", "job_b:1"])
    asked = PreviewRequest(data=data, files=files, num_rows=20)
    rows = Preview.model_validate((await client.post("/preview", content=asked.model_dump_json())).json()).rows
    slopes = sum("slope" in text_of(row) for row in rows)
    assert 1 <= slopes <= 9
    refused = await client.post("/preview", content=asked.model_copy(update={"files": files[:1]}).model_dump_json())
    assert error_of(refused) == (422, "bad_input")
    assert "'mixture' reads 2 files, not 1" in refused.json()["error"]["message"]


def test_a_mixture_takes_no_row_twice_and_none_that_is_broken(tmp_path: Path) -> None:
    tokenizer = tokenizer_load(shipped_tokenizer_folder())
    rows = [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(5)]
    data_folder(tmp_path / "data_0", rows)
    data_folder(tmp_path / "data_1", [*rows[:3], {"question": "What is 9 + 1?", "answer": "10"}])
    spec = DataSpec(source="mixture", files=["job_a:1", "job_b:1"])
    assert len(list(rows_make(spec, objective="sft", tokenizer=tokenizer, file=tmp_path))) == 6
    (tmp_path / "data_1" / "rows.jsonl").write_text('{"question": "What is 9 + 1?", "answer": "10"}\n{\n')
    with pytest.raises(JobRefused, match="rows.jsonl, line 2: no JSON"):
        list(rows_make(spec, objective="sft", tokenizer=tokenizer, file=tmp_path))


def test_an_answer_that_was_judged_wrong_is_not_taught(tmp_path: Path) -> None:
    tokenizer = tokenizer_load(shipped_tokenizer_folder())
    path = data_folder(tmp_path / "data", ROWS["kto"]) / "rows.jsonl"
    with pytest.raises(JobRefused, match="rows.jsonl, line 1: an answer that is not right"):
        list(rows_make(DataSpec(source="file"), objective="sft", tokenizer=tokenizer, file=path))
    (row,) = rows_make(DataSpec(source="file"), objective="verifier", tokenizer=tokenizer, file=path)
    assert row.labels is not None
    assert row.labels[-1] == 0.0


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"source": "mixture"}, "a mixture needs files"),
        ({"source": "mixture", "files": ["a@2", "a"]}, "a is in the mixture twice"),
        ({"source": "mixture", "files": ["a@much"]}, "String should match pattern"),
        ({"layout": "alpaca"}, "'openmathinstruct'"),
    ],
)
def test_data_that_cannot_be_is_refused_before_a_job(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError) as refused:
        DataSpec.model_validate(fields)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"model": ""}, "endpoint.model is missing"), ({"budget_nano_usd": 0}, "which buys nothing")],
)
def test_an_endpoint_that_cannot_be_asked_is_refused_before_a_job(fields: dict[str, object], said: str) -> None:
    whole = {"address": "http://127.0.0.1:1/v1", "model": "m", "budget_nano_usd": 1}
    with pytest.raises(ValueError) as refused:
        EndpointSpec.model_validate(whole | fields)
    assert said in str(refused.value)


@pytest.fixture
def asking_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[JobNode, str]]:
    """A node that may ask itself: its own API answers 42 to everything."""
    node = JobNode(tmp_path / "state", jobs_max=2)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        node.port = free.getsockname()[1]
    address = f"http://127.0.0.1:{node.port}/v1"
    monkeypatch.setenv("SVEND_GENERATE_ENDPOINTS", json.dumps({address: ""}))
    yield node.start(), address
    node.close()


def test_a_job_generates_through_an_api_that_its_node_may_ask(
    asking_node: tuple[JobNode, str], store: Artifacts, tmp_path: Path
) -> None:
    node, address = asking_node
    seeds = [{"question": f"What is {n} + {42 - n}?", "answer": "42"} for n in range(8)]
    seeds += [{"question": "What is 1 + 1?", "answer": "2"}]
    model = node.http.get("/v1/models").json()["data"][0]["id"]
    endpoint = EndpointSpec(
        address=address,
        model=model,
        prompt="ask",
        budget_nano_usd=10**9,
        prompt_nano_usd_per_million=3_000_000_000,
        completion_nano_usd_per_million=3_000_000_000,
        completion_tokens_max=64,
    )
    spec = GenerateSpec(data=DataSpec(source="file"), endpoint=endpoint)
    node.put("job_api", spec, {"data": store.take(data_folder(tmp_path / "seeds", seeds))})
    folder = artifact(node, store, "job_api", tmp_path / "made")
    assert len((folder / "rows.jsonl").read_text().splitlines()) == 8
    (rejected,) = map(json.loads, (folder / "rejected.jsonl").read_text().splitlines())
    assert rejected["reason"] == "answers '42', not '2'"
    figures = [event for event in node.events("job_api") if isinstance(event, Metric)][-1].values
    assert (figures["num_accepted"], figures["num_rejected"]) == (8, 1)
    elsewhere = endpoint.model_copy(update={"address": "https://elsewhere.example/v1"})
    node.put("job_elsewhere", GenerateSpec(endpoint=elsewhere))
    ended = node.wait_end("job_elsewhere")
    assert isinstance(ended, JobFailed)
    assert (ended.cause, address in ended.message) == ("bad_spec", True)
