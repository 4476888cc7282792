"""What a call shows besides its text: bounded, harmless, on the frame, never in what the model reads."""

import base64
import json
import struct
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gpu_node.protocol.frames import (
    FRAME_BYTES_MAX,
    ToolAttachment,
    ToolResult,
    Usage,
    frame_dump,
    frame_make,
    frame_parse,
)
from gpu_node.tools import attachments
from gpu_node.tools.attachment_check import attachments_passed
from gpu_node.tools.executor import ToolExecutor, ToolOutcome

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0L9 9" stroke="#123"/></svg>'
OPEN, CLOSE = '<svg xmlns="http://www.w3.org/2000/svg">', "</svg>"


def png(width: int, height: int) -> str:
    start = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height)
    return base64.b64encode(start + b"\x08\x02\0\0\0").decode()


def one(kind: str, data: str, title: str = "a figure") -> ToolAttachment:
    return ToolAttachment.model_validate({"kind": kind, "title": title, "data": data})


@pytest.mark.parametrize(
    "hostile",
    [
        f"{OPEN}<script>alert(1)</script>{CLOSE}",
        f"{OPEN}<path onload='alert(1)'/>{CLOSE}",
        f"{OPEN}<foreignObject/>{CLOSE}",
        f"{OPEN}<image href='http://example.com/x.png'/>{CLOSE}",
        f"{OPEN}<use href='#x'/>{CLOSE}",
        f"{OPEN}<style>*{{}}</style>{CLOSE}",
        f"{OPEN}<path fill='url(http://example.com)'/>{CLOSE}",
        f"{OPEN}<path style='fill:red'/>{CLOSE}",
        "<?xml version='1.0'?>" + SVG,
        '<!DOCTYPE s [<!ENTITY a "aaaaaaaaaa">]>' + SVG,
        f"{OPEN}<text>&a;</text>{CLOSE}",
        "<html><body/></html>",
        "<svg/>",
        f"{OPEN}{'<g>' * 3000}{'</g>' * 3000}{CLOSE}",
        OPEN,
        "",
    ],
)
def test_an_svg_that_could_do_anything_is_dropped(hostile: str) -> None:
    assert attachments_passed([one("svg", hostile), one("text", "kept")]) == (one("text", "kept"),)


def test_a_plain_svg_and_a_small_png_pass() -> None:
    found = [one("svg", SVG), one("png", png(640, 480))]
    assert attachments_passed(found) == tuple(found)


@pytest.mark.parametrize(
    "data", [png(100_000, 10), png(0, 5), "not base64!", "AAAA", base64.b64encode(b"GIF89a" * 9).decode()]
)
def test_a_png_of_an_insane_size_is_dropped(data: str) -> None:
    assert attachments_passed([one("png", data)]) == ()


def test_a_full_frame_holds_a_full_text_and_all_attachments() -> None:
    passed = attachments_passed([one("text", "\n" * 131_072)] + [one("text", '"' * 30_000)] * 8)
    result = ToolResult(call_id=1, status="ok", text="\x01" * 16_384, wall_ms=1, attachments=list(passed))
    frame = frame_make(run_id="r", epoch=1, seq=1, at_ms=0, usage=Usage(), event=result)
    assert len(passed) == 2
    assert len(frame_dump(frame).encode()) < FRAME_BYTES_MAX
    assert frame_parse(frame_dump(frame)) == frame


def test_a_frame_without_attachments_is_what_it_was_before_there_were_any() -> None:
    line = (
        '{"run_id":"run_1","epoch":1,"seq":1,"at_ms":5,"usage":{"prompt_tokens":0,"completion_tokens":0,'
        '"tool_result_tokens":0,"reasoning_tokens":0},"event":{"type":"tool.result","call_id":1,"status":"ok",'
        '"text":"4","wall_ms":1.5,"is_truncated":false},"crc":1050689722}'
    )
    assert frame_dump(frame_parse(line)) == line


def test_nothing_is_kept_where_nobody_collects() -> None:
    assert not attachments.is_wanted()
    assert not attachments.attach("text", "x", "y")


