from __future__ import annotations

from collections.abc import Iterator

import pytest

from llamadesk.engine.jinja import render
from llamadesk.engine.renderer import RenderRequest, TemplateFailed, TemplateRenderer, TemplateUnusable

GOOD = "{% for m in messages %}{{ bos_token }}{{ m.role }}: {{ m.content | trim }}\n{% endfor %}"


def request(template: str, content: str = "hello", max_chars: int = 100_000) -> RenderRequest:
    return RenderRequest(template, [{"role": "user", "content": content}], "<s>", "</s>", max_chars)


@pytest.fixture(scope="module")
def renderer() -> Iterator[TemplateRenderer]:
    renderer = TemplateRenderer()
    yield renderer
    renderer.close()


def test_a_template_is_rendered(renderer: TemplateRenderer) -> None:
    assert renderer.render(request(GOOD, " 漢字 \n")) == "<s>user: 漢字\n"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{% if true %}\n  x\n{% endif %}\ny", "  x\ny"),  # trim_blocks, lstrip_blocks
        ("{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "01"),
        ("{{ {'a': 'é<'} | tojson }}", '{"a": "é<"}'),
        ("{{ strftime_now('%Y') | length }}", "4"),
        ("{{ messages[0]['content'].strip() }}{{ eos_token }}", "hello</s>"),
        ("{% generation %}x{% endgeneration %}", "x"),
        ("{% if tools is not none %}tools{% endif %}{{ add_generation_prompt }}", "True"),
    ],
)
def test_what_templates_rely_on(template: str, text: str) -> None:
    assert render(request(template)).text == text


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ raise_exception('Roles must alternate') }}", "Roles must alternate"),
        ("{% for %}", "TemplateSyntaxError"),
        ("{{ messages.append(1) }}", "SecurityError"),
        ("{{ ''.__class__.__mro__ }}", "SecurityError"),
        ("{{ range(1000000) | list }}", "OverflowError"),
    ],
)
def test_a_template_that_raises(renderer: TemplateRenderer, template: str, words: str) -> None:
    with pytest.raises(TemplateFailed, match=words):
        renderer.render(request(template))
    assert renderer.render(request(GOOD)) == "<s>user: hello\n"


def test_an_error_does_not_repeat_what_was_typed() -> None:
    reply = render(request("{{ raise_exception(messages[0].content) }}", "my secret"))
    assert reply.error == "TemplateError"


def test_the_length_is_bounded(renderer: TemplateRenderer) -> None:
    with pytest.raises(TemplateFailed, match="too long"):
        renderer.render(request("{% for i in range(9999) %}{{ 'x' * 100 }}{% endfor %}", max_chars=5000))


@pytest.mark.allow_log("too much time or memory")
@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 9 ** (9 ** 9) }}",  # within C, where no Python code could stop it
        "{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    ],
)
def test_time_and_memory_are_bounded_and_the_next_template_works(template: str) -> None:
    renderer = TemplateRenderer()
    try:
        with pytest.raises(TemplateUnusable):
            renderer.render(request(template))
        assert renderer.render(request(GOOD)) == "<s>user: hello\n"
    finally:
        renderer.close()


def test_a_long_chat_is_rendered_whole(renderer: TemplateRenderer) -> None:
    text = "word " * 400_000
    assert renderer.render(request(GOOD, text, max_chars=3_000_000)) == f"<s>user: {text.strip()}\n"