def test_what_does_not_fit_is_left_out() -> None:
    with attachments.collecting() as found:
        assert attachments.attach("png", "t" * 500, b"12345")
        assert not attachments.attach("text", "x", "y" * 200_000)
        assert [attachments.attach("text", "x", "y") for _ in range(9)].count(True) == 7
    assert len(found) == 8
    assert (found[0].data, len(found[0].title)) == ("MTIzNDU=", 120)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def executor() -> AsyncIterator[ToolExecutor]:
    tools = ToolExecutor(concurrent_calls_max=1)
    await tools.start()
    yield tools
    await tools.close()


async def ran(executor: ToolExecutor, code: str, **more: object) -> ToolOutcome:
    return await executor.call("execute_python", json.dumps({"code": code, **more}), timeout_seconds=60)


pytestmark = pytest.mark.filterwarnings("error")
in_the_fence = pytest.mark.asyncio(loop_scope="module")


@in_the_fence
async def test_a_figure_that_is_left_open_is_shown_and_not_read(executor: ToolExecutor) -> None:
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 2, 4])\nplt.title('growth')\nplt.show()\nprint('drawn')"
    outcome = await ran(executor, code)
    assert (outcome.status, outcome.text) == ("ok", "drawn")
    [figure] = outcome.attachments
    assert (figure.kind, figure.title) == ("png", "growth")
    assert len(base64.b64decode(figure.data)) > 5_000


@in_the_fence
async def test_a_forged_attachment_is_dropped_or_bounded(executor: ToolExecutor) -> None:
    forged = {
        "status": "ok",
        "text": "",
        "attachments": [{"kind": "svg", "title": "x", "data": f"{OPEN}<script/>{CLOSE}"}],
    }
    outcome = await ran(executor, f"import os\nos.write(3, {json.dumps(forged).encode()!r} + b'\\n')")
    assert (outcome.status, outcome.attachments) == ("ok", ())
    forged["attachments"] = forged["attachments"] * 9
    outcome = await ran(executor, f"import os\nos.write(3, {json.dumps(forged).encode()!r} + b'\\n')")
    assert outcome.status == "killed"


@in_the_fence
async def test_variables_are_kept_only_where_both_programs_ask(executor: ToolExecutor) -> None:
    programs: list[str] = []

    async def kept(code: str, **more: object) -> str:
        arguments = json.dumps({"code": code, **more})
        return (await executor.call("execute_python", arguments, timeout_seconds=60, programs=programs)).text

    first = await kept("import random\nx = random.random()\nprint('once')\nx", keep_variables=True)
    assert first.startswith("once\n0.")
    assert await kept("print('once')\nx", keep_variables=True) == first
    assert await kept("y = x\n1/0", keep_variables=True) == "ZeroDivisionError: division by zero"
    assert await kept("y", keep_variables=True) == first.removeprefix("once\n")
    assert await kept("x") == "NameError: name 'x' is not defined"
    assert len(programs) == 4


@in_the_fence
async def test_programs_that_keep_variables_have_a_bound(executor: ToolExecutor) -> None:
    programs = ["x = 1"] * 16
    outcome = await executor.call("execute_python", '{"code": "x", "keep_variables": true}', programs=programs)
    assert outcome.text == "Error: too many programs keep their variables: put what is needed into one without it"


@in_the_fence
@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("import subprocess\nsubprocess.run(['ls'])", "no program or process can be started here"),
        ("import os\nos.fork()", "no program or process can be started here"),
        ("import socket\nsocket.create_connection(('192.0.2.1', 80))", "there is no network here"),
        ("import urllib.request\nurllib.request.urlopen('http://example.com')", "there is no network here"),
        ("open('/etc/passwd')", "there are no files but your own in /tmp"),
        ("open('data.csv')", "there are no files but your own in /tmp"),
        ("import pandas", "the standard library, numpy, sympy, mpmath, z3 and matplotlib can be imported"),
        ("input()", "there is no input"),
    ],
)
async def test_what_is_forbidden_is_said_in_words(executor: ToolExecutor, code: str, hint: str) -> None:
    outcome = await ran(executor, code)
    assert outcome.status == "error"
    assert hint in outcome.text
